"""The bridge between the engine and an event loop: let others run, park a task, wake it from any thread."""

from __future__ import annotations

import sys
from _thread import get_ident
from collections.abc import Awaitable, Callable, Generator
from contextvars import ContextVar
from functools import partial
from types import coroutine
from typing import TYPE_CHECKING, Any, Final, Protocol

from cl._core.work_budget import Portion

from .owner import running_loop, trio_runs

if TYPE_CHECKING:
    from .alarm import Alarm
    from .parker import Parker


_KNOWS_EAGER_TASKS: Final = sys.version_info >= (3, 12)


class Backend(Protocol):
    """An event loop that tasks of ours run on."""

    in_order: bool
    """Whether tasks run in the order in which they were woken."""
    portion: Portion
    """How long they have gone on without a turn of the others."""

    def checkpoint(self) -> Awaitable[None]:
        """Return what to await so that every other ready task runs once."""
        ...

    def sleep(self, seconds: float) -> Awaitable[None]:
        """Return what to await for a sleep of real time."""
        ...

    def task(self) -> object:
        """Return the running task."""
        ...

    def is_alone(self) -> bool:
        """Return whether no other task is ready, and the running one may go on without a turn of theirs.

        Where it is not known, False: they are to be let run.
        """
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
    __slots__ = ("_backend", "_future")

    def __init__(self, backend: _AsyncioBackend) -> None:
        self._backend = backend
        self._future = backend.make_future()

    def arm(self) -> None:
        # What wakes an earlier wait wakes this one too early: its task looks again.
        make = self._backend.make_future  # First: in Python 3.11 a call of a slot's value is slow.
        self._future = make()

    def _set(self) -> None:
        if not self._future.done():
            self._future.set_result(None)

    def wake(self) -> None:
        backend = self._backend
        if get_ident() == backend.thread:
            # Without a look whether it is done, as it is where it was woken before or its wait was cancelled.
            try:
                self._future.set_result(None)
            except backend.is_done:
                pass
            return
        try:
            backend.loop.call_soon_threadsafe(self._set)
        except RuntimeError:
            pass  # the loop was closed: its task can no longer be woken, nor needs to be

    def park(self) -> Awaitable[Any]:
        future: Awaitable[Any] = self._future
        return future

    async def park_for(self, seconds: float) -> None:
        timer = self._backend.loop.call_later(seconds, self._set)
        try:
            await self._future
        finally:
            timer.cancel()


@coroutine
def _next_turn() -> Generator[None, None, None]:
    # What `asyncio.sleep(0)` does, at a fraction of its costs.
    yield


class _AsyncioBackend:
    __slots__ = (
        "_eager", "_ready", "_sleep", "checkpoint", "is_done", "loop", "make_future", "portion", "task",
        "thread",
    )  # fmt: skip
    in_order = True

    def __init__(self, loop: Any) -> None:
        import asyncio

        self._sleep = asyncio.sleep
        self.checkpoint: Callable[[], Awaitable[None]] = _next_turn
        self.is_done = asyncio.InvalidStateError
        """What a future raises that is done."""
        self.loop = loop
        # Without the loop it would be looked for, which in Python 3.11 takes a system call. The function
        # there is written in Python, and costs more than the look.
        known: Any = None if _KNOWS_EAGER_TASKS else getattr(asyncio.tasks, "_current_tasks", None)
        found = asyncio.current_task if known is None else known.get
        self.task: Callable[[], object] = partial(found, loop)
        # Private to asyncio, and the only way to know; uvloop does not show it.
        self._ready: Any = getattr(loop, "_ready", None)
        self._eager: Any = getattr(asyncio.tasks, "_eager_tasks", None if _KNOWS_EAGER_TASKS else ())
        self.make_future: Callable[[], Any] = loop.create_future
        self.thread = get_ident()
        self.portion = Portion()

    def is_alone(self) -> bool:
        if self._ready is None or self._ready or self._eager is None:
            return False
        if self._eager and self.task() in self._eager:
            return False  # The one that starts it stands still in the middle of its own step.
        if self.portion.may_go_on():
            return True
        # Timers, sockets and cancellations have to be looked at.
        self.portion.begin()
        return False

    def sleep(self, seconds: float) -> Awaitable[None]:
        return self._sleep(seconds)

    def parker(self) -> Parker:
        return _AsyncioParker(self)

    def rounds(self, count: int) -> Awaitable[None]:
        # Callbacks, rather than turns of the task: they cost a fraction.
        loop = self.loop
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

        return Alarm(asyncio_timer(self.loop) or PacedTimer(self.parker), self.checkpoint)


class _TrioParker:
    __slots__ = ("_event", "_thread", "_token", "_trio")

    def __init__(self, trio: Any) -> None:
        self._trio = trio
        self._event = trio.Event()
        self._token = trio.lowlevel.current_trio_token()
        self._thread = get_ident()

    def arm(self) -> None:
        self._event = self._trio.Event()

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
    __slots__ = ("_trio", "checkpoint", "portion", "sleep", "task")
    in_order = False
    """It shuffles them."""

    def is_alone(self) -> bool:
        return False

    def __init__(self) -> None:
        import trio

        self._trio: Any = trio
        self.portion = Portion()
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


_latest: ContextVar[_AsyncioBackend | None] = ContextVar("cl_backend", default=None)
"""The bridge that was asked for in this context, mostly of the loop that still runs."""


def current_backend() -> Backend:
    """Return the bridge to the running event loop; `RuntimeError` where none runs."""
    loop = running_loop()
    if loop is not None:
        known = _latest.get()
        if known is None or known.loop is not loop:
            known = _AsyncioBackend(loop)
            _latest.set(known)
        return known
    if trio_runs():
        return _TrioBackend()
    raise RuntimeError("no event loop is running: asyncio (with or without uvloop) and trio are supported")
