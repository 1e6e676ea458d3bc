"""What a second open device costs the first one: nothing, where each has a time of its own.

    python benchmarks/bench_devices.py [--seconds 20] [--pairs 5]

A loop that visits every spike at 1 kHz, one that does nothing at 25 kHz, and reads of a second, in
accelerated time: with one device alone, with a second one open that nobody uses, and with one that another
thread runs all the time (which takes half of Python: half of the speed is what there is). Each figure is the
median of so many runs, made in turn; the last column has a second one on the same `VirtualTime`, open and
idle.
"""

from __future__ import annotations

import argparse
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

os.environ["CL_SDK_VISUALISATION"] = "0"

import cl
from cl.sim import Simulator


def spikes(neurons: cl.Neurons, seconds: int) -> None:
    for tick in neurons.loop(1_000, stop_after_seconds=seconds):
        for spike in tick.analysis.spikes:
            spike.timestamp  # noqa: B018


def empty(neurons: cl.Neurons, seconds: int) -> None:
    for _ in neurons.loop(25_000, stop_after_seconds=seconds):
        pass


def reads(neurons: cl.Neurons, seconds: int) -> None:
    for _ in range(seconds):
        neurons.read(25_000)


@contextmanager
def nobody() -> Iterator[None]:
    yield


@contextmanager
def idle(time: cl.VirtualTime | None = None) -> Iterator[None]:
    with cl.open(device=Simulator(seed=2, accelerated=True, time=time)):
        yield


@contextmanager
def running() -> Iterator[None]:
    stop = threading.Event()

    def run() -> None:
        with cl.open(device=Simulator(seed=2, accelerated=True)) as neurons:
            for _ in neurons.loop(1_000):
                if stop.is_set():
                    break

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def factor(job: Callable[[cl.Neurons, int], None], company: str, seconds: int) -> float:
    """Return how many times as fast as the device the job was."""
    shared = cl.VirtualTime()
    companies = {"alone": nobody, "idle": idle, "running": running, "one time": lambda: idle(shared)}
    own = shared if company == "one time" else None
    with cl.open(device=Simulator(seed=1, accelerated=True, time=own)) as neurons, companies[company]():
        began = time.perf_counter()
        job(neurons, seconds)
        return seconds / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args()
    companies = ("alone", "idle", "running", "one time")
    print(f"{'':16}" + "".join(f"{company:>18}" for company in companies))
    for name, job, share in (
        ("spikes, 1 kHz", spikes, 5),
        ("empty, 25 kHz", empty, 1),
        ("reads of 1 s", reads, 1),
    ):
        found: dict[str, list[float]] = {company: [] for company in companies}
        for _ in range(options.pairs):
            for company in companies:
                found[company].append(factor(job, company, share * options.seconds))
        alone = statistics.median(found["alone"])
        columns = (statistics.median(found[company]) for company in companies)
        print(f"{name:16}" + "".join(f"{x:9.0f} x ({x / alone:4.2f})" for x in columns))
    print("load " + " ".join(f"{x:.2f}" for x in os.getloadavg()))


if __name__ == "__main__":
    main()
