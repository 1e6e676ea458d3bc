"""Timers of the system that an event loop watches: one for asyncio's loops, one for trio."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .timerfd import Timerfd, timerfd_calls

if TYPE_CHECKING:
    from collections.abc import Awaitable


def asyncio_timer(loop: Any) -> AsyncioTimer | None:
    """Return a timer for a loop; None where there are none (left), or it cannot watch them."""
    timer = _open()
    if timer is None:
        return None
    try:
        return AsyncioTimer(loop, timer)
    except NotImplementedError:  # It cannot watch descriptors.
        timer.close()
        return None


def trio_timer(trio: Any) -> TrioTimer | None:
    """Return a timer for the running trio, or None where the platform has none or is out of them."""
    timer = _open()
    return None if timer is None else TrioTimer(trio, timer)


def _open() -> Timerfd | None:
    calls = timerfd_calls()
    if calls is None:
        return None
    try:
        return Timerfd(calls)
    except OSError:  # No more descriptors for this process, or a sandbox.
        return None


class AsyncioTimer:
    """A timer that the loops of asyncio and uvloop watch for as long as it is open.

    The loop knows this object, and only the task that waits knows the alarm: dropped, it can close itself.
    """

    __slots__ = ("_ending", "_loop", "_thread", "_timer")

    def __init__(self, loop: Any, timer: Timerfd) -> None:
        self._loop = loop
        self._timer = timer
        self._thread = threading.get_ident()
        self._ending: Any = loop.create_future()
        loop.add_reader(timer.number, self._fired)

    def start(self, ns: int) -> None:
        """Let it end after so many ns."""
        self._timer.set(ns)

    def ended(self) -> Awaitable[None]:
        """Return what to await until it ends."""
        ending: Awaitable[None] = self._loop.create_future()
        self._ending = ending
        return ending

    def _fired(self) -> None:
        self._timer.set(0)  # Or the loop would see it again and again until the next start.
        self._let_go()

    def _let_go(self) -> None:
        if not self._ending.done():
            self._ending.set_result(None)

    def end(self) -> None:
        """End it now."""
        with suppress(RuntimeError):  # The loop was closed: no task of it waits any more.
            self._loop.call_soon_threadsafe(self._let_go)

    def close(self) -> None:
        """End it and give it back."""
        loop = self._loop
        if loop.is_closed() or not self._timer.is_ours():  # A fork would take it from its parent's loop.
            self._timer.close()
        elif threading.get_ident() == self._thread:
            self._give_back()
        else:
            try:
                loop.call_soon_threadsafe(self._give_back)
            except RuntimeError:  # It has just been closed.
                self._timer.close()

    def _give_back(self) -> None:
        self._loop.remove_reader(self._timer.number)
        self._timer.close()
        self._let_go()


class TrioTimer:
    """A timer that trio watches while a task waits for it."""

    __slots__ = ("_thread", "_timer", "_token", "_trio")

    def __init__(self, trio: Any, timer: Timerfd) -> None:
        self._trio = trio
        self._timer = timer
        self._token = trio.lowlevel.current_trio_token()
        self._thread = threading.get_ident()

    def start(self, ns: int) -> None:
        """Let it end after so many ns."""
        self._timer.set(ns)

    async def ended(self) -> None:
        """Return when it ends."""
        try:
            await self._trio.lowlevel.wait_readable(self._timer.number)
        except self._trio.ClosedResourceError:
            pass  # Closing ends it.

    def _fire(self) -> None:
        if self._timer.number >= 0:
            self._timer.set(1)

    def end(self) -> None:
        """End it now."""
        with suppress(RuntimeError):  # trio.RunFinishedError: no task of it waits any more
            self._token.run_sync_soon(self._fire, idempotent=True)

    def close(self) -> None:
        """End it and give it back."""
        if not self._timer.is_ours():  # A fork would take it from its parent's trio.
            self._timer.close()
        elif threading.get_ident() == self._thread:
            self._give_back()
        else:
            try:
                self._token.run_sync_soon(self._give_back)
            except RuntimeError:  # trio.RunFinishedError
                self._timer.close()

    def _give_back(self) -> None:
        with suppress(RuntimeError):  # Trio has ended: no task of it waits any more.
            self._trio.lowlevel.notify_closing(self._timer.number)
        self._timer.close()
