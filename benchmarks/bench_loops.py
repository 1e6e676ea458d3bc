"""Loops and reads on the simulator: how much faster than real time, and how late in wall-clock time.

    python benchmarks/bench_loops.py [accelerated] [wall] [startup] [memory]

Prints figures and ratios, with the machine's load; runs everything if nothing is named. Each accelerated
figure is the median of five runs with fresh seeds over 60 simulated seconds, after a warm-up.
"""

from __future__ import annotations

import asyncio
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

os.environ["CL_SDK_VISUALISATION"] = "0"

import cl
from cl._core.host_clock import WallClock
from cl._core.lateness import Lateness, LoopStatistics

SECONDS = 60
RUNS = 5


def load() -> str:
    return "load " + " ".join(f"{x:.2f}" for x in os.getloadavg())


def figure(name: str, target: float, run: Callable[[], None]) -> None:
    factors = []
    for seed in range(RUNS + 1):
        os.environ["CL_SDK_RANDOM_SEED"] = str(1000 + seed)
        began = time.perf_counter()
        run()
        factors.append(SECONDS / (time.perf_counter() - began))
    found = statistics.median(factors[1:])
    mark = "ok" if found >= target else "BELOW"
    print(f"{name:46s} {found:8.1f}x  (target {target:g}x, {mark}; {load()})", flush=True)


def spikes_only(rate: int) -> Callable[[], None]:
    def run() -> None:
        with cl.open() as neurons:
            for tick in neurons.loop(rate, stop_after_seconds=SECONDS):
                for _ in tick.analysis.spikes:
                    pass

    return run


def with_frames() -> None:
    with cl.open() as neurons:
        for tick in neurons.loop(1000, stop_after_seconds=SECONDS):
            for _ in tick.analysis.spikes:
                pass
            tick.frames  # noqa: B018


def reads() -> None:
    with cl.open() as neurons:
        for _ in range(SECONDS):
            neurons.read(25_000)


def reads_in_bodies() -> None:
    with cl.open() as neurons:
        for tick in neurons.loop(1000, stop_after_seconds=SECONDS):
            neurons.read(25, tick.iteration_timestamp - 25, analysis=True)


def closed_loop() -> None:
    design = cl.StimDesign(160, -1.0, 160, 1.0)
    with cl.open() as neurons:
        for tick in neurons.loop(1000, stop_after_seconds=SECONDS):
            for spike in tick.analysis.spikes:
                neurons.stim(spike.channel, design)


def bursts() -> None:
    with cl.open() as neurons:
        channels = cl.ChannelSet(range(64)) & ~cl.ChannelSet(4)
        neurons.stim(channels, 1.0, cl.BurstDesign(200 * SECONDS, 200))
        for tick in neurons.loop(100, stop_after_seconds=SECONDS):
            for _ in tick.analysis.stims:
                pass


def async_spikes(rate: int) -> Callable[[], None]:
    async def main() -> None:
        async with cl.aopen() as neurons:
            async for tick in neurons.aloop(rate, stop_after_seconds=SECONDS):
                for _ in tick.analysis.spikes:
                    pass

    return lambda: asyncio.run(main())


async def _one(neurons: cl.Neurons) -> None:
    async for tick in neurons.aloop(100, stop_after_seconds=SECONDS):
        for _ in tick.analysis.spikes:
            pass


def ten_loops() -> None:
    async def main() -> None:
        async with cl.aopen() as neurons, asyncio.TaskGroup() as group:
            for _ in range(10):
                group.create_task(_one(neurons))

    asyncio.run(main())


def accelerated() -> None:
    os.environ["CL_SDK_ACCELERATED_TIME"] = "1"
    figure("sync loop, 1 kHz, spikes", 300, spikes_only(1000))
    figure("sync loop, 25 kHz, spikes", 15, spikes_only(25_000))
    figure("sync loop, 1 kHz, spikes and frames", 80, with_frames)
    figure("read of 25 000-frame blocks", 80, reads)
    figure("sync loop, 1 kHz, a read in each body", 100, reads_in_bodies)
    figure("async loop, 1 kHz, spikes", 150, async_spikes(1000))
    figure("async loop, 25 kHz, spikes", 8, async_spikes(25_000))
    figure("ten async loops, 100 Hz", 60, ten_loops)
    figure("closed loop, 1 kHz, one stim per spike", 200, closed_loop)
    figure("59 channels in bursts of 200 Hz, 100 Hz loop", 20, bursts)


def bare(rate: int, seconds: float) -> LoopStatistics:
    clock, lateness = WallClock(0), Lateness()
    n = 25_000 // rate
    for i in range(1, int(rate * seconds) + 1):
        clock.wait(i * n)
        lateness.add(time.perf_counter_ns() - clock.due_ns(i * n))
    return lateness.statistics()


def ours(rate: int, seconds: float) -> LoopStatistics:
    with cl.open() as neurons:
        loop = neurons.loop(rate, stop_after_seconds=seconds)
        for tick in loop:
            for _ in tick.analysis.spikes:
                pass
        return loop.statistics()


def wall() -> None:
    os.environ.pop("CL_SDK_ACCELERATED_TIME", None)
    ours(1000, 1)
    for rate, more, runs in ((100, 60, 9), (1000, 60, 5), (25_000, 20, 5)):
        pairs = [(bare(rate, 5), ours(rate, 5)) for _ in range(runs)]
        floor = statistics.median(p[0].p99_us for p in pairs)
        found = statistics.median(p[1].p99_us for p in pairs)
        mark = "ok" if found <= floor + more else "ABOVE"
        print(
            f"wall clock, {rate} Hz: p99 lateness {found:.0f} µs, bare loop {floor:.0f} µs "
            f"(target {floor + more:.0f} µs, {mark}; {load()})"
        )
        for kind, index in (("bare", 0), ("ours", 1)):
            print(f"    {kind}: " + " | ".join(f"{p[index].p99_us:.0f}" for p in pairs) + " µs")
    began, used = time.perf_counter(), time.process_time()
    found = ours(25_000, 60)
    print(f"25 kHz for a minute: took {time.perf_counter() - began:.3f} s, {found}")
    used = time.process_time()
    ours(100, 10)
    print(f"100 Hz: {(time.process_time() - used) / 10:.1%} of a core (target < 10 %)")


TICK = """
import os
os.environ["CL_SDK_VISUALISATION"] = "0"
import cl
with cl.open() as neurons:
    next(iter(neurons.loop(1000)))
"""
OPEN = """
import os, time
os.environ["CL_SDK_VISUALISATION"] = "0"
import numpy, cl
cl.open
t = time.perf_counter()
with cl.open():
    print(time.perf_counter() - t)
"""


def startup() -> None:
    # As installed: with compiled files, which the warm-up writes.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

    def fresh(code: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, stderr=subprocess.DEVNULL)
        return time.perf_counter() - began

    pairs = [(fresh("import numpy, h5py"), fresh(TICK)) for _ in range(9)][2:]
    floor, found = (statistics.median(p[i] for p in pairs) for i in (0, 1))
    mark = "ok" if found <= 1.5 * floor else "ABOVE"
    print(
        f"fresh process to first tick {found:.3f} s, bare imports {floor:.3f} s "
        f"({found / floor:.2f}x, {mark}; {load()})"
    )
    times = [
        float(subprocess.run([sys.executable, "-c", OPEN], check=True, capture_output=True, text=True).stdout)
        for _ in range(7)
    ]
    print(f"open() in a fresh process {statistics.median(times) * 1000:.1f} ms (target 30 ms)")


def memory() -> None:
    os.environ["CL_SDK_ACCELERATED_TIME"] = "1"
    with cl.open() as neurons:
        peaks = []
        for tick in neurons.loop(100, stop_after_seconds=3600):
            for _ in tick.analysis.spikes:
                pass
            if tick.iteration % 90_000 == 89_999:
                tick.frames  # noqa: B018
                peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    print(f"memory over an hour of simulated time, by quarters: {peaks} MB (target flat, under 120)")


def main() -> None:
    parts = {"accelerated": accelerated, "wall": wall, "startup": startup, "memory": memory}
    for name in sys.argv[1:] or parts:
        if name == "memory" and sys.argv[1:] != ["memory"]:
            # What other parts have used would count, too.
            subprocess.run([sys.executable, __file__, name], check=True)
        else:
            parts[name]()


if __name__ == "__main__":
    main()
