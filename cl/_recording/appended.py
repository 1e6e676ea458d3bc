"""What a recording has of what is appended while it runs: entries of data streams, rows of the log."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate, compress
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from cl._core.device_log import Command, Happening
from cl._core.entries import StreamEntry

Item: TypeAlias = "StreamEntry | Command | Happening"
Timed: TypeAlias = "tuple[int, Item]"
"""Something that was appended, and the frame that the device had come to then."""


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
    def items(self) -> list[Any]:
        """The items, from the oldest on."""
        ...

    def index(self, timestamp: int) -> int:
        """Return the index of the first item at or after `timestamp`."""
        ...


class Taken(NamedTuple):
    """Items as they stood when the engine's lock was held; some may have been taken before."""

    first: int
    """The absolute index of the first of them."""
    items: list[Any]
    times: list[int] | None
    """The frames that the device had come to; None where the items say so themselves."""


NOTHING: Final = Taken(0, [], None)


class Appended:
    """Says which items belong to a recording, and gives each once.

    They are those that were appended before the device came to the end that was set, or before the recording
    was stopped, whatever timestamps they carry; those from before it began that are of its window, too.
    """

    def __init__(self, items: Items, begin: int, timestamps_of: Callable[[list[Any]], list[int]]) -> None:
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

    def fresh(self, taken: Taken) -> list[Timed]:
        """Return what belongs here and was not given before, by time. In the recorder's thread."""
        first, items, times = taken
        if not items:
            return []
        begun = max(self._next, self._first_own)
        if first > begun:
            self.lost += first - begun
        gone = max(0, self._next - first)
        self._next = max(self._next, first + len(items))
        items = items[gone:]
        stamps = self._timestamps_of(items)
        moments = stamps if times is None else times[gone:]
        if first + gone < self._first_own:
            own = [
                number + first + gone >= self._first_own or stamp >= self._begin
                for number, stamp in enumerate(stamps)
            ]
            items, moments = list(compress(items, own)), list(compress(moments, own))
        if not moments:
            return []
        if moments[0] < self._latest or moments != sorted(moments):
            moments = [max(self._latest, moment) for moment in accumulate(moments, max)]
        self._latest = moments[-1]
        return list(zip(moments, items, strict=True))
