"""The bridge between the engine and an event loop: let others run, park a task, wake it from any thread."""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from types import coroutine
from typing import TYPE_CHECKING, Any, Protocol

from .owner import asyncio_runs, trio_runs

if TYPE_CHECKING:
    from .alarm import Alarm
    from .parker import Parker


class Backend(Protocol):
    """An event loop that a task of ours runs on."""

    in_order: bool
    """Whether tasks run in the order in which they were woken."""

    def checkpoint(self) -> Awaitable[None]:
        """Return what to await so that every other ready task runs once."""
        ...

    def sleep(self, seconds: float) -> Awaitable[None]:
        """Return what to await for a sleep of real time."""
        ...

    def task(self) -> object:
        """Return the running task."""
        ...

    def parker(self) -> Parker:
        """Return a fresh parking place."""
        ...

    def rounds(self, count: int) -> Awaitable[None]:
        """Return what to await so that tasks that are ready have had so many turns."""
        ...

    def alarm(self) -> Alarm:
        """Return a new alarm, which is to be closed."""
        ...


class _AsyncioParker:
    __slots__ = ("_future", "_loop", "_make", "_thread")

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._make: Callable[[], Any] = loop.create_future
        self._future = loop.create_future()
        self._thread = get_ident()

    def arm(self) -> Callable[[], None]:
        self._future = self._make()
        # What wakes an earlier wait wakes this one too early: its task looks again.
        return self.wake

    def _set(self) -> None:
        if not self._future.done():
            self._future.set_result(None)

    def wake(self) -> None:
        if get_ident() == self._thread:
            future = self._future
            if not future.done():
                future.set_result(None)
            return
        try:
            self._loop.call_soon_threadsafe(self._set)
        except RuntimeError:
            pass  # the loop was closed: its task can no longer be woken, nor needs to be

    def park(self) -> Awaitable[Any]:
        future: Awaitable[Any] = self._future
        return future

    async def park_for(self, seconds: float) -> None:
        timer = self._loop.call_later(seconds, self._set)
        try:
            await self._future
        finally:
            timer.cancel()


@coroutine
def _next_turn() -> Generator[None, None, None]:
    # What `asyncio.sleep(0)` does, at a fraction of its costs.
    yield


class _AsyncioBackend:
    in_order = True

    def __init__(self) -> None:
        import asyncio

        self._sleep = asyncio.sleep
        self.checkpoint: Callable[[], Awaitable[None]] = _next_turn
        self._loop = asyncio.get_running_loop()
        # Without the loop it would be looked for, which in Python 3.11 takes a system call.
        self.task: Callable[[], object] = partial(asyncio.current_task, self._loop)

    def sleep(self, seconds: float) -> Awaitable[None]:
        return self._sleep(seconds)

    def parker(self) -> Parker:
        return _AsyncioParker(self._loop)

    def rounds(self, count: int) -> Awaitable[None]:
        # Callbacks, rather than turns of the task: they cost a fraction.
        loop = self._loop
        over: Any = loop.create_future()

        def turn(left: int) -> None:
            if left:
                loop.call_soon(turn, left - 1)
            elif not over.done():
                over.set_result(None)

        loop.call_soon(turn, count - 2)
        awaited: Awaitable[None] = over
        return awaited

    def alarm(self) -> Alarm:
        from .alarm import Alarm
        from .loop_timers import asyncio_timer
        from .pacer import PacedTimer

        return Alarm(asyncio_timer(self._loop) or PacedTimer(self.parker), self.checkpoint)


class _TrioParker:
    __slots__ = ("_event", "_thread", "_token", "_trio")

    def __init__(self, trio: Any) -> None:
        self._trio = trio
        self._event = trio.Event()
        self._token = trio.lowlevel.current_trio_token()
        self._thread = get_ident()

    def arm(self) -> Callable[[], None]:
        event = self._event = self._trio.Event()
        token, thread = self._token, self._thread

        def wake() -> None:
            if get_ident() == thread:
                event.set()
                return
            try:
                token.run_sync_soon(event.set)
            except RuntimeError:
                pass  # trio.RunFinishedError: its task can no longer be woken, nor needs to be

        return wake

    def wake(self) -> None:
        if get_ident() == self._thread:
            self._event.set()
            return
        try:
            self._token.run_sync_soon(self._event.set)
        except RuntimeError:
            pass  # trio.RunFinishedError: its task can no longer be woken, nor needs to be

    def park(self) -> Awaitable[Any]:
        waiting: Awaitable[Any] = self._event.wait()
        return waiting

    async def park_for(self, seconds: float) -> None:
        with self._trio.move_on_after(seconds):
            await self._event.wait()


class _TrioBackend:
    in_order = False
    """It shuffles them."""

    def __init__(self) -> None:
        import trio

        self._trio: Any = trio
        self.task: Callable[[], object] = trio.lowlevel.current_task
        self.checkpoint: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint
        self.sleep: Callable[[float], Awaitable[None]] = trio.sleep

    def parker(self) -> Parker:
        return _TrioParker(self._trio)

    async def rounds(self, count: int) -> None:
        for _ in range(count):
            await self.checkpoint()

    def alarm(self) -> Alarm:
        from .alarm import Alarm
        from .loop_timers import trio_timer
        from .pacer import PacedTimer

        return Alarm(trio_timer(self._trio) or PacedTimer(self.parker), self.checkpoint)


def current_backend() -> Backend:
    """Return the bridge to the running event loop; `RuntimeError` where none runs."""
    if asyncio_runs():
        return _AsyncioBackend()
    if trio_runs():
        return _TrioBackend()
    raise RuntimeError("no event loop is running: asyncio (with or without uvloop) and trio are supported")
