"""Injecting faults: the one place that makes the emulated device misbehave."""

from __future__ import annotations

import os
import signal
from collections import deque
from typing import TYPE_CHECKING, Protocol

from cl._core.host_clock import host_ns
from cl.hw.wire.layout import Register, Result

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from .device_memory import DeviceMemory
    from .faults import Fault
    from .server import Server


class FaultyDevice(Protocol):
    """What a device has to have for faults to be injected into it."""

    memory: DeviceMemory
    server: Server

    def overrun(self, frames: int) -> None:
        """Go on by a whole ring and `frames` more at once."""
        ...

    def lose(self, frames: int) -> None:
        """Have the next frames never reach the ring."""
        ...

    def fail(self, text: str) -> None:
        """Stop for good."""
        ...


class FaultInjector:
    """The faults to come, and those that are going on."""

    def __init__(self, emulator: FaultyDevice, faults: list[Fault], rng: random.Random) -> None:
        self._emulator = emulator
        self._coming = deque(faults)
        self._rng = rng
        self.stalled = False
        """Whether frames have stopped coming."""
        self._lost = 0
        self._every = 1
        self._unraised = 0
        self._late_ms = 0
        self._late = 0
        self._due_ns: deque[int] = deque()
        self._refused = 0
        self._refuse_with = Result.REJECTED
        self._ignored = 0
        self._muted = 0

    def look(self, posted: int) -> None:
        """Begin the faults whose frame has come."""
        coming = self._coming
        while coming and coming[0].at <= posted:
            self.now(coming.popleft())

    def now(self, fault: Fault) -> None:
        """Begin a fault."""
        begin: Callable[[Fault], None] = getattr(self, f"_begin_{fault.kind}")
        begin(fault)

    # -- what the device asks before it does right ----------------------------------------

    def lets_raise(self) -> bool:
        """Return whether the data interrupt is to be raised now; it may be lost, or come later."""
        if self._lost:
            self._lost -= 1
            return False
        self._unraised += 1
        if self._unraised < self._every:
            return False
        self._unraised = 0
        if self._late:
            self._late -= 1
            self._due_ns.append(host_ns() + self._late_ms * 1_000_000)
            return False
        return True

    def raise_late(self) -> None:
        """Raise the data interrupts that were late and are due."""
        due = self._due_ns
        while due and due[0] <= host_ns():
            due.popleft()
            self._emulator.server.raise_data()

    def seconds_until_late(self) -> float:
        """Return when `raise_late` has something to do."""
        return (self._due_ns[0] - host_ns()) * 1e-9 if self._due_ns else float("inf")

    def refusal(self) -> tuple[Result, str] | None:
        """Return what to refuse the next command with, or None to take it."""
        if not self._refused:
            return None
        self._refused -= 1
        return self._refuse_with, f"refused on request: {self._refuse_with.name}"

    def lets_answer(self) -> bool:
        """Return whether the next command gets an answer."""
        if not self._ignored:
            return True
        self._ignored -= 1
        return False

    def lets_complete(self) -> bool:
        """Return whether the next answer is followed by an interrupt."""
        if not self._muted:
            return True
        self._muted -= 1
        return False

    # -- how each fault begins ------------------------------------------------------------

    def _begin_late(self, fault: Fault) -> None:
        self._late_ms, self._late = fault.number(), fault.times

    def _begin_lost(self, fault: Fault) -> None:
        self._lost = fault.number()

    def _begin_coalesce(self, fault: Fault) -> None:
        self._every = fault.number()

    def _begin_overrun(self, fault: Fault) -> None:
        self._emulator.overrun(fault.number())

    def _begin_drop(self, fault: Fault) -> None:
        self._emulator.lose(fault.number())

    def _begin_counter(self, fault: Fault) -> None:
        self._emulator.memory.frames.post_bad(fault.number())
        self._emulator.server.raise_data()
        self.stalled = True

    def _begin_refuse(self, fault: Fault) -> None:
        self._refuse_with, self._refused = Result[fault.value], fault.times

    def _begin_ignore(self, fault: Fault) -> None:
        self._ignored = fault.number()

    def _begin_mute(self, fault: Fault) -> None:
        self._muted = fault.number()

    def _begin_freeze(self, fault: Fault) -> None:
        # Nothing is done any more, so the end comes without the usual ceremony as well.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        while True:
            signal.pause()

    def _begin_stall(self, fault: Fault) -> None:
        self.stalled = True

    def _begin_status(self, fault: Fault) -> None:
        self._emulator.memory.words[Register.STATUS] = fault.number()

    def _begin_fail(self, fault: Fault) -> None:
        self._emulator.fail("failed on request")

    def _begin_exit(self, fault: Fault) -> None:
        os._exit(3)

    def _begin_hangup(self, fault: Fault) -> None:
        self._emulator.server.drop_all()

    def _begin_garbage(self, fault: Fault) -> None:
        self._emulator.server.send_garbage(self._rng.randbytes(fault.number()))

    def _begin_babble(self, fault: Fault) -> None:
        self._emulator.server.babble = lambda: self._rng.randbytes(self._rng.randint(1, 200))

    def _begin_badspike(self, fault: Fault) -> None:
        memory = self._emulator.memory
        memory.spikes.post([memory.posted], [fault.number()])
