"""A thread that calls a user's code, so that whoever waits for it can stop waiting."""

from __future__ import annotations

import sys
import threading
from queue import SimpleQueue
from types import CodeType, TracebackType
from typing import TYPE_CHECKING, Any

from cl._values.thread_start import start_thread

if TYPE_CHECKING:
    from collections.abc import Callable


class StuckError(Exception):
    """The call, or one before it, has not returned in time."""


class Call:
    """One call of a function: its `result`, or the `error` that it raised."""

    __slots__ = ("_arguments", "_done", "_function", "error", "result")

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self._function = function
        self._arguments = arguments
        self.result: Any = None
        self.error: BaseException | None = None
        self._done = threading.Lock()
        self._done.acquire()

    def run(self) -> None:
        """Do it, and wake the one who waits."""
        try:
            self.result = self._function(*self._arguments)
        except BaseException as error:  # Whatever it is, it belongs to the one who waits.
            self.error = error
        finally:
            self._done.release()

    def wait(self, timeout: float) -> bool:
        """Return whether it was done within so many seconds."""
        if not self._done.acquire(timeout=timeout):
            return False
        self._done.release()
        return True


class Worker:
    """One thread, started by the first call, that does one call after the other.

    A call that never returns cannot be ended: its thread, a daemon, is left behind, and every later
    call fails at once. A round trip costs about 60 µs.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: SimpleQueue[Call | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self.ident: int | None = None
        """The thread's, once it runs."""
        self.stuck = False
        """Whether a call has not returned in time."""

    def call(self, timeout: float, function: Callable[..., Any], *arguments: Any) -> Call:
        """Call a function in the thread, wait for its end, and return how it ended.

        Raises StuckError if that is not within `timeout` seconds.
        """
        if self.stuck:
            raise StuckError("an earlier call has not returned yet")
        call = self.post(function, *arguments)
        if not call.wait(timeout):
            self.stuck = True
            raise StuckError(f"no answer within {timeout:g} s").with_traceback(self.where(Call.run.__code__))
        return call

    def post(self, function: Callable[..., Any], *arguments: Any) -> Call:
        """Let the thread call a function when it has done what it was given before; return the call."""
        with self._starting:
            if self._thread is None:
                self._thread = thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                try:
                    start_thread(thread)
                except BaseException:
                    if thread.ident is None:
                        self._thread = None  # It was not to be: the next call starts it.
                    raise
                finally:
                    self.ident = thread.ident
        call = Call(function, arguments)
        self._calls.put(call)
        return call

    def where(self, below: CodeType) -> TracebackType | None:
        """Return a traceback of where the thread is just now, from a function's callee on."""
        frame = None if self.ident is None else sys._current_frames().get(self.ident)
        found: TracebackType | None = None
        while frame is not None and frame.f_code is not below:
            found = TracebackType(found, frame, frame.f_lasti, frame.f_lineno)
            frame = frame.f_back
        return found

    def stop(self, timeout: float = 0.0) -> bool:
        """End the thread, and return whether it has ended; if it is stuck, wait only so many seconds."""
        thread, self._thread = self._thread, None
        if thread is None:
            return True
        self._calls.put(None)
        thread.join(timeout if self.stuck else None)
        return not thread.is_alive()

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            call.run()
            del call
