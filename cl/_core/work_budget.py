"""How much work is done at a time, so that other tasks and threads can run soon."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from .host_clock import host_ns

_LEAST_FRAMES: Final = 25
_MOST_FRAMES: Final = 10_000
PORTION_NS: Final = 500_000
"""What a batch of work is to take: an event loop with several tasks on it must not stand still for 5 ms."""
PORTION_WAITS: Final = 16
"""A task whose waits are over at once, again and again, lets others run after so many, or such a time."""


class Portion:
    """How long our tasks on an event loop have gone on without a turn of the other ones."""

    __slots__ = ("in_a_row", "since_ns")

    def __init__(self) -> None:
        self.in_a_row = 0
        """How many waits were over at once."""
        self.since_ns = host_ns()
        """When the last turn of the others is known to have ended."""

    def may_go_on(self) -> bool:
        """Return whether a task may go on once more without letting others run first."""
        self.in_a_row += 1
        return self.in_a_row < PORTION_WAITS and host_ns() - self.since_ns < PORTION_NS

    def begin(self) -> None:
        """Take note that the others had their turn."""
        self.in_a_row = 0
        self.since_ns = host_ns()


class WorkBudget:
    """Batches of frames that take about half a millisecond to move, whatever the device and the machine.

    `clock` returns nanoseconds. A batch is begun with `begin`, and ended where `over` says so.
    """

    __slots__ = ("_began", "_clock", "_moved", "frames", "now")

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = self.now = clock
        self._began = 0
        self._moved = 0
        self.frames = 250
        """How many frames to move in one go."""

    def begin(self) -> int:
        """Begin a batch, and return how many frames to move in one go."""
        self._began = self._clock()
        self._moved = 0
        return self.frames

    def over(self, moved: int) -> bool:
        """Take note that `moved` frames were moved; return whether the batch is over."""
        self._moved += moved
        taken = self._clock() - self._began
        if taken >= PORTION_NS:
            self.frames = max(_LEAST_FRAMES, min(self.frames, self._moved * PORTION_NS // taken))
            return True
        if self._moved >= self.frames:
            if taken < PORTION_NS // 4:
                self.frames = min(self.frames * 2, _MOST_FRAMES)
            return True
        return False
