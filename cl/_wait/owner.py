"""On whose behalf somebody waits: the task, or the thread where there is none."""

from __future__ import annotations

import sys
import threading
from contextvars import ContextVar
from typing import Any

from cl._core.schedule import Hold

serving: ContextVar[Hold | None] = ContextVar("cl_serving", default=None)
"""The hold of the body that runs in this context. A task or thread started from a body inherits it."""


def current_owner() -> object:
    """Return the running asyncio or trio task, or else the running thread."""
    task = current_task()
    return threading.current_thread() if task is None else task


def current_task() -> object | None:
    """Return the running asyncio or trio task, or None."""
    asyncio: Any = sys.modules.get("asyncio")
    if asyncio is not None and asyncio._get_running_loop() is not None:
        task: object | None = asyncio.current_task()
        return task
    trio: Any = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        running: object = trio.lowlevel.current_task()
        return running
    return None


def has_ended(owner: Any) -> bool:
    """Return whether a task or thread has come to its end."""
    if isinstance(owner, threading.Thread):
        return not owner.is_alive()
    done = getattr(owner, "done", None)
    if done is not None:
        return bool(done())
    coroutine = getattr(owner, "coro", None)
    return coroutine is not None and coroutine.cr_frame is None
