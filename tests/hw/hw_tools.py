"""What the tests of the hardware share: a sink that remembers, and rings without a device."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from emulator_forks import ForkedEmulator

import cl
from cl.hw.driver.link import Link
from cl.hw.driver.watchdog import MISSED_SIGNS
from cl.hw.emulator import EmulatorProcess
from cl.hw.wire.layout import EVENT_BYTES, ring_bytes
from cl.hw.wire.memory import Region, create_region
from cl.hw.wire.ring import EventReader, EventWriter, FrameReader, FrameWriter

PATIENCE = 10.0
"""Seconds after which a test gives up; nothing is expected to take them."""


A_TURN = 600
"""Frames after which an emulator has surely taken what it was told before: it posts 250 at most in a turn."""


class PatientEmulator(ForkedEmulator):
    """An emulator that may be kept waiting by a busy machine without being taken for dead."""

    def __init__(self, *arguments: str) -> None:
        super().__init__("--liveness-ms", "1000", *arguments)


def silence(fault: str, emulator: EmulatorProcess, link: Link) -> None:
    """Have a device show no sign of life ("freeze") or deliver no frames ("stall"), which is found in 0.6 s.

    Only once that has begun: an emulator that is kept from running meanwhile shows neither, and is no test.
    """
    assert link._reader is not None
    watchdog = link._reader._watchdog
    emulator.inject(fault)
    until = time.monotonic() + 20.0
    shown_ns = 0
    while shown_ns < 10**8:
        assert time.monotonic() < until
        time.sleep(0.005)
        shown_ns = watchdog._silent_ns if fault == "freeze" else watchdog._idle_ns - watchdog._silent_ns
    # What it waited for the machine does not count, and who tests silence need not wait for long: signs of
    # life are expected ten times a second.
    watchdog._silent_ns = watchdog._idle_ns = 0
    watchdog._limit_ns = MISSED_SIGNS * 100_000_000


class Collector:
    """A sink that remembers what it was told; `until` waits for it to have been told something."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.posted: list[int] = []
        self.lost: list[int] = []
        self.losses: list[tuple[int, int]] = []
        self.errors: list[Exception] = []

    def on_data(self, posted: int) -> None:
        with self.changed:
            self.posted.append(posted)
            self.changed.notify_all()

    def on_lost(self, frames: int, start: int, stop: int) -> None:
        with self.changed:
            self.lost.append(frames)
            self.losses.append((start, stop))
            self.changed.notify_all()

    def on_error(self, error: Exception) -> None:
        with self.changed:
            self.errors.append(error)
            self.changed.notify_all()

    def until(self, holds: Callable[[Collector], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: holds(self), PATIENCE), vars(self)


@contextmanager
def linked(address: str, take_control: bool = True) -> Iterator[tuple[Link, Collector]]:
    """A link that is followed by a collector."""
    link = Link(address, take_control)
    try:
        sink = Collector()
        link.start(sink)
        yield link, sink
    finally:
        link.close()


@contextmanager
def device(*arguments: str) -> Iterator[tuple[EmulatorProcess, Link, Collector]]:
    """A counting emulator, and a controller's link to it."""
    with PatientEmulator("--source", "counter", *arguments) as emulator, linked(emulator.address) as pair:
        yield emulator, *pair


@contextmanager
def new_region(size: int, client_writes: bool = True) -> Iterator[tuple[int, Region]]:
    """A memfd and its mapping."""
    fd, region = create_region("test", size, client_writes)
    try:
        yield fd, region
    finally:
        region.close()
        os.close(fd)


@contextmanager
def frame_ring(capacity: int, channels: int, first: int = 0) -> Iterator[tuple[FrameWriter, FrameReader]]:
    """Both sides of a small frame ring."""
    with new_region(ring_bytes(2 * channels, capacity)) as (_, region):
        writer = FrameWriter(region, channels, capacity, first)
        reader = FrameReader(region, channels, first)
        try:
            yield writer, reader
        finally:
            writer.close()
            reader.close()


@contextmanager
def event_ring(capacity: int, channels: int = 64) -> Iterator[tuple[EventWriter, EventReader, Region]]:
    """Both sides of a small event ring."""
    with new_region(ring_bytes(EVENT_BYTES, capacity)) as (_, region):
        writer = EventWriter(region, capacity)
        reader = EventReader(region, channels, "spikes")
        try:
            yield writer, reader, region
        finally:
            writer.close()
            reader.close()


def stims_after(neurons: cl.Neurons, start: int) -> list[cl.Stim]:
    """Return the stims of the first window of 500 frames from `start` on that has any.

    A device takes a command when it can, which a reader that is held up learns of later.
    """
    for at in range(start, start + int(PATIENCE * 25_000), 500):
        stims = neurons.read(500, at, analysis=True).stims
        if stims:
            return stims
    raise AssertionError(f"no stims from {start} on")


def until_quiet(neurons: cl.Neurons) -> None:
    """Wait until there are no stims any more, for 500 frames."""
    for _ in range(int(PATIENCE * 50)):
        if not neurons.read(500, analysis=True).stims:
            return
    raise AssertionError("it stimulates still")


HOLD = """
import sys
from cl.hw.driver.link import Link
from cl._stim.designs import BurstDesign
from cl._stim.operations import stim_operations
link = Link(sys.argv[1], True, 30.0)
link.submit(stim_operations(9, 1.0, BurstDesign(10**6, 100)), 0)
print("held", flush=True)
sys.stdin.read()
"""


def hold(address: str) -> subprocess.Popen[str]:
    """A process that has control and a burst going on."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert child.stdout is not None and child.stdout.readline() == "held\n"
    return child
