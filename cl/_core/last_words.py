"""Threads of the program's that the interpreter's end would cut off in the midst of a word.

A daemon thread that used a device is told by an error when the program's end closes it. Where the interpreter
ends while that thread writes its traceback, CPython aborts the process: the lock of stderr is never let go.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .host_clock import host_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType

_PACKAGE: Final = str(Path(__file__).parents[1]) + os.sep
_OWN: Final = "cl-"
"""The names of the package's threads begin like this: they end when the device is closed, or say nothing."""
_PATIENCE_S: Final = 1.0


def is_ending() -> bool:
    """Whether the interpreter ends, in the thread that ends it: of the program's, only daemons are left."""
    main = threading.main_thread()
    return threading.current_thread() is main and not main.is_alive()


def daemons_inside() -> list[threading.Thread]:
    """Return the program's daemon threads that are in a call of this package's."""
    frames = sys._current_frames()
    frames.pop(threading.get_ident(), None)  # A frame that knows itself waits for the garbage collector.
    return [
        thread
        for thread in threading.enumerate()
        if thread.daemon and not thread.name.startswith(_OWN) and _is_inside(frames.get(thread.ident or 0))
    ]


def hear_out(threads: Iterable[threading.Thread]) -> None:
    """Give threads that were told of the end a moment to end by it."""
    deadline = host_seconds() + _PATIENCE_S
    for thread in threads:
        # This one cannot be joined, nor one that Python has not begun.
        with suppress(AssertionError, RuntimeError):
            thread.join(max(0.0, deadline - host_seconds()))


def _is_inside(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith(_PACKAGE):
            return True
        frame = frame.f_back
    return False
