"""A timer of Linux whose end an event loop sees as it sees that a socket is readable: timerfd."""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_CLOCK_MONOTONIC: Final = 1
"""Its `clockid_t` on Linux; the module `time` is the host clock's to import."""


class TimerfdCalls(NamedTuple):
    """The system's calls."""

    create: Callable[[], int]
    """Return a descriptor that never blocks, and that no started program inherits."""
    set: Callable[[int, int], None]
    """Let a descriptor be readable after so many ns and not before, or never where they are 0.

    That takes back an earlier setting and its end: nothing ever has to be read.
    """


class Timerfd:
    """A descriptor that is closed once."""

    __slots__ = ("_creator", "_set", "number")

    def __init__(self, calls: TimerfdCalls) -> None:
        self.number = -1
        self._set = calls.set
        self._creator = os.getpid()
        self.number = calls.create()

    def set(self, ns: int) -> None:
        """Be readable after so many ns and not before, or never where they are 0."""
        self._set(self.number, ns)

    def is_ours(self) -> bool:
        """Return whether this process has made it: a fork has the descriptor, but shares the timer."""
        return self._creator == os.getpid()

    def close(self) -> None:
        """Give it back. Again: nothing."""
        number, self.number = self.number, -1
        if number >= 0:
            os.close(number)

    def __del__(self) -> None:
        self.close()


@cache
def timerfd_calls() -> TimerfdCalls | None:
    """Return the calls, Python's own or else the C library's; None where the platform has none."""
    return python_calls() or libc_calls()


def python_calls() -> TimerfdCalls | None:
    """Return the calls that Python has on Linux from 3.13 on, or None."""
    system: Any = os
    if not hasattr(system, "timerfd_create"):
        return None
    settime = system.timerfd_settime_ns
    flags = system.TFD_NONBLOCK | system.TFD_CLOEXEC

    def create() -> int:
        return int(system.timerfd_create(_CLOCK_MONOTONIC, flags=flags))

    def set_ns(descriptor: int, ns: int) -> None:
        settime(descriptor, initial=ns)

    return TimerfdCalls(create, set_ns)


def libc_calls() -> TimerfdCalls | None:
    """Return the calls of the C library, or None where it has none."""
    if not sys.platform.startswith("linux"):
        return None
    import ctypes
    from struct import Struct

    # PyDLL does not let go of Python for a call of 1 µs: with busy threads it may take 5 ms to get it back.
    libc = ctypes.PyDLL(None, use_errno=True)
    if not hasattr(libc, "timerfd_create"):
        return None
    settime = libc.timerfd_settime
    settime.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
    # struct itimerspec: the interval, which stays 0, and the time, each in s and ns.
    pack = Struct("4l").pack

    def create() -> int:
        descriptor = int(libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC))
        if descriptor < 0:
            raise _last_error()
        return descriptor

    def set_ns(descriptor: int, ns: int) -> None:
        if settime(descriptor, 0, pack(0, 0, ns // 1_000_000_000, ns % 1_000_000_000), None):
            raise _last_error()

    return TimerfdCalls(create, set_ns)


def _last_error() -> OSError:
    import ctypes

    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
