"""Python's switches that hold for the whole process, each with one owner that counts who wants it changed.

Several devices, and several parts of one, want the garbage collector at rest or threads to take turns more
often, and are done with it in any order. The last one out finds the switch as the first one did.
"""

from __future__ import annotations

import gc
import sys
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import TracebackType

_ROUNDING_S: Final = 0.5e-6
"""Python cuts the interval off to whole microseconds: what it gives back would become one less each time."""


class Claim:
    """What one part of the program wants of a switch, until it is released; also a context manager."""

    __slots__ = ("_switch", "seconds")

    def __init__(self, switch: _Switch, seconds: float) -> None:
        self._switch = switch
        self.seconds = seconds

    def release(self) -> None:
        """Want it no more. Again: nothing."""
        self._switch.withdraw(self)

    def __enter__(self) -> Claim:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()


class _Switch:
    """The claims to a switch. The lock may be taken again by a signal handler of the thread that has it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._claims: list[Claim] = []

    def withdraw(self, claim: Claim) -> None:
        """Take back a claim, if it is still there."""
        with self._lock:
            if claim in self._claims:
                self._claims.remove(claim)
            # Also where it is there no more: an interruption may have come in between.
            self._withdrawn()

    def begin_anew(self) -> None:
        """Drop all claims: those of the process that this one is a fork of."""
        self._lock = threading.RLock()
        if self._claims:
            self._claims = []
            self._withdrawn()

    def _add(self, seconds: float) -> Claim:
        claim = Claim(self, seconds)
        self._claims.append(claim)
        return claim

    def _withdrawn(self) -> None:
        raise NotImplementedError


class GarbageCollector(_Switch):
    """Python's garbage collector, which rests as long as one part of the program wants it to."""

    def __init__(self) -> None:
        super().__init__()
        self._was_enabled = False

    def claim(self) -> Claim:
        """Return a claim that wants nothing yet: the one who makes it can release it, whatever comes."""
        return Claim(self, 0.0)

    def rest(self, claim: Claim | None = None) -> Claim:
        """Disable the collector until the last such claim has been released."""
        claim = claim or self.claim()
        with self._lock:
            if not self._claims:
                self._was_enabled = gc.isenabled()
            self._claims.append(claim)
            gc.disable()
        return claim

    def _withdrawn(self) -> None:
        if not self._claims and self._was_enabled:
            gc.enable()
            self._was_enabled = False


class SwitchInterval(_Switch):
    """How long a thread may keep Python from the others: the shortest time that is wanted.

    A program that sets the interval itself meanwhile has it from then on, as the longest.
    """

    def __init__(self) -> None:
        super().__init__()
        self._usual = self._ours = 0.0

    def at_most(self, seconds: float) -> Claim:
        """Shorten the interval to `seconds`, unless it is shorter, until the claim is released."""
        with self._lock:
            claim = self._add(seconds)
            self._adjust()
        return claim

    def _withdrawn(self) -> None:
        self._adjust()

    def _adjust(self) -> None:
        found = sys.getswitchinterval()
        if found != self._ours:
            self._usual = found
        wanted = min((claim.seconds for claim in self._claims), default=self._usual)
        sys.setswitchinterval(min(self._usual, wanted) + _ROUNDING_S)
        self._ours = sys.getswitchinterval()


garbage_collector: Final = GarbageCollector()
switch_interval: Final = SwitchInterval()
