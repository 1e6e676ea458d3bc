"""The owner of a wait: the task, or the thread where there is none."""

from __future__ import annotations

import sys
import threading
import weakref
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from cl._core.participant import Hold

if TYPE_CHECKING:
    from cl._core.virtual import Scheduler

_serving: ContextVar[tuple[Hold, ...]] = ContextVar("cl_serving", default=())
"""The holds of the bodies that run in this context, one of each time: a program may have several devices.

A task or thread started from a body inherits them.
"""

_get, _set = _serving.get, _serving.set
"""Bound beforehand, which in Python 3.11 saves looks for the methods in each tick."""


def owner_in(scheduler: Scheduler) -> tuple[object, Hold | None]:
    """Return the running task or thread, and the hold of the body that runs in this context."""
    return current_owner(), hold_in(scheduler)


def hold_in(scheduler: Scheduler) -> Hold | None:
    """Return the hold of the body that runs in this context, of a scheduler's time."""
    for hold in _serving.get():
        if hold.scheduler is scheduler:
            return hold
    return None


def serve_with(hold: Hold) -> None:
    """Take note that the body that runs in this context holds time by `hold`."""
    others = _get()
    if not others or (len(others) == 1 and others[0].scheduler is hold.scheduler):
        _set((hold,))
    else:
        _set((*(h for h in others if h.scheduler is not hold.scheduler and not _is_over(h)), hold))


def _is_over(hold: Hold) -> bool:
    """Return whether a hold is none any more: what it held time for has ended."""
    return hold.scheduler is None or hold.scheduler.idle or not hold.scheduler.keeps(hold)


class _Use:
    """Marks a context that runs in a thread; it goes when the context goes."""

    __slots__ = ("__weakref__", "owner")

    def __init__(self, thread: threading.Thread) -> None:
        self.owner = ThreadOwner(thread, weakref.ref(self))


class ThreadOwner:
    """A thread, as long as it works in the context that it waited in.

    The threads of a pool do not end when the function ends that they were lent for, but the context in
    which that ran does: `asyncio.to_thread`, anyio and trio give each call one of its own.
    """

    __slots__ = ("_use", "thread")

    def __init__(self, thread: threading.Thread, use: weakref.ref[_Use]) -> None:
        self.thread = thread
        self._use = use

    def done(self) -> bool:
        """Return whether the thread, or what it did in that context, has come to its end."""
        return self._use() is None or not self.thread.is_alive()


_use: ContextVar[_Use | None] = ContextVar("cl_thread_use", default=None)


def current_owner() -> object:
    """Return the running asyncio or trio task, or else the running thread's."""
    task = current_task()
    if task is not None:
        return task
    thread = threading.current_thread()
    use = _use.get()
    if use is None or use.owner.thread is not thread:
        use = _Use(thread)
        _use.set(use)
    return use.owner


def current_task() -> object | None:
    """Return the running asyncio or trio task, or None."""
    if asyncio_runs():
        task: object | None = sys.modules["asyncio"].current_task()
        return task
    if trio_runs():
        running: object = sys.modules["trio"].lowlevel.current_task()
        return running
    return None


def running_loop() -> Any:
    """Return asyncio's loop that runs in this thread, or None.

    Another thread may be about to import asyncio: it is half there.
    """
    running = getattr(sys.modules.get("asyncio"), "_get_running_loop", None)
    return None if running is None else running()


def asyncio_runs() -> bool:
    """Return whether asyncio runs in this thread."""
    return running_loop() is not None


def trio_runs() -> bool:
    """Return whether trio runs a task in this thread. As asyncio, it may be half there."""
    lowlevel = getattr(sys.modules.get("trio"), "lowlevel", None)
    in_task = getattr(lowlevel, "in_trio_task", None)
    if in_task is not None:
        return bool(in_task())
    current_task = getattr(lowlevel, "current_task", None)
    if current_task is None:
        return False
    try:
        current_task()  # older versions of trio have no other way of asking
    except RuntimeError:
        return False
    return True


def has_ended(owner: Any) -> bool:
    """Return whether a task or thread has come to its end."""
    done = getattr(owner, "done", None)
    if done is not None:
        return bool(done())
    coroutine = getattr(owner, "coro", None)
    return coroutine is not None and coroutine.cr_frame is None
