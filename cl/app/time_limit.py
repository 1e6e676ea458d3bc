"""The end of a run that takes too long: by an exception, and where that is ignored by force."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Final

from cl._current import devices
from cl._values.saying import say
from cl._values.thread_start import start_thread

GRACE_S: Final = 10.0
"""After the exception: what closing files, and a last summary, may take."""
STATUS: Final = 124
_CLOSING_S: Final = 10.0
"""What is given to devices that are closed from outside of the program's main thread."""
_AGAIN_S: Final = 0.1
_SIGNAL: Final = next(
    getattr(signal, name) for name in ("SIGRTMAX", "SIGALRM", "SIGBREAK", "SIGTERM") if hasattr(signal, name)
)
"""One that no application is known to use for itself; not every platform has the first."""


class TimeLimit:
    """A context manager: after `seconds` of wall-clock time the main thread gets a `TimeoutError`, once.

    10 s later the process ends with status 124, after the devices that are open have been closed, which makes
    their recordings whole. 0: no limit. To be entered in the main thread; in another one nothing is raised.
    """

    def __init__(self, seconds: float, grace_s: float = GRACE_S) -> None:
        self.expired = False
        self._seconds = seconds
        self._grace_s = grace_s
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="cl-timeout", daemon=True)
        self._interrupts = False
        self._raised = False
        self._before: object = None

    def __enter__(self) -> TimeLimit:
        if self._seconds > 0:
            self._interrupts = threading.current_thread() is threading.main_thread()
            if self._interrupts:
                self._before = signal.signal(_SIGNAL, self._raise)
            try:
                start_thread(self._thread)
            except BaseException:
                self._leave()  # The process would be ended by it, some time later.
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._seconds > 0:
            self._leave()

    def _leave(self) -> None:
        self._left.set()
        # Past its end by force there is nothing to go on with: the process is about to end.
        if self._thread.ident is not None:
            self._thread.join()
        if self._interrupts:
            signal.signal(_SIGNAL, self._before)  # type: ignore[arg-type]

    def _raise(self, number: int, frame: FrameType | None) -> None:
        if not (self._left.is_set() or self._raised):
            self._raised = True
            raise TimeoutError(f"the run has taken longer than its timeout of {self._seconds:g} s")

    def _watch(self) -> None:
        if self._wait(self._seconds):
            return
        self.expired = True
        ending = time.monotonic() + self._grace_s
        self._interrupt(ending)
        if not self._wait(ending - time.monotonic()):
            self._end()

    def _interrupt(self, until: float) -> None:
        """Send the signal until it has been heard: one that comes right before a wait begins is not."""
        main = threading.main_thread().ident
        while main is not None and self._interrupts and not self._raised and time.monotonic() < until:
            if hasattr(signal, "pthread_kill"):
                signal.pthread_kill(main, _SIGNAL)
            else:  # it is heard between two bytecodes: what waits in the system is not interrupted
                _thread.interrupt_main(_SIGNAL)
            if self._left.wait(_AGAIN_S):
                return

    def _wait(self, seconds: float) -> bool:
        """Wait, also for longer than a lock can; return whether the run has ended meanwhile."""
        until = time.monotonic() + seconds
        while not self._left.wait(min(max(until - time.monotonic(), 0.0), threading.TIMEOUT_MAX)):
            if time.monotonic() >= until:
                return False
        return True

    def _end(self) -> None:
        say(
            f"Error: the run goes on {self._grace_s:g} s after its timeout of {self._seconds:g} s: "
            "the process is ended"
        )
        closing = threading.Thread(target=_close_devices, name="cl-closing", daemon=True)
        closing.start()
        closing.join(_CLOSING_S)
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        os._exit(STATUS)


def _close_devices() -> None:
    for session in devices.sessions():
        with suppress(Exception):
            session.close()
