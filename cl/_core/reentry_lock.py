"""The lock of an engine: it knows whether the thread that wants it has it already."""

from __future__ import annotations

from _thread import RLock
from typing import Any, Final

REENTRY: Final = (
    "the device cannot be used from here: this code (a signal handler, a destructor, a callback) has "
    "interrupted a call of the device in the same thread; set a flag here, and act on it afterwards"
)
"""What code that has interrupted the device's own is told, where it cannot be served."""


class ReentryLock(RLock):  # type: ignore[misc]  # The stubs have it final.
    """A lock that one thread may take again, and that tells whether the running thread holds it.

    Code that interrupts a call of the device in its own thread (a signal's handler, a destructor) would wait
    for itself behind a plain lock. Public methods ask `held_here` first, and refuse it.

    It is taken by `with`. Where it must not be waited for, and once a tick, where a `with` costs twice as
    much, it is taken inside of a `try`, whose `finally` begins with the release, whatever came of it: a
    RuntimeError, and nothing else, where it was not taken. There is no `return` in between: it would leave
    the `try` first.
    """

    __slots__ = ()

    held_here: Any = RLock._is_owned  # type: ignore[attr-defined]
    """Return whether the running thread holds the lock."""

    begin_anew: Any = RLock._at_fork_reinit  # type: ignore[attr-defined]
    """Be free, in a fork: the thread that holds it is not there."""

    def refuse_reentry(self) -> None:
        """Raise RuntimeError in a thread that holds the lock: it is in the midst of a change."""
        if self.held_here():
            raise RuntimeError(REENTRY)
