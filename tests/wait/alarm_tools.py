"""What the tests of alarms share."""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections.abc import Callable
from typing import Any, Final

import pytest

from cl._wait import loop_timers
from cl._wait.timerfd import TimerfdCalls, libc_calls, python_calls

FAR_NS: Final = 3_600 * 10**9
CALLS: Final = {name: calls for name, calls in (("python", python_calls()), ("libc", libc_calls())) if calls}
"""The ways to call timerfd that there are here."""
KINDS: Final = [*CALLS, "pacer"]


def use_calls(calls: TimerfdCalls | None, patch: pytest.MonkeyPatch) -> None:
    """Let the timers of alarms be made by these calls; where there are none, by the pacer."""
    patch.setattr(loop_timers, "timerfd_calls", lambda: calls)


def pacers() -> list[threading.Thread]:
    """Return the threads of pacers."""
    return [thread for thread in threading.enumerate() if thread.name == "cl-pacer"]


def join_pacers() -> None:
    """Wait until the threads have ended that were told to: all of them, once no alarm is open."""
    for thread in pacers():
        thread.join(30)
        assert not thread.is_alive(), "an alarm was left open"


def in_thread(call: Callable[[], Any]) -> None:
    """Make a call in another thread, and wait for its end."""
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def in_fork(call: Callable[[], Any]) -> int:
    """Make a call in a child process, and return its status: 0 where the call came to its end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Pools of threads may be about.
        child = os.fork()
    if child == 0:
        try:
            signal.alarm(20)
            call()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1]
