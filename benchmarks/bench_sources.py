"""What the simulator's sources cost, per simulated second: python benchmarks/bench_sources.py [seconds].

Prints the median of 5 runs. "Overhead" compares a user's source asked by a bare loop at 1 kHz with the
same source asked through the simulator's interface, which asks it in blocks of 2 500 frames unless
it reacts to stims.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import numpy as np

from cl.sim import (
    DataSourceBatch,
    DataSourceSpike,
    LiveDataSink,
    SimulatorDataSource,
    SimulatorDataSourceMetadata,
)
from cl.sim.pull import PullSource
from cl.sim.random_source import RandomSource
from cl.sim.replay_source import ReplaySource

SECOND = 25_000
REFERENCE = Path(__file__).resolve().parents[2] / "shared" / "data" / "reference_recording.h5"


def windows(start: int, stop: int, size: int, take: Callable[[int, int], object]) -> None:
    """Ask for one window after the other."""
    for first in range(start, stop, size):
        take(first, first + size)


def measure(what: str, seconds: int, run: Callable[[int, int], object], unit: float = 1e3) -> float:
    """Print and return the median time of 5 runs for one simulated second."""
    times = []
    for number in range(6):
        first = number * seconds * SECOND
        begun = time.perf_counter()
        run(first, first + seconds * SECOND)
        times.append((time.perf_counter() - begun) / seconds)
    median = statistics.median(times[1:])
    print(f"{what:58s} {median * unit:9.2f} {'ms' if unit == 1e3 else 'µs'}   {1 / median:9.0f} ×")
    return median


class Noise(SimulatorDataSource):
    """A user's source of the plain kind: a noise that is the same however it is asked."""

    def __init__(self, **metadata: object) -> None:
        self._metadata = SimulatorDataSourceMetadata(**metadata)  # type: ignore[arg-type]
        self._noise = np.random.default_rng(1).normal(0, 12, (10_000, 64)).astype(np.int16)

    @property
    def metadata(self) -> SimulatorDataSourceMetadata:
        return self._metadata

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        frames = self._noise[(from_timestamp + np.arange(frame_count)) % 10_000]
        return DataSourceBatch(frames, [DataSourceSpike(from_timestamp, 8)])


def bare(start: int, stop: int) -> None:
    source = Noise()
    windows(start, stop, 25, lambda first, last: source.read(first, last - first))


def through(size: int, **metadata: object) -> Callable[[int, int], None]:
    def run(start: int, stop: int) -> None:
        source = Noise(start_timestamp=start, **metadata)
        adapter = PullSource(source, "noise", source.metadata)
        adapter.open()
        windows(start, stop, size, adapter.read)
        adapter.close()

    return run


def live(start: int, stop: int) -> None:
    sink = LiveDataSink(start)
    frames = np.zeros((25, 64), np.int16)

    def emit() -> None:
        for first in range(start, stop, 25):
            sink.emit_batch(DataSourceBatch(frames, [DataSourceSpike(first, 8)]))

    producer = Thread(target=emit)
    producer.start()
    windows(start, stop, 25, lambda first, last: sink.read(first, last, 30))
    producer.join()


def main() -> None:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    print(f"load {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores; per simulated second, {seconds} s a run")
    begun = time.perf_counter()
    random = RandomSource(1)
    print(f"{'RandomSource(seed)':58s} {(time.perf_counter() - begun) * 1e3:9.2f} ms")
    measure(
        "random: spikes in windows of 1 s", seconds, lambda a, b: windows(a, b, SECOND, random.spikes), 1e6
    )
    measure("random: spikes in windows of 25 frames", seconds, lambda a, b: windows(a, b, 25, random.spikes))
    measure("random: frames in windows of 25", seconds, lambda a, b: windows(a, b, 25, random.frames))
    measure("random: frames in windows of 25 000", seconds, lambda a, b: windows(a, b, SECOND, random.frames))
    if REFERENCE.exists():
        replay = ReplaySource(REFERENCE, 0)
        replay.open()
        measure(
            "replay: spikes in windows of 1 s",
            seconds,
            lambda a, b: windows(a, b, SECOND, replay.spikes),
            1e6,
        )
        measure("replay: frames in windows of 25", seconds, lambda a, b: windows(a, b, 25, replay.frames))
        replay.close()
    floor = measure("own source, bare, 1 kHz", seconds, bare)
    for what, size, metadata in (
        ("own source, not reactive (2 500 frames at a time)", 2_500, {}),
        ("own source, reactive, 1 kHz, no timeout", 25, {"read_timeout_seconds": None}),
        ("own source, reactive, 1 kHz", 25, {}),
    ):
        cost = measure(what, seconds, through(size, **metadata))
        print(f"{'':58s} {cost / floor - 1:+9.0%} over the bare source")
    measure("live sink, emitted and read at 1 kHz by two threads", seconds, live)


if __name__ == "__main__":
    main()
