"""What a program gets from a device: lateness, latency, CPU, and whether every frame arrives.

    python benchmarks/bench_hw_program.py [seconds] [--long] [--burn]

The device is the emulator, beside the program on the same cores. `--long` runs 60 s at 25 kHz instead, with
a 1 kHz loop, a recording and a counter in every frame; `--burn` has another process burn a core meanwhile.
"""

from __future__ import annotations

import argparse
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from bench_hw import cpu_of, line, load

import cl
from cl.hw.driver import commander
from cl.hw.driver.device import HardwareDevice
from cl.hw.driver.session import Session
from cl.hw.emulator import EmulatorProcess
from cl.hw.emulator.sources import read_stamps
from cl.hw.wire.layout import RegionKind, Register, RingWord

CHANNELS = [c for c in range(1, 63) if c not in (7, 56)]


@contextmanager
def burner(burns: bool) -> Iterator[None]:
    child = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if burns else None
    try:
        yield
    finally:
        if child is not None:
            child.kill()
            child.wait()


def bare_loop(emulator: EmulatorProcess, seconds: float) -> list[int]:
    """Return how old each interrupt is when a loop around `poll` has it: no driver, no thread, no engine."""
    session = Session(emulator.address, data_vectors=1)
    words, registers = session.regions[RegionKind.FRAMES].words, session.regions[RegionKind.REGISTERS].words
    fd, poller, ages = session.data_fds[0], select.poll(), []
    poller.register(fd, select.POLLIN)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        poller.poll(100)
        os.eventfd_read(fd)
        assert words[RingWord.PRODUCED]
        ages.append(time.perf_counter_ns() - registers[Register.DATA_RAISED_NS])
    session.close()
    return ages[10:]


def share(emulator: EmulatorProcess, name: str, work: Callable[[], object]) -> None:
    began, mine, theirs = time.perf_counter(), time.process_time(), cpu_of(emulator.pid)
    work()
    took = time.perf_counter() - began
    mine, theirs = (time.process_time() - mine) / took, (cpu_of(emulator.pid) - theirs) / took
    print(f"{name:<62} program {mine:6.1%}  emulator {theirs:6.1%} of a core")


def deliveries(neurons: cl.Neurons, emulator: EmulatorProcess, seconds: float) -> None:
    """From the interrupt to the event bus, with nobody who waits for a frame."""
    device: HardwareDevice = neurons._engine.device  # type: ignore[assignment]
    ages, on_data = [], device.on_data

    def timed(posted: int) -> None:
        on_data(posted)
        ages.append(device._link.interrupt_age_ns())

    device.on_data = timed  # type: ignore[method-assign]
    share(emulator, "CPU, open and idle, 1 ms moderation", lambda: time.sleep(seconds))
    line("interrupt to event bus", ages[10:])
    device.on_data = on_data  # type: ignore[method-assign]


def loops(neurons: cl.Neurons, emulator: EmulatorProcess, seconds: float) -> None:
    device = neurons._engine.device._link  # type: ignore[attr-defined]
    for rate in (100, 1000, 5000, 25_000):
        loop = neurons.loop(rate, stop_after_seconds=seconds, ignore_jitter=True)
        ages = []

        def body(tick: cl.LoopTick, ages: list[int] = ages) -> None:
            ages.append(device.interrupt_age_ns())

        share(emulator, f"CPU, sync loop at {rate}/s", lambda loop=loop, body=body: loop.run(body))
        line(f"sync loop at {rate}/s: interrupt to body", ages[10:])
        print(f"    by its own count: {loop.statistics()}")


def latencies(neurons: cl.Neurons, seconds: float) -> None:
    """From a spike to the stim that answers it: in the ring with the doorbell rung, and taken."""
    link = neurons._engine.device._link  # type: ignore[attr-defined]
    ages: list[int] = []
    ring = commander.raise_eventfd

    def rung(fd: int) -> None:
        ages.append(link.interrupt_age_ns())
        ring(fd)

    asked, stims = [], []
    commander.raise_eventfd = rung
    for tick in neurons.loop(1000, stop_after_seconds=seconds, ignore_jitter=True):
        stims += tick.analysis.stims
        for spike in tick.analysis.spikes[:1]:
            asked.append((spike.timestamp, tick.iteration_timestamp))
            neurons.stim(CHANNELS[len(asked) % len(CHANNELS)], 1.0)
    commander.raise_eventfd = ring
    visible = [(due - spike) * 40_000 + age for (spike, due), age in zip(asked, ages, strict=True)]
    line(f"spike to command visible to the device ({len(asked)} spikes)", visible)
    line("    of that, from the interrupt that told of the spike", ages)
    # A pulse begins 80 µs, two frames, after its command was taken.
    taken = [(stim.timestamp - 2 - spike) * 40_000 for stim, (spike, _) in zip(stims, asked, strict=False)]
    line("spike to command taken by the emulator", taken)


def figures(seconds: float, burns: bool) -> None:
    with EmulatorProcess("--seed", "1") as emulator, burner(burns):
        line("bare loop around poll beside the emulator: interrupt to body", bare_loop(emulator, seconds))
        os.environ["CL_DEVICE"] = emulator.address
        with cl.open() as neurons:
            deliveries(neurons, emulator, seconds)
            loops(neurons, emulator, seconds)
            latencies(neurons, seconds)


def long_run(seconds: float, burns: bool) -> None:
    """Check every frame, in the loop and in the recording: none lost, doubled or out of place."""
    folder = tempfile.mkdtemp()
    # It is about frames here, not about how soon silence is noticed: a busy host is forgiven more of it.
    patient = ("--liveness-ms", "100")
    with EmulatorProcess("--seed", "1", "--stamp", "8", *patient) as emulator, burner(burns):
        os.environ["CL_DEVICE"] = emulator.address
        with cl.open() as neurons:
            recording = neurons.record(file_location=folder, stop_after_seconds=seconds)
            loop = neurons.loop(1000, stop_after_seconds=seconds, ignore_jitter=True)
            wrong = spikes = 0

            def body(tick: cl.LoopTick) -> None:
                nonlocal wrong, spikes
                stop = tick.iteration_timestamp
                wrong += int((read_stamps(tick.frames, 8) != np.arange(stop - 25, stop)).sum())
                spikes += len(tick.analysis.spikes)

            share(emulator, f"CPU, {seconds:g} s with a 1 kHz loop and a recording", lambda: loop.run(body))
            recording.wait_until_stopped()
            print(f"    the loop: {loop.statistics()}, {wrong} wrong frames, {spikes} spikes")
            start, missing = recording.start_timestamp, neurons._engine.losses.total
        with recording.open() as view:
            stamps = read_stamps(view.samples[:], 8)
            wrong = int((stamps != np.arange(start, start + len(stamps))).sum())
            print(f"    the recording: {len(stamps)} frames, {wrong} wrong; the device lost {missing}")
    os.unlink(recording.file["path"])
    os.rmdir(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("seconds", nargs="?", type=float)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--burn", action="store_true")
    options = parser.parse_args()
    os.environ["CL_SDK_VISUALISATION"] = "0"
    print(f"{load()}{', another process burns a core' if options.burn else ''}")
    (long_run if options.long else figures)(options.seconds or (60 if options.long else 5), options.burn)
    print(load())


if __name__ == "__main__":
    main()
