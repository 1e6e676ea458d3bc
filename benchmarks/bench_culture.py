"""How much faster than real time the culture and the spike detector are, on one core.

    python benchmarks/bench_culture.py [seconds]

Every figure is the best of three runs over so many simulated seconds (10 by default).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np

from cl.sim.culture import create
from cl.sim.user.data_source import DataSourceStim
from cl.sim.user.detector import Detector

RATE = 25_000


def best(run: Callable[[], float]) -> float:
    return min(run() for _ in range(3))


def culture(seconds: float, window: int, stims_per_second: int = 0, **config: object) -> float:
    """Return the time it takes to read so many seconds in windows, with stims now and then."""
    source = create(**{"seed": 1, **config})
    every = RATE // stims_per_second if stims_per_second else None
    begin = time.perf_counter()
    for start in range(0, int(seconds * RATE), window):
        if every is not None and start % every < window:
            channel = 8 + start // every % 48
            source.on_stim(DataSourceStim(start, channel, start, (160, 160), (-1.0, 1.0)))
        source.read(start, window)
    return time.perf_counter() - begin


def detector(seconds: float, window: int) -> float:
    """Return the time it takes to feed so many seconds of frames with some 200 spikes/s in windows."""
    frames = create(seed=1).read(0, int(seconds * RATE)).frames
    assert isinstance(frames, np.ndarray)
    found = Detector()
    begin = time.perf_counter()
    for start in range(0, len(frames), window):
        found.feed(frames[start : start + window])
    return time.perf_counter() - begin


def report(name: str, seconds: float, taken: float) -> None:
    print(f"{name:<58} {1e3 * taken / seconds:8.1f} ms/s {seconds / taken:8.1f} x real time")


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    for window in (RATE, 250, 25, 1):
        length = seconds if window > 1 else seconds / 5
        report(f"culture, 1000 neurons, windows of {window}", length, best(lambda: culture(length, window)))  # noqa: B023
    for stims in (10, 200, 1_000):
        taken = best(lambda: culture(seconds, 25, stims_per_second=stims))  # noqa: B023
        report(f"culture, windows of 25, {stims} stims/s", seconds, taken)
    report(
        "culture, plasticity, windows of 250", seconds, best(lambda: culture(seconds, 250, plasticity=True))
    )
    report(
        "culture, 5000 neurons, windows of 250",
        seconds,
        best(lambda: culture(seconds, 250, size=5_000, connectivity=0.05)),
    )
    for window in (RATE, 250, 25, 1):
        length = seconds if window > 1 else seconds / 5
        report(f"detector, 64 channels, windows of {window}", length, best(lambda: detector(length, window)))  # noqa: B023


if __name__ == "__main__":
    main()
