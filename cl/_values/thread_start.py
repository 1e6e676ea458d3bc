"""Threads that begin, whatever comes in the midst of that."""

from __future__ import annotations

from _thread import allocate_lock, get_ident, start_new_thread
from threading import Thread, main_thread

_LOOK_UP_S = 0.05


def start_thread(thread: Thread) -> None:
    """Start a thread; where an exception of a signal's handler gets out of this, it has begun or never will.

    In the midst of `Thread.start` such an exception lets the thread begin some time later, or end before it
    runs anything, or is replaced by that of a lock. So where one may come, which is in the main thread,
    another one calls it.
    """
    if get_ident() != main_thread().ident:
        thread.start()
        return
    start = _Start(thread)
    try:
        start_new_thread(start.run, ())
        start.wait()
    except BaseException:
        start.settle()
        raise
    if start.error is not None:
        raise start.error


class _Start:
    """The start of a thread, in another one."""

    __slots__ = ("_done", "_is_over", "_thread", "_turn", "error")

    def __init__(self, thread: Thread) -> None:
        self._thread = thread
        self._turn = allocate_lock()
        """Taken by the one who decides: it is started, or it is not to be."""
        self._done = allocate_lock()
        self._done.acquire()
        self._is_over = False
        self.error: BaseException | None = None

    def run(self) -> None:
        """Start the thread, unless that was called off."""
        if not self._turn.acquire(False):
            return
        try:
            self._thread.start()
        except BaseException as error:
            self.error = error
        self._is_over = True
        self._done.release()

    def wait(self) -> None:
        """Wait until it has begun, or cannot."""
        # An interruption may come when the lock has just been taken.
        while not self._is_over:
            self._done.acquire(timeout=_LOOK_UP_S)

    def settle(self) -> None:
        """Call it off; where it has got its turn, wait until it has begun, whatever else comes meanwhile."""
        if self._turn.acquire(False):
            return
        while not self._is_over:
            try:
                self.wait()
            except BaseException:
                continue  # One has come already, which is told of.
