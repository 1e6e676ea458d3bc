"""What live metrics cost in a closed loop: `update()` of windows of 1 ms, for quiet and for busy dishes.

    python benchmarks/bench_live_analysis.py [--windows 20000]

Prints mean, median, 99.9th percentile and the largest of CPU time per update, and the machine's load. The
target: 20 µs for 1 ms of data, in the mean.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cl import DetectionResult, Spike, Stim
from cl.analysis import LiveBursts, LivePsth, LiveRates

LIVE: dict[str, Any] = {
    "LiveRates(1.0)": lambda: LiveRates(),
    "LiveRates(0.001)": lambda: LiveRates(0.001),
    "LiveBursts(0.02, 5, 1)": lambda: LiveBursts(0.02, 5, 1),
    "LivePsth()": lambda: LivePsth(),
    "LivePsth(blank_sec=0.002)": lambda: LivePsth(blank_sec=0.002),
}
DISHES = {"quiet, 80 spikes/s, 2 stims/s": (80, 2), "busy, 3000 spikes/s, 20 stims/s": (3000, 20)}


def windows(count: int, spikes_per_s: float, stims_per_s: float) -> list[DetectionResult]:
    draw = random.Random(1)
    found = []
    for number in range(count):
        at = number * 25
        spikes = [
            Spike(at + frame, draw.randrange(64))
            for frame in range(25)
            for _ in range(3)
            if draw.random() < spikes_per_s / 75_000
        ]
        stims = [Stim(at, draw.randrange(64))] if draw.random() < stims_per_s / 1000 else []
        found.append(DetectionResult(at, at + 25, spikes, stims))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=20_000)
    count = parser.parse_args().windows
    print(f"load {os.getloadavg()[0]:.1f}")
    for dish, rates in DISHES.items():
        given = windows(count, *rates)
        print(dish)
        for name, make in LIVE.items():
            live = make()
            costs = []
            for window in given:
                began = time.thread_time_ns()
                live.update(window)
                costs.append((time.thread_time_ns() - began) / 1000)
            costs.sort()
            mean, high = sum(costs) / count, costs[int(count * 0.999)]
            print(
                f"  {name:28} mean {mean:6.2f} µs, median {costs[count // 2]:6.2f}, "
                f"99.9 % {high:7.1f}, most {costs[-1]:8.1f}"
            )


if __name__ == "__main__":
    main()
