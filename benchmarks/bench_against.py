"""Figures of this checkout and of another one, run in alternation: what a change has cost or gained.

    git worktree add ../before COMMIT
    python benchmarks/bench_against.py ../before [NAME ...] [--pairs 9]

Each figure is taken in processes of its own, this checkout's and the other's in turn, since a machine's
speed drifts; the ratio is the median of the pairs' ratios. Accelerated figures are times real time, by
processor time; those in µs are costs, for which less is better. Only the public interface is used, so that
most commits can be compared.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
ENVIRONMENT = {
    "CL_SDK_ACCELERATED_TIME": "1",
    "CL_SDK_VISUALISATION": "0",
    "CL_SDK_RANDOM_SEED": "11",
}


def times_real(run: Callable[[], None], seconds: float) -> float:
    """Return how many times faster than real time a run of so many seconds is: the best of three."""
    run()
    took = []
    for _ in range(3):
        began = time.process_time()
        run()
        took.append(time.process_time() - began)
    return seconds / min(took)


def loop(rate: int, seconds: float, *, spikes: bool = True, frames: bool = False) -> float:
    import cl

    def run() -> None:
        with cl.open() as neurons:
            for tick in neurons.loop(rate, stop_after_seconds=seconds):
                if spikes:
                    for _ in tick.analysis.spikes:
                        pass
                if frames:
                    _ = tick.frames

    return times_real(run, seconds)


def closed_loop(seconds: float) -> float:
    import cl

    def run() -> None:
        design = cl.StimDesign(160, -1, 160, 1)
        with cl.open() as neurons:
            for tick in neurons.loop(1000, stop_after_seconds=seconds):
                for spike in tick.analysis.spikes:
                    neurons.stim(spike.channel, design)

    return times_real(run, seconds)


def reads(seconds: int) -> float:
    import cl

    def run() -> None:
        with cl.open() as neurons:
            for _ in range(seconds * 10):
                neurons.read(2_500)

    return times_real(run, seconds)


def recordings(count: int, seconds: float, samples: bool) -> float:
    import cl

    def run() -> None:
        with tempfile.TemporaryDirectory() as folder, cl.open() as neurons:
            running = [
                neurons.record(file_location=folder, include_raw_samples=samples) for _ in range(count)
            ]
            for _ in neurons.loop(100, stop_after_seconds=seconds):
                pass
            for recording in running:
                recording.stop()

    return times_real(run, seconds)


def async_loops(count: int, rate: int, seconds: float) -> float:
    import cl

    async def one(neurons: cl.Neurons) -> None:
        async for _ in neurons.aloop(rate, stop_after_seconds=seconds):
            pass

    async def main() -> None:
        async with cl.aopen() as neurons:
            with neurons.hold():
                tasks = [asyncio.create_task(one(neurons)) for _ in range(count)]
                for _ in range(2):
                    await asyncio.sleep(0)
            await asyncio.gather(*tasks)

    return times_real(lambda: asyncio.run(main()), seconds)


def participant_us(count: int, seconds: float) -> float:
    """What a tick costs a participant, in µs."""
    return 1e6 / async_loops(count, 100, seconds) / (100 * count)


def sleep_us(count: int) -> float:
    import cl

    async def main() -> None:
        async with cl.aopen() as neurons:
            for _ in range(count):
                await neurons.asleep(0.001)

    return 1e6 / times_real(lambda: asyncio.run(main()), count)


def source_us(timeout: float | None, seconds: float) -> float:
    """What a tick costs with a source that reacts to stims and does nothing, in µs of wall time."""
    import numpy as np

    import cl
    from cl.sim import DataSourceBatch, SimulatorDataSource, SimulatorDataSourceMetadata

    silence = np.zeros((2_500, 64), np.int16)

    class Silent(SimulatorDataSource):
        @property
        def metadata(self) -> SimulatorDataSourceMetadata:
            return SimulatorDataSourceMetadata(read_timeout_seconds=timeout)

        def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
            return DataSourceBatch(silence[:frame_count])

        def on_stims(self, stims: object) -> None:
            pass

    cl.sim.set_simulator_data_source(Silent)
    best = float("inf")
    for _ in range(4):
        with cl.open() as neurons:
            began = time.perf_counter()
            for _ in neurons.loop(1000, stop_after_seconds=seconds):
                pass
            best = min(best, time.perf_counter() - began)
    cl.sim.clear_simulator_data_source()
    return best * 1e3 / seconds


FIGURES: dict[str, Callable[[], float]] = {
    "loop 1 kHz, empty": lambda: loop(1000, 60, spikes=False),
    "loop 1 kHz, every spike": lambda: loop(1000, 60),
    "loop 25 kHz, every spike": lambda: loop(25_000, 4),
    "loop 1 kHz, frames": lambda: loop(1000, 20, frames=True),
    "closed loop 1 kHz": lambda: closed_loop(40),
    "reads of 0.1 s": lambda: reads(20),
    "recording": lambda: recordings(1, 20, samples=True),
    "recording without samples": lambda: recordings(1, 20, samples=False),
    "4 recordings without samples": lambda: recordings(4, 10, samples=False),
    "16 recordings without samples": lambda: recordings(16, 4, samples=False),
    "async loop 1 kHz": lambda: async_loops(1, 1000, 10),
    "10 async loops 100 Hz": lambda: async_loops(10, 100, 20),
    "participant's tick, of 10 (µs)": lambda: participant_us(10, 20),
    "participant's tick, of 100 (µs)": lambda: participant_us(100, 4),
    "participant's tick, of 1000 (µs)": lambda: participant_us(1000, 2),
    "sleep on device time (µs)": lambda: sleep_us(3_000),
    "tick, source without timeout (µs)": lambda: source_us(None, 5),
    "tick, source by default (µs)": lambda: source_us(30.0, 2),
}


def measured(checkout: Path, name: str) -> float:
    """Return a figure of a checkout, from a process of its own."""
    environment = {**os.environ, **ENVIRONMENT, "PYTHONPATH": str(checkout)}
    command = [sys.executable, __file__, "--figure", name, str(checkout)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(result.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("checkout", type=Path, help="the checkout to compare with")
    parser.add_argument("names", nargs="*", help="parts of the figures' names; all by default")
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--figure", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.figure:
        print(FIGURES[arguments.figure]())
        return
    other = arguments.checkout.resolve()
    for name in FIGURES:
        if arguments.names and not any(part in name for part in arguments.names):
            continue
        pairs = [(measured(ROOT, name), measured(other, name)) for _ in range(arguments.pairs)]
        here, there = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(a / b for a, b in pairs)
        print(f"{name:36s} {here:9.2f} here {there:9.2f} there, ratio {ratio:5.2f}", flush=True)


if __name__ == "__main__":
    main()
