"""What live metrics have in common: the time they were fed with, and the checks of what comes next."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, TypeVar

from cl._values.numbers import whole
from cl.events import DetectionResult, Spike, Stim

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")


class Fed(ABC, Generic[T]):
    """A metric that is fed with what comes, in order.

    It begins at `start_timestamp` (a recording's, to be equal to what is computed of its file), or with
    the first window it is given. `missed_frames` says of how many frames since then it was given nothing.
    """

    def __init__(self, start_timestamp: int | None, frames_per_second: int) -> None:
        self._rate = whole(frames_per_second, "frames_per_second", 1)
        self._start = None if start_timestamp is None else whole(start_timestamp, "start_timestamp", 0)
        self._position = self._start or 0
        self._held: list[Spike | Stim] = []
        """The last events of a stream, of whose frame more may come."""
        self.missed_frames = 0

    @property
    def start_timestamp(self) -> int | None:
        """The device's timestamp at frame 0 of the results; None where that is not known yet."""
        return self._start

    @property
    def stop_timestamp(self) -> int:
        """The device's timestamp up to which everything is known."""
        return self._position

    @property
    def duration_frames(self) -> int:
        """How long the metric has been fed."""
        return 0 if self._start is None else self._position - self._start

    def update(self, result: DetectionResult) -> T:
        """Take what was detected in the next window, of a tick or a read.

        ValueError for one that begins before the last one's end. Frames between the two are taken for silent,
        and counted in `missed_frames`.
        """
        first = self._advance(result.start_timestamp, result.stop_timestamp)
        return self._take(result.spikes, result.stims, first)

    def update_events(self, events: Iterable[object], until: int | None = None) -> T:
        """Take the next events of a stream, in order, those that are neither spikes nor stims being left out.

        What they tell is the time up to the last one's frame, of which more may come: so its events wait for
        the next call. `until`: that all events before this timestamp have come. ValueError for what goes
        back.
        """
        known = [*self._held, *(event for event in events if isinstance(event, (Spike, Stim)))]
        first = known[0].timestamp if known else until
        if self._start is None and first is None:
            return self._take([], [], 0)
        start = self._position if self._start is not None or first is None else first
        at = start
        for event in known:
            if event.timestamp < at and (event.timestamp < start or at > start):
                raise ValueError(f"{event!r} comes after {at}, and events come in order")
            at = event.timestamp
        least = at + 1 if known else start
        stop = at if until is None else whole(until, "until", least)
        count = sum(event.timestamp < stop for event in known)
        spikes = [event for event in known[:count] if isinstance(event, Spike)]
        stims = [event for event in known[:count] if isinstance(event, Stim)]
        found = self.update(DetectionResult(start, stop, spikes, stims))
        self._held = known[count:]
        return found

    @abstractmethod
    def _take(self, spikes: list[Spike], stims: list[Stim], first: int) -> T:
        """Take the events of a window that was noted; those before `first` do not count."""

    def _advance(self, start: int, stop: int) -> int:
        """Note that [start, stop) is given now; return from where on it counts."""
        if self._start is None:
            self._start = self._position = start
        position = self._position
        if start > position:
            self.missed_frames += start - position
        elif start < position and position > self._start:
            raise ValueError(
                f"what is given begins at {start}, before {position}, up to which it has been given already"
            )
        if self._held:
            self._held = []  # they are in this window
        if stop > position:
            self._position = stop
        return max(start, self._start)
