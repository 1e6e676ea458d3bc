"""What a recording has of what is appended while it runs: entries of data streams, rows of the log."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from itertools import accumulate, compress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from cl._core.device_log import LogItems

if TYPE_CHECKING:
    from cl._core.entries import StreamEntry


class Timed(NamedTuple):
    """What was appended, and the frames that the device had come to then, in order."""

    moments: list[int]
    items: Any
    """A list, or `LogItems`."""

    def divided(self, frame: int) -> tuple[Any, Timed]:
        """Return what was appended before a frame, and the rest."""
        moments, items = self
        if not moments or moments[-1] < frame:
            return items, Timed([], [])
        own = bisect_left(moments, frame)
        return items[:own], Timed(moments[own:], items[own:])

    def with_later(self, later: Timed) -> Timed:
        """Return these and what was appended after them."""
        if not (self.moments and later.moments):
            return self if self.moments else later
        return Timed(self.moments + later.moments, self.items + later.items)


class Fresh(NamedTuple):
    """What a recording has to write beside the data: entries of data streams, and the log."""

    entries: Timed
    log: Timed

    def divided(self, frame: int) -> tuple[list[StreamEntry], LogItems, Fresh]:
        """Return what was appended before a frame, and the rest."""
        (entries, later_entries), (log, later_log) = self.entries.divided(frame), self.log.divided(frame)
        return entries, log, Fresh(later_entries, later_log)

    def with_later(self, later: Fresh) -> Fresh:
        """Return this and what was appended after it."""
        return Fresh(self.entries.with_later(later.entries), self.log.with_later(later.log))


class Items(Protocol):
    """A log of the history, whose items have absolute indices."""

    @property
    def first(self) -> int:
        """The index of the oldest item."""
        ...

    @property
    def end(self) -> int:
        """The index that the next item gets."""
        ...

    @property
    def items(self) -> Any:
        """The items, from the oldest on: a list, or `LogItems`."""
        ...

    def index(self, timestamp: int) -> int:
        """Return the index of the first item at or after `timestamp`."""
        ...


class Taken(NamedTuple):
    """Items as they stood when the engine's lock was held; some may have been taken before."""

    first: int
    """The absolute index of the first of them."""
    items: Any
    times: list[int] | None
    """The frames that the device had come to; None where the items say so themselves."""


NOTHING: Final = Taken(0, [], None)


class Appended:
    """Says which items belong to a recording, and gives each once.

    They are those that were appended before the device came to the end that was set, or before the recording
    was stopped, whatever timestamps they carry; those from before it began that are of its window, too.
    """

    def __init__(self, items: Items, begin: int, timestamps_of: Callable[[Any], list[int]]) -> None:
        """`begin` is where the window begins, `timestamps_of` returns the timestamps of items."""
        self._items = items
        self._begin = begin
        self._timestamps_of = timestamps_of
        self._next = items.first
        """Items before this one are written or do not belong here; moved by the recorder's thread."""
        self._first_own = items.end
        """Items from this one on were appended while the recording ran."""
        self._last: int | None = None
        """Where the items end, if that has been decided."""
        self._latest = begin
        self.lost = 0
        """How many were gone before they were written."""

    def begin(self) -> None:
        """Take note that the recording runs from now on. Locked."""
        self._first_own = self._items.end

    def end_here(self) -> None:
        """Take note that what comes from now on does not belong here. Locked."""
        self._last = self._items.end

    @property
    def pending(self) -> int:
        """How many items there are that are not known to be written."""
        return self._items.end - self._next

    def taken(self, end: int | None) -> Taken:
        """Return what is not known to be written, where the recording's end is this one. Locked."""
        log, stop = self._items, self._last
        if stop is None:
            stop = log.end if end is None else log.index(end)
        first = max(self._next, log.first)
        wanted = slice(first - log.first, max(stop, first) - log.first)
        times = getattr(log, "times", None)
        return Taken(first, log.items[wanted], None if times is None else times[wanted])

    def fresh(self, taken: Taken) -> Timed:
        """Return what belongs here and was not given before, by time. In the recorder's thread."""
        first, items, times = taken
        if not items:
            return Timed([], [])
        begun = max(self._next, self._first_own)
        if first > begun:
            self.lost += first - begun
        gone = max(0, self._next - first)
        self._next = max(self._next, first + len(items))
        if gone:
            items, times = items[gone:], times and times[gone:]
        stamps = self._timestamps_of(items)
        moments = stamps if times is None else times
        if first + gone < self._first_own:
            own = [
                number + first + gone >= self._first_own or stamp >= self._begin
                for number, stamp in enumerate(stamps)
            ]
            items = items.chosen(own) if isinstance(items, LogItems) else list(compress(items, own))
            moments = list(compress(moments, own))
        if not moments:
            return Timed([], [])
        if moments[0] < self._latest or moments != sorted(moments):
            moments = [max(self._latest, moment) for moment in accumulate(moments, max)]
        self._latest = moments[-1]
        return Timed(moments, items)
