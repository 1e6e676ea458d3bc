"""When a run is due: at intervals, at times of day, or at one moment."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

_DAYS_AHEAD = 9
"""Days that are looked through for the next time of day: a week, and what a change of clocks may take."""


class Times(ABC):
    """When a run is due. Moments are aware; `began` is when the schedule was started first."""

    @abstractmethod
    def next(self, after: datetime, began: datetime) -> datetime | None:
        """Return the first moment after `after` at which it is due, None if there is none."""

    def last(self, after: datetime, until: datetime, began: datetime) -> tuple[datetime | None, int]:
        """Return the last moment in (after, until], and how many there are before that."""
        found, missed = self.next(after, began), 0
        if found is None or found > until:
            return None, 0
        while (following := self.next(found, began)) is not None and following <= until:
            found, missed = following, missed + 1
        return found, missed


@dataclass(frozen=True)
class Every(Times):
    """At an interval, for the first time when the schedule was started, or so much later."""

    interval: timedelta
    first: timedelta = timedelta(0)

    def next(self, after: datetime, began: datetime) -> datetime | None:
        begin = began + self.first
        if after < begin:
            return begin
        return begin + ((after - begin) // self.interval + 1) * self.interval

    def last(self, after: datetime, until: datetime, began: datetime) -> tuple[datetime | None, int]:
        first = self.next(after, began)
        if first is None or first > until:
            return None, 0
        count = (until - first) // self.interval
        return first + count * self.interval, count


@dataclass(frozen=True)
class Daily(Times):
    """At times of day, on some days of the week (0: Monday), by a zone's clocks; None: the machine's.

    A time that the clocks leave out counts from the one before; of one that comes twice it is the first.
    """

    at: tuple[time, ...]
    days: frozenset[int] = frozenset(range(7))
    zone: tzinfo | None = None

    def next(self, after: datetime, began: datetime) -> datetime | None:
        here = after.astimezone(self.zone)
        for moment in self._moments(here.date() - timedelta(days=1)):
            if moment > after:
                return moment
        return None

    def _moments(self, first: date) -> Iterator[datetime]:
        for ahead in range(_DAYS_AHEAD):
            day = first + timedelta(days=ahead)
            if day.weekday() in self.days:
                yield from sorted(self._moment(day, at) for at in self.at)

    def _moment(self, day: date, at: time) -> datetime:
        local = datetime.combine(day, at)
        return local.astimezone() if self.zone is None else local.replace(tzinfo=self.zone)


@dataclass(frozen=True)
class Once(Times):
    """At one moment."""

    moment: datetime

    def next(self, after: datetime, began: datetime) -> datetime | None:
        return self.moment if self.moment > after else None
