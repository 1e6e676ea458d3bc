"""A reader's place in one event log."""

from __future__ import annotations

from bisect import bisect_left
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

from cl._values.constants import NEVER

if TYPE_CHECKING:
    from cl._core.history import EventLog

T = TypeVar("T")


class Cursor(Generic[T]):
    """What is still to be read of a log: events at or after `start`, on the channels of `mask`.

    `mask` has a bit for each channel; None stands for every event, for items that have no channel.
    Events may be logged ahead of time and others inserted before them, so the cursor only ever moves
    over events before the engine's position. All methods want the engine's lock.
    """

    __slots__ = ("_log", "_mask", "_start", "index")

    def __init__(self, log: EventLog[T], start: int, mask: int | None = None) -> None:
        self._log = log
        self._mask = mask
        self._start = start
        self.index = log.index(start)
        """The absolute index of the next event to look at."""

    def head(self, position: int) -> int:
        """Return the timestamp of the next event, also of one that lies ahead, or `NEVER`."""
        log, mask = self._log, self._mask
        times, items = log.times, log.items
        for i in range(self._place(), len(times)):
            if mask is None or mask >> items[i].channel & 1:  # type: ignore[attr-defined]
                self._skip(i, position)
                return times[i]
        self._skip(len(times), position)
        return NEVER

    def _skip(self, at: int, position: int) -> None:
        """Move over what is not to be read, as far as it lies before the position."""
        log = self._log
        if at and (at > len(log.times) or log.times[at - 1] >= position):
            at = bisect_left(log.times, position, 0, at)
        self.index = max(self.index, log.first + at)

    def _place(self) -> int:
        """Return where in the log's lists to look next."""
        log, start = self._log, self._start
        times = log.times
        at = max(self.index - log.first, 0)
        if at < len(times) and times[at] < start:
            at = bisect_left(times, start, at)
        return at

    def take(self, before: int, limit: int | None) -> list[T]:
        """Return the events before a timestamp, not beyond the position, at most `limit`, and move on."""
        log, mask = self._log, self._mask
        at = self._place()
        end = max(bisect_left(log.times, before, at), at)
        if mask is None:
            end = end if limit is None else min(end, at + limit)
            found = log.items[at:end]
        else:
            wanted = (i for i in range(at, end) if mask >> log.items[i].channel & 1)  # type: ignore[attr-defined]
            chosen = list(islice(wanted, limit))
            end = chosen[-1] + 1 if len(chosen) == limit else end
            found = [log.items[i] for i in chosen]
        self.index = max(self.index, log.first + end)
        return found

    def backlog(self, position: int) -> int:
        """Return how many events before `position` are still to be looked at."""
        return max(self._log.index(position) - max(self.index, self._log.first), 0)

    def drop_lost(self, oldest: int) -> int:
        """Go on at `oldest` where the log has lost events to be read; return how many were missed.

        They are counted on whatever channel: what is gone cannot be looked at any more.
        """
        log = self._log
        if self.index >= log.first:
            return 0
        if self._start >= oldest:
            self.index = log.first
            return 0
        index = max(log.index(oldest), log.first)
        missed, self.index = index - self.index, index
        return missed
