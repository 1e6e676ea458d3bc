"""Exceptions that come from outside into a source's call, and how a call that hangs is ended."""

from __future__ import annotations

import signal
import threading
from types import CodeType, FrameType
from typing import Any, Final

from .worker import StuckError

_SIGNAL: Final = getattr(signal, "SIGURG", None)
"""A signal that does nothing unless it is handled, and that hardly any program handles."""


def belongs_to_caller(error: BaseException) -> bool:
    """Return whether an exception was not the source's, but interrupted it.

    Ctrl-C, and those that a signal's handler raised (an alarm that limits a program's time, an exit). One
    that another thread has set cannot be told from the source's own.
    """
    if isinstance(error, KeyboardInterrupt):
        return True
    codes = _codes_of_handlers()
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code in codes:
            return True
        traceback = traceback.tb_next
    return False


def _codes_of_handlers() -> set[CodeType]:
    found = set()
    for number in signal.valid_signals():
        handler: Any = signal.getsignal(number)
        code = getattr(getattr(handler, "__func__", handler), "__code__", None)
        if code is not None and code is not Rescue._handle.__code__:
            found.add(code)
    return found


class Rescue:
    """Ends a call that hangs in the main thread, by a signal whose handler raises."""

    def __init__(self) -> None:
        self._before: Any = None
        self._is_set = self._wanted = False

    def is_ready(self) -> bool:
        """Return whether the caller runs in the main thread, and could be rescued from a call that hangs."""
        if _SIGNAL is None or threading.get_ident() != threading.main_thread().ident:
            return False
        if not self._is_set:
            if signal.getsignal(_SIGNAL) is not signal.SIG_DFL:
                return False  # The program has a use of its own for it.
            self._before = signal.signal(_SIGNAL, self._handle)
            self._is_set = True
        return True

    def end_call(self) -> None:
        """End the call that the main thread is in; from any other thread."""
        self._wanted = True
        main = threading.main_thread().ident
        if _SIGNAL is not None and main is not None:
            signal.pthread_kill(main, _SIGNAL)

    def end(self) -> None:
        """Give the signal back; a thread that is not the main one has to leave it, which harms nobody."""
        if self._is_set and threading.get_ident() == threading.main_thread().ident:
            self._is_set = False
            assert _SIGNAL is not None
            if signal.getsignal(_SIGNAL) == self._handle:
                signal.signal(_SIGNAL, self._before)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._wanted:
            self._wanted = False
            raise StuckError("it is here")
