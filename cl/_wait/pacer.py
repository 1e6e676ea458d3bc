"""Wake-ups by a thread, for event loops that can watch no timer of the system."""

from __future__ import annotations

import os
import sys
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from cl._core.host_clock import host_ns, host_sleep
from cl._values.thread_start import start_thread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .parker import Parker

    Change = tuple[int, int, Callable[[], None] | None]
    """Who waits, until when, and what to call then: None for who does not wait any more."""
    Changes = SimpleQueue[Change | None]
    """What the thread is told, at last None. Destructors may put something in, too."""

_COARSE_NS: Final = 20_000_000 if sys.platform == "win32" else 0
"""A queue's timeouts may be as late as that. There, the thread naps when a time is near."""
_NAP_NS: Final = 500_000
"""A time that is set meanwhile may be as late as that."""


class _Pace:
    """What the thread knows, and does."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._waits: dict[int, tuple[int, Callable[[], None]]] = {}

    def run(self) -> None:
        """Wake who is due, until told to end."""
        while True:
            try:
                change = self._next_change()
            except Empty:
                self._wake_due()
                continue
            if change is None:
                return
            who, due, wake = change
            if wake is None:
                self._waits.pop(who, None)
            else:
                self._waits[who] = due, wake

    def _next_change(self) -> Change | None:
        """Return the next change; `Empty` when one is due before it."""
        if not self._waits:
            return self._changes.get()
        left = min(due for due, _ in self._waits.values()) - host_ns()
        if left > _COARSE_NS:
            return self._changes.get(timeout=(left - _COARSE_NS) * 1e-9)
        if left > 0:
            host_sleep(min(left, _NAP_NS) * 1e-9)
        return self._changes.get_nowait()

    def _wake_due(self) -> None:
        now = host_ns()
        for who in [who for who, (due, _) in self._waits.items() if due <= now]:
            self._waits.pop(who)[1]()


class Pacer:
    """The users of a process's thread, which runs while there are any."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # The collector may find users anywhere, also in the lines below.
        self._users = 0
        self._changes: Changes = SimpleQueue()

    def join(self) -> Changes:
        """Count one user more; return how to tell the thread about it."""
        with self._lock:
            if self._users == 0:
                self._changes = SimpleQueue()
                self._start(self._changes)
            self._users += 1
            return self._changes

    def _start(self, changes: Changes) -> None:
        thread = threading.Thread(target=_Pace(changes).run, name="cl-pacer", daemon=True)
        try:
            start_thread(thread)
        except BaseException:
            changes.put(None)  # An interruption may come when it runs already.
            raise

    def leave(self) -> None:
        """Count one user less; let the thread end with the last one."""
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._changes.put(None)


_pacers: Final[dict[int, Pacer]] = {}
"""By process: a fork has no threads, and its locks are as they happened to be."""


class PacedTimer:
    """A timer whose end comes from the thread."""

    __slots__ = ("_changes", "_make_parker", "_pacer", "_parker", "_process")

    def __init__(self, make_parker: Callable[[], Parker]) -> None:
        self._make_parker = make_parker
        self._parker = make_parker()
        self._process = os.getpid()
        self._pacer = _pacers.setdefault(self._process, Pacer())
        self._changes = self._pacer.join()

    def start(self, ns: int) -> None:
        """Let it end after so many ns."""
        parker = self._parker = self._make_parker()
        self._changes.put((id(self), host_ns() + ns, parker.wake))

    def ended(self) -> Awaitable[Any]:
        """Return what to await until it ends."""
        return self._parker.park()

    def end(self) -> None:
        """End it now."""
        self._parker.wake()

    def close(self) -> None:
        """End it and give it back."""
        if self._process != os.getpid():
            return
        self._changes.put((id(self), 0, None))
        self._pacer.leave()
        self._parker.wake()
