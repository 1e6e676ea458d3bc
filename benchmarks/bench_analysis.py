"""The metrics of recordings: 120 s, an hour, growth with spikes and bins, and a thousand files as one.

    python benchmarks/bench_analysis.py [--hour] [--growth] [--many]

Without options all of it. Times are the least of some, in ms, on a view that is open: `cold` is the first
metric of a view, which reads the spikes, `warm` another one of it. Memory is what the process had most of.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import cl
from cl.analysis import open_many

METRICS: dict[str, dict[str, Any]] = {
    "firing_stats": {"bin_size_sec": 0.1},
    "network_bursts": {"bin_size_sec": 0.1, "onset_freq_hz": 5, "offset_freq_hz": 1},
    "information_entropy": {"bin_size_sec": 0.1},
    "dct_features": {"k": 8},
    "spike_triggered_histogram": {
        "bin_size_sec": 0.005,
        "start_sec": 0.05,
        "end_sec": 0.05,
        "num_channels": 8,
    },
    "functional_connectivity": {"bin_size_sec": 0.05},
    "lempel_ziv_complexity": {"bin_size_sec": 0.1},
    "criticality": {"bin_size_sec": 0.004, "percentile_threshold": 0.5},
}
TARGETS = dict(zip(METRICS, (40, 15, 10, 15, 30, 100, 200, 900), strict=True))
SPIKE = np.dtype([("timestamp", "i8"), ("channel", "u1"), ("samples", "f4", 75)])
SPIKING = np.array([channel for channel in range(64) if channel not in (0, 4, 7, 56, 63)])


def spikes_of_a_culture(count: int, frames: int, seed: int) -> tuple[Any, Any]:
    """Return times and channels: two thirds at random, a third in bursts of all channels."""
    random = np.random.default_rng(seed)
    in_bursts = count // 3
    centres = random.integers(0, frames, max(1, frames // 100_000))
    bursts = random.choice(centres, in_bursts) + random.normal(0, 1500, in_bursts).astype(np.int64)
    times = np.concatenate([random.integers(0, frames, count - in_bursts), np.clip(bursts, 0, frames - 1)])
    weights = random.gamma(2.0, size=len(SPIKING))
    channels = random.choice(SPIKING, count, p=weights / weights.sum())
    order = np.lexsort((channels, times))
    return times[order], channels[order]


def write(path: Path, count: int, seconds: float, seed: int = 1, start: int = 0) -> Path:
    """Write a recording of so many spikes."""
    frames = int(seconds * 25_000)
    times, channels = spikes_of_a_culture(count, frames, seed)
    with h5py.File(path, "w") as file:
        file.attrs.update(channel_count=64, frames_per_second=25_000, sampling_frequency=25_000)
        file.attrs.update(uV_per_sample_unit=0.195, start_timestamp=start, end_timestamp=start + frames)
        file.attrs.update(duration_frames=frames, duration_seconds=frames / 25_000, ended_utc="x")
        table = file.create_dataset("spikes", (count,), SPIKE, chunks=(423,), maxshape=(None,))
        for first in range(0, count, 50_000):
            rows = np.zeros(min(50_000, count - first), SPIKE)
            rows["timestamp"] = times[first : first + len(rows)]
            rows["channel"] = channels[first : first + len(rows)]
            table[first : first + len(rows)] = rows
    return path


def least_ms(call: Callable[[], object], repeats: int) -> float:
    """Return the least time of some calls."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best * 1e3


def peak_mb() -> float:
    """Return the most memory that the process had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def cold_ms(path: Path, name: str, repeats: int) -> float:
    """Return the least time of a view's first metric."""
    best = float("inf")
    for _ in range(repeats):
        with cl.RecordingView(path) as view:
            best = min(best, least_ms(partial(getattr(view, f"analyse_{name}"), **METRICS[name]), 1))
    return best


def bench_minutes(folder: Path) -> None:
    path = write(folder / "minutes.h5", 40_000, 120)
    print(f"{'120 s, 40 000 spikes':28}{'cold':>9}{'warm':>9}{'target':>9}  ms")
    with cl.RecordingView(path) as view:
        for name, arguments in METRICS.items():
            call = partial(getattr(view, f"analyse_{name}"), **arguments)
            call()
            warm = least_ms(call, 7)
            print(f"{name:28}{cold_ms(path, name, 5):9.1f}{warm:9.1f}{TARGETS[name]:9}")


def bench_hour(folder: Path) -> None:
    before = peak_mb()
    path = write(folder / "hour.h5", 1_500_000, 3600)
    written = peak_mb()
    total = 0.0
    print("an hour, 1 500 000 spikes: s")
    with cl.RecordingView(path) as view:
        for name, arguments in METRICS.items():
            start = time.perf_counter()
            getattr(view, f"analyse_{name}")(**arguments)
            total += time.perf_counter() - start
            print(f"  {name:28}{time.perf_counter() - start:8.2f}   peak {peak_mb():.0f} MB")
    print(f"  all eight {total:.2f} s, peak {peak_mb():.0f} MB; {before:.0f} MB at first, {written:.0f} then")


def bench_growth(folder: Path) -> None:
    print(f"{'growth: ms':28}{'1x':>9}{'4x':>9}{'16x':>9}")
    paths = [write(folder / f"growth{n}.h5", 25_000 * n, 60 * n) for n in (1, 4, 16)]
    for name in METRICS:
        times = [cold_ms(path, name, 2) for path in paths]
        print(f"{name:28}" + "".join(f"{ms:9.1f}" for ms in times))


def bench_many(folder: Path) -> None:
    paths = [write(folder / f"many{n}.h5", 400, 1.2, n, n * 30_000) for n in range(1000)]
    print(f"open_many of 1 000 files {least_ms(lambda: open_many(paths).close(), 3):.0f} ms")
    for name in METRICS:
        with open_many(paths) as view:
            ms = least_ms(partial(getattr(view, f"analyse_{name}"), **METRICS[name]), 1)
            print(f"  {name:28}{ms:9.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("minutes", "hour", "growth", "many"):
        parser.add_argument(f"--{name}", action="store_true")
    options = vars(parser.parse_args())
    wanted = [name for name, given in options.items() if given] or list(options)
    with tempfile.TemporaryDirectory() as folder:
        for name in wanted:
            globals()[f"bench_{name}"](Path(folder))


if __name__ == "__main__":
    main()
