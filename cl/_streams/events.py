"""Streams of spikes, stims and data-stream entries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from cl._values.constants import NEVER
from cl._values.numbers import whole

from .cursor import Cursor
from .statistics import StreamStatistics
from .stream import SLACK_FRAMES, Stream

if TYPE_CHECKING:
    from cl._core.engine import Engine

T = TypeVar("T")

SPIKES: Final = 1
STIMS: Final = 2
ENTRIES: Final = 4

SURPRISE_S: Final = 0.004
"""So often there is a look for events that may come sooner than was known."""
_FAR: Final = NEVER >> 2
"""What is later than this never happens: the stimulator's own never, in steps of half a frame, is."""


class EventStream(Stream[T]):
    """A stream of events in the order of their timestamps.

    Events of one timestamp come as spikes (by channel), stims (by channel), entries (as they were
    appended). An entry's place is the device time at which it was appended.
    """

    def __init__(
        self,
        engine: Engine,
        name: str,
        kinds: int,
        mask: int | None,
        from_timestamp: int | None,
    ) -> None:
        # Of streams that wait for the same moment, those of other events come in an order of their own.
        period = kinds if mask is None else mask << 3 | kinds
        super().__init__(engine, name, period, from_timestamp)
        self._kinds = kinds
        self._mask = mask
        self._cursors: list[Cursor[Any]] = []
        self._grid = 1
        self._start = 0
        self._participant.probe = self._probe
        self._participant.horizon = self._horizon
        self._participant.exact = engine.device.acquisition.predictable
        if kinds != SPIKES:
            # Stims, and what programs append, may come sooner than was known.
            self._participant.longest_s = SURPRISE_S

    async def batch(self, limit: int | None = None) -> list[T]:
        """Wait until there is an event, and return all there are, at most `limit`.

        An empty list says that the stream was closed.
        """
        return await self._next(None if limit is None else whole(limit, "limit", 1))

    def statistics(self) -> StreamStatistics:
        """Return how many events were delivered and missed, and how many are waiting."""
        with self._engine.lock:
            upto = self._upto()
            waiting = sum(cursor.backlog(upto) for cursor in self._cursors)
            head = min((cursor.head(upto) for cursor in self._cursors), default=upto)
        return StreamStatistics(self._delivered, self._missed, waiting, min(head, upto))

    def _begin(self, start: int) -> None:
        engine = self._engine
        history, kinds, mask = engine.history, self._kinds, self._mask
        self._start = start
        if kinds & SPIKES:
            self._grid = engine.time.grid
        if kinds & SPIKES:
            self._cursors.append(Cursor(history.spikes, start, mask))
        if kinds & STIMS:
            self._cursors.append(Cursor(history.stims, start, mask))
        if kinds & ENTRIES:
            self._cursors.append(Cursor(history.entries, start))

    def _upto(self) -> int:
        """Return up to where events are delivered now."""
        position = self._engine.position
        return position - position % self._grid

    def _collect(self, limit: int | None) -> list[T]:
        upto, cursors = self._upto(), self._cursors
        if len(cursors) == 1:
            return cursors[0].take(upto, limit)
        found: list[T] = []
        while limit is None or len(found) < limit:
            heads = [cursor.head(upto) for cursor in cursors]
            first = heads.index(min(heads))
            if heads[first] >= upto:
                break
            # One kind after the other, each until the next event of another; at one time in their order.
            turns = (head + (first < kind) for kind, head in enumerate(heads) if kind != first)
            left = None if limit is None else limit - len(found)
            found += cursors[first].take(min(upto, *turns), left)
        return found

    def _drop_lost(self, oldest: int) -> int:
        return sum(cursor.drop_lost(oldest) for cursor in self._cursors)

    def _probe(self) -> int:
        """Return a timestamp before which there is nothing to deliver. Locked."""
        engine, grid = self._engine, self._grid
        position = engine.position
        known = at = min(cursor.head(position) for cursor in self._cursors)
        if at >= position:
            at = min(at, self._expected(max(position, self._start)))
        if at >= _FAR:
            return NEVER
        # An event belongs to the frame that it is in: it is there once that has been given.
        due = at // grid * grid + grid
        if self._kinds == SPIKES and known < NEVER:
            # Spikes are logged in order, so none can come before it any more; stims can.
            self._participant.due = due
        return due

    def _expected(self, after: int) -> int:
        """Return a timestamp at or after `after` before which nothing comes that is not logged yet."""
        device, history, kinds = self._engine.device, self._engine.history, self._kinds
        at = NEVER
        if kinds & SPIKES:
            times = history.spikes.times
            at = device.acquisition.next_spike(max(after, times[-1] + 1) if times else after)
        if kinds & STIMS:
            times = history.stims.times
            at = min(at, device.stimulator.next_stim(max(after, times[-1] + 1) if times else after))
        return at

    def _horizon(self) -> int:
        """Return up to where time may go without loss while nobody takes anything. Locked."""
        engine = self._engine
        head = min(cursor.head(engine.position) for cursor in self._cursors)
        return head + engine.history_frames - SLACK_FRAMES
