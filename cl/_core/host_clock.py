"""The wall clock of a device, in frames. The only module that reads the time or sleeps."""

from __future__ import annotations

import os
import time
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final, Protocol

from cl._values.constants import FRAME_NS, NEVER
from cl._values.no_op import no_op

if TYPE_CHECKING:
    from collections.abc import Callable

_MIN_SPIN_NS = 60_000
_MAX_SPIN_NS = 700_000
_REHEARSED_NS = 25_000
"""So long before a frame is due nothing but the clock is looked at."""
_READINGS = 16
"""Readings of two clocks of which the closest counts: a thread may be put aside between any two."""


class Clock(Protocol):
    """Device time that goes on by itself, as opposed to virtual time."""

    def now(self) -> int:
        """Return the timestamp of the present: frames before it exist."""
        ...

    def behind(self, due: int) -> int:
        """Return by how many frames a loop is late that asks for `due` now; 0 or less if it is not."""
        ...

    def due_ns(self, frame: int) -> int:
        """Return the `perf_counter_ns` from which on the frames before `frame` exist."""
        ...

    def error_ns(self) -> int:
        """Return by how much `due_ns` of a present frame may be wrong; at least the length of a frame."""
        ...

    def seconds_until(self, frame: int) -> float:
        """Return how long it takes until the frames before `frame` exist; negative when they do."""
        ...


class WallClock:
    """Frame n exists once n/25000 s have passed since the clock was started.

    `start` is the timestamp of the first frame, `origin_ns` the `perf_counter_ns` at which it began.
    """

    __slots__ = ("_spin_ns", "origin_ns", "start")

    def __init__(self, start: int, origin_ns: int | None = None) -> None:
        self.start = start
        self.origin_ns = perf_counter_ns() if origin_ns is None else origin_ns
        self._spin_ns = 150_000

    def now(self) -> int:
        """Return the timestamp of the present: frames before it exist."""
        return self.start + (perf_counter_ns() - self.origin_ns) // FRAME_NS

    def behind(self, due: int) -> int:
        """Return by how many frames the present is beyond `due`."""
        return self.start + (perf_counter_ns() - self.origin_ns) // FRAME_NS - due

    def restart(self) -> None:
        """Let the first frame begin now."""
        self.origin_ns = perf_counter_ns()

    def due_ns(self, frame: int) -> int:
        """Return the `perf_counter_ns` from which on the frames before `frame` exist."""
        return self.origin_ns + (frame - self.start) * FRAME_NS

    def error_ns(self) -> int:
        """Return the length of a frame: timestamps are no finer, and this clock is what they follow."""
        return FRAME_NS

    def wait(self, frame: int, rehearse: Callable[[], None] = no_op) -> None:
        """Block until the frames before `frame` exist: sleep nearly there, then spin the rest.

        What is called meanwhile, for some µs at a time, has its code and its data in the caches by then.
        """
        due = self.due_ns(frame)
        remaining = due - perf_counter_ns()
        if remaining > self._spin_ns:
            self._sleep(due, remaining)
            while perf_counter_ns() < due - _REHEARSED_NS:
                rehearse()
        while perf_counter_ns() < due:
            pass

    def _sleep(self, due: int, remaining: int) -> None:
        asked = remaining - self._spin_ns
        before = perf_counter_ns()
        time.sleep(asked * 1e-9)
        overshoot = perf_counter_ns() - before - asked
        # The spin covers what sleeps have lately overshot by: it grows at once and shrinks slowly,
        # within bounds that keep a 100 Hz loop below a tenth of a core.
        target = min(max(overshoot + overshoot // 4, _MIN_SPIN_NS), _MAX_SPIN_NS)
        if target > self._spin_ns:
            self._spin_ns = target
        else:
            self._spin_ns -= (self._spin_ns - target) >> 5

    def nap(self, frame: int, longest_ns: int) -> bool:
        """Sleep towards `frame`, at most `longest_ns` and not beyond it; return whether it has come.

        For waits on an event loop, which stay short so that others can run in between.
        """
        remaining = self.due_ns(frame) - perf_counter_ns()
        if remaining <= 0:
            return True
        if remaining > 2 * _MIN_SPIN_NS:
            time.sleep(min(remaining - _MIN_SPIN_NS, longest_ns) * 1e-9)
        return False

    def seconds_until(self, frame: int) -> float:
        """Return how long it takes until the frames before `frame` exist; negative when they do."""
        # What comes later than ever may be more than a float holds.
        return (self.due_ns(min(frame, NEVER)) - perf_counter_ns()) * 1e-9


def host_seconds() -> float:
    """Return the host's monotonic time in seconds, for bounds on real waiting."""
    return time.monotonic()


def host_sleep(seconds: float) -> None:
    """Sleep in the host's time."""
    time.sleep(seconds)


def host_yield() -> None:
    """Let another thread have the processor, if one wants it."""
    if hasattr(os, "sched_yield"):
        os.sched_yield()
    else:
        time.sleep(0)


host_ns: Final = perf_counter_ns
"""Returns the host's `perf_counter_ns`."""


def monotonic_offset() -> tuple[int, int]:
    """Return what `time.monotonic_ns` is ahead of `host_ns`, and by how much that may be wrong.

    They may be one clock, or two that have little to do with each other: it is measured. A reading of one
    between two of the other says between which bounds the difference lies.
    """
    grain = max(1, round(time.get_clock_info("monotonic").resolution * 1e9))
    low, high = -(1 << 63), 1 << 63
    for _ in range(_READINGS):
        before, seen, after = perf_counter_ns(), time.monotonic_ns(), perf_counter_ns()
        low, high = max(low, seen - after), min(high, seen + grain - before)
    return (low + high) // 2, (high - low + 1) // 2


def host_and_utc_ns() -> tuple[int, int]:
    """Return `host_ns` and the ns since 1970 in UTC at one moment, as exactly as the host tells."""
    found = 0, 0
    closest = 1 << 63
    for _ in range(_READINGS):
        before, utc, after = perf_counter_ns(), time.time_ns(), perf_counter_ns()
        if after - before < closest:
            closest, found = after - before, ((before + after) // 2, utc)
    return found


def utc_stamp() -> str:
    """Return the present date and time, UTC, as names of files have it: 2026_11_22_10_27_00."""
    return time.strftime("%Y_%m_%d_%H_%M_%S", time.gmtime())
