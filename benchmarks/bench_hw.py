"""What the driver costs and how late it is, beside the emulator on the same machine.

    python benchmarks/bench_hw.py [seconds] [source]

Every figure is taken over so many seconds (5 by default) of one process. Latencies are from the moment the
far side raises its eventfd, on the clock that both processes share. The bare figures are two
Python processes and an eventfd each way, nothing else: what the machine gives anybody.
"""

from __future__ import annotations

import os
import platform
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable

from cl._stim.operations import stim_operations
from cl.hw.driver.link import Link
from cl.hw.emulator import EmulatorProcess
from cl.hw.wire.memory import create_region

BARE = """
import mmap, os, select, sys, time
ping, pong, memory, paced = map(int, sys.argv[1:])
words = memoryview(mmap.mmap(memory, 4096)).cast("Q")
poller = select.poll()
poller.register(ping, select.POLLIN)
due = time.perf_counter_ns()
while not words[1]:
    if paced:
        due += 1_000_000
        select.select([], [], [], max(0, (due - time.perf_counter_ns()) * 1e-9))
    else:
        poller.poll(1000)
        os.eventfd_read(ping)
    words[0] = time.perf_counter_ns()
    os.eventfd_write(pong, 1)
"""


def line(name: str, nanoseconds: list[int]) -> None:
    ordered = sorted(nanoseconds)
    p50, p99 = (ordered[len(ordered) * share // 100] / 1e3 for share in (50, 99))
    print(f"{name:<62} p50 {p50:7.1f} µs  p99 {p99:8.1f} µs  max {ordered[-1] / 1e3:8.1f} µs")


def load() -> str:
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}, Python {platform.python_version()}"


def bare(seconds: float, paced: bool) -> list[int]:
    """Return how long a bare eventfd takes to wake another Python process, one way."""
    memory, region = create_region("bench", 4096, True)
    ping, pong = os.eventfd(1), os.eventfd(0)
    arguments = [str(x) for x in (ping, pong, memory, int(paced))]
    child = subprocess.Popen([sys.executable, "-c", BARE, *arguments], pass_fds=[ping, pong, memory])
    poller = select.poll()
    poller.register(pong, select.POLLIN)
    ages = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        poller.poll(1000)
        os.eventfd_read(pong)
        ages.append(time.perf_counter_ns() - region.words[0])
        if not paced:
            os.eventfd_write(ping, 1)
    region.words[1] = 1
    os.eventfd_write(ping, 1)
    child.wait()
    region.close()
    for fd in (memory, ping, pong):
        os.close(fd)
    return ages[10:]


class Ages:
    """A sink that notes how old each interrupt is when it is delivered."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.ages: list[int] = []

    def on_data(self, posted: int) -> None:
        self.ages.append(self.link.interrupt_age_ns())

    def on_lost(self, frames: int, start: int, stop: int) -> None:
        print("lost", frames)

    def on_error(self, error: Exception) -> None:
        print("error", error)


def cpu_of(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measured(emulator: EmulatorProcess, name: str, work: Callable[[], None]) -> None:
    """Do the work; print which share of a core it took here and in the emulator."""
    began, mine, theirs = time.perf_counter(), time.process_time(), cpu_of(emulator.pid)
    work()
    took = time.perf_counter() - began
    mine, theirs = (time.process_time() - mine) / took, (cpu_of(emulator.pid) - theirs) / took
    print(f"{name:<62} driver {mine:6.1%}  emulator {theirs:6.1%} of a core")


def deliveries(emulator: EmulatorProcess, seconds: float) -> None:
    link = Link(emulator.address, take_control=False)
    sink = Ages(link)
    link.start(sink)
    idle = threading.Event()
    measured(emulator, "CPU, reader thread only, 1 ms moderation", lambda: idle.wait(seconds) and None)
    line("interrupt to the reader thread's sink", sink.ages[10:])
    link.close()


def waits(emulator: EmulatorProcess, seconds: float) -> None:
    link = Link(emulator.address, take_control=True)
    link.start(Ages(link))
    ages: list[int] = []

    def loop() -> None:
        frame = link.posted
        for _ in range(int(seconds * 1000)):
            frame = link.waiter.wait(frame + 25) // 25 * 25
            ages.append(link.interrupt_age_ns())

    measured(emulator, "CPU, reader thread and a thread that waits every 1 ms", loop)
    line("interrupt to a thread that waits for the frame", ages[10:])

    def stimulating() -> list[int]:
        trips = []
        frame = link.posted
        for _ in range(int(seconds * 100)):
            frame = link.waiter.wait(frame + 250)
            began = time.perf_counter_ns()
            link.submit(stim_operations(9, 1.0), 2 * frame)
            trips.append(time.perf_counter_ns() - began)
        return trips

    line("a command, from the call to the device's answer", stimulating())
    link.close()


def reads(emulator: EmulatorProcess) -> None:
    link = Link(emulator.address, take_control=False)
    for count in (25, 2500, 25_000):
        link.waiter.wait(count)
        times = []
        for _ in range(200):
            stop = link.posted
            began = time.perf_counter_ns()
            link.frames(stop - count, stop)
            times.append(time.perf_counter_ns() - began)
        line(f"copy of the last {count} frames", times)
    link.close()


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    source = sys.argv[2] if len(sys.argv) > 2 else "random"
    print(f"{load()}; {seconds:g} s each; the emulator plays {source!r}")
    line("bare eventfd ping-pong between two processes, one way", bare(seconds, paced=False))
    line("bare eventfd every 1 ms, one way", bare(seconds, paced=True))
    with EmulatorProcess("--source", source, "--seed", "1") as emulator:
        deliveries(emulator, seconds)
        waits(emulator, seconds)
        reads(emulator)
    print(load())


if __name__ == "__main__":
    main()
