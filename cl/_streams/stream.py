"""What all streams share: being opened and closed, taking part in time, and their ends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Generic, NoReturn, Self, TypeVar

from cl._core.participant import STREAM, Participant
from cl._values.constants import FRAMES_PER_SECOND, HISTORY_FRAMES
from cl._values.numbers import whole
from cl._values.twins import is_asynchronous
from cl._wait import tasks, threads
from cl._wait.owner import current_owner
from cl.error import LaggedError

from .statistics import StreamStatistics

if TYPE_CHECKING:
    from cl._core.engine import Engine

T = TypeVar("T")

SLACK_FRAMES: Final = HISTORY_FRAMES - 5 * FRAMES_PER_SECOND
"""What is kept beyond the promised 5 s.

So much before its loss something is given up in wall-clock time, and time stopped for it in accelerated time:
what a consumer gets can still be looked at, and the next is not lost before it is asked for.
"""


class Stream(ABC, Generic[T]):
    """An async iterator over what happens on the device, and the context manager that it lives in.

    Three ends are told apart: closed by its own program, the iteration just ends; when the device is
    closed, the events that are left are delivered and then `DeviceDisconnectedError` is raised; so it is when
    the device fails, with the failure as its cause (frames can be had of an open device only). In
    wall-clock time a consumer that falls behind the history (5 s) gets `LaggedError` once, and may then go
    on iterating, from the oldest that is left; so does every consumer where a device has lost data, for
    which frames have zeros. In accelerated time it holds time instead: nothing is ever missed.
    """

    def __init__(self, engine: Engine, name: str, period: int, from_timestamp: int | None) -> None:
        self._engine = engine
        self._participant = Participant(name, STREAM, period)
        self._from = None if from_timestamp is None else whole(from_timestamp, "from_timestamp", 0)
        self._waiter: tasks.Waiter | None = None
        self._iterating = False
        self._closed = self._left = False
        self._delivered = self._missed = 0
        self._known_losses = 0

    # -- its life -------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        engine = self._engine
        if self._from is not None:
            await tasks.catch_up(engine)
        if self._waiter is not None or self._closed:
            raise RuntimeError(f"{self._participant.name} has been entered before: ask for a new one")
        threads.refuse_reentry(engine)
        waiter = tasks.Waiter(engine, self._participant)
        with engine.lock:
            engine.check()
            start = engine.now() if self._from is None else self._from
            engine.check_readable(start)
            self._begin(start)
            self._known_losses = engine.losses.total
            engine.time.join(self._participant)
            self._waiter = waiter
            engine.listeners.append(waiter.wake)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except BaseException:
            self.close()  # It was interrupted.
            raise

    def close(self) -> None:
        """End the stream, from any task or thread: whoever iterates comes to the end. Again: nothing."""
        self._closed = True
        waiter = self._waiter
        if waiter is None or self._left:
            return
        engine = self._engine
        waiter.stopped = True
        with engine.lock:
            if waiter.wake in engine.listeners:
                engine.listeners.remove(waiter.wake)
            engine.time.leave(self._participant)
            waiter.wake()
            threads.go_on(engine)
        waiter.close()
        # Last: what is interrupted is to be done again.
        self._left = True

    async def aclose(self) -> None:
        """End the stream, as `close` does."""
        self.close()

    # -- iterating ------------------------------------------------------------------------

    def __aiter__(self) -> Self:
        return self

    if not TYPE_CHECKING:  # type checkers say it themselves

        def __iter__(self) -> NoReturn:
            is_asynchronous(self._participant.name, "async with ... as stream: async for ... in stream")

        def __enter__(self) -> NoReturn:
            is_asynchronous(self._participant.name, "async with ... as stream: async for ... in stream")

        def __exit__(self, *_: object) -> None:
            pass

    async def __anext__(self) -> T:
        found = await self._next(1)
        if not found:
            raise StopAsyncIteration
        return found[0]

    async def _next(self, limit: int | None) -> list[T]:
        """Wait until there is something, and take at most `limit` of it; nothing once closed."""
        waiter = self._ready()
        self._iterating = True
        try:
            if not waiter.portion.may_go_on():
                await waiter.checkpoint()
            while not self._closed:
                # From here to the caller nothing is awaited: what is taken cannot be lost.
                if found := self._take(limit):
                    self._delivered += self._count(found)
                    return found
                await waiter.wait_event()
        finally:
            self._iterating = False
        return []

    def _ready(self) -> tasks.Waiter:
        if self._waiter is None:
            raise RuntimeError(f"{self._participant.name} must be entered first: async with ... as stream")
        if self._iterating:
            raise RuntimeError(f"{self._participant.name} is waited for by another task: give each its own")
        return self._waiter

    def _take(self, limit: int | None) -> list[T]:
        engine = self._engine
        with engine.lock:
            if not self._serving():
                return []
            lost = self._drop_lost(engine.oldest + SLACK_FRAMES)
            known, self._known_losses = self._known_losses, engine.losses.total
            if lost:
                self._missed += lost
                raise LaggedError(self._lagged(lost), lost)
            if known != engine.losses.total:
                raise engine.losses.since(known)
            return self._collect(limit)

    def _serving(self) -> bool:
        """Return whether the consumer holds time, so that it may take what there is."""
        engine = self._engine
        if engine.closed or engine.failure is not None:
            return True
        return engine.time.lets_take(current_owner())

    def _lagged(self, lost: int) -> str:
        return (
            f"the consumer of {self._participant.name} fell behind the history of 5 s and missed {lost} "
            f"{self._noun}: it must keep up, or take them in batches"
        )

    # -- what the kinds differ in ---------------------------------------------------------

    _noun = "events"

    @abstractmethod
    def _begin(self, start: int) -> None:
        """Start at a timestamp. Locked."""

    @abstractmethod
    def _collect(self, limit: int | None) -> list[T]:
        """Take at most `limit` of what lies before the position. Locked."""

    @abstractmethod
    def _drop_lost(self, oldest: int) -> int:
        """Go on at `oldest` if something was lost; return how much. Locked."""

    @abstractmethod
    def statistics(self) -> StreamStatistics:
        """Return how the stream is doing."""

    def _count(self, found: list[Any]) -> int:
        return len(found)

    def _repr_html_(self) -> str:
        from cl._values.html import face, number

        name = self._participant.name.removeprefix("a ")
        if self._waiter is None:
            return face(type(self).__name__, f"{name}, not entered yet", {})
        found = self.statistics()
        facts = {
            "state": "closed" if self._closed else None,
            "delivered": number(found.delivered),
            "missed": number(found.missed),
            "waiting": number(found.backlog),
            "up to": f"timestamp {number(found.timestamp)}",
        }
        return face(type(self).__name__, name, facts)
