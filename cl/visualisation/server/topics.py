"""The topics of a connection: each has a cursor, and takes what follows it.

A client's queue is the device's own history: what is not sent yet is not copied anywhere. A client
that does not keep up misses frames (they are counted); spikes and stims wait for it as long as the
history holds them.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, TypeVar

from . import messages
from .source import GRID, loadable_until

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from cl.events import Spike

    from .commands import Subscribe
    from .source import Source

T = TypeVar("T")

CHUNK: Final = 2_500
"""Frames that are put into one section: what takes a fraction of a millisecond to put together."""
_LAG: Final = 12_500
"""Frames that a slow client may be behind before it misses some."""
_EVENT_SPAN: Final = 50_000
_WAVEFORMS_KEPT: Final = 50
_WAVEFORMS_SENT: Final = 8
_CACHED: Final = 48


class FellBehindError(Exception):
    """The client was so slow that spikes or stims have left the history before it took them."""


class Missed:
    """Counts the frames that a client has missed; those of two topics at the same time are counted once."""

    def __init__(self) -> None:
        self.frames = 0
        self._until = 0

    def add(self, start: int, stop: int) -> None:
        """Take note that [start, stop) is not sent."""
        self.frames += max(0, stop - max(start, self._until))
        self._until = max(self._until, stop)


class Sections:
    """Sections made a moment ago: pages that show the same thing share them."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._made: dict[object, object] = {}

    def _get(self, key: object, make: Callable[[], T]) -> T:
        found = self._made.get(key)
        if found is None:
            if len(self._made) >= _CACHED:
                self._made.clear()
            self.source.wait_for_tick_gap()
            found = self._made[key] = make()
        return found  # type: ignore[return-value]

    def clear(self) -> None:
        """Forget everything, when the source has jumped."""
        self._made.clear()

    def events(self, kind: int, start: int, stop: int) -> tuple[bytes, int]:
        """Return the section of what happened from `start` on, and up to where it is complete."""
        return self._get((kind, start, stop), lambda: self._make_events(kind, start, stop))

    def _make_events(self, kind: int, start: int, stop: int) -> tuple[bytes, int]:
        times, channels, stop = self.source.events(kind, start, stop)
        currents = self.source.currents(start, stop) if kind == messages.STIMS and times else ()
        if len(currents) != len(times):  # they have left the history meanwhile
            currents = ()
        return messages.events(kind, start, stop, times, channels, currents), stop

    def frames(self, start: int, stop: int) -> NDArray[np.int16]:
        """Return the frames of [start, stop)."""
        return self._get(("frames", start, stop), lambda: self.source.frames(start, stop))

    def traces(self, start: int, stop: int, channels: tuple[int, ...], bin_frames: int) -> bytes:
        """Return the section of some channels' traces."""
        return self._get(
            (start, stop, channels, bin_frames),
            lambda: messages.traces(self.frames(start, stop), start, channels, bin_frames),
        )

    def overview(self, start: int, stop: int) -> bytes:
        """Return the section of all channels' extremes."""
        return self._get(
            ("overview", start, stop), lambda: messages.overview(self.frames(start, stop), start, GRID)
        )


def _begin(source: Source, command: Subscribe) -> int:
    position = source.position()
    if command.since is None:
        return position
    return max(source.horizon(), min(command.since, position))


class Events:
    """All spikes, or all stims."""

    def __init__(self, sections: Sections, kind: int, command: Subscribe) -> None:
        self._sections = sections
        self._kind = kind
        self._cursor = _begin(sections.source, command)

    def take(self, position: int, slow: bool) -> bytes | None:
        """Return the next section, or None where nothing follows yet."""
        start = self._cursor
        if position <= start:
            return None
        if start < self._sections.source.oldest():
            raise FellBehindError
        section, self._cursor = self._sections.events(self._kind, start, min(position, start + _EVENT_SPAN))
        return section

    def behind(self, position: int) -> bool:
        """Return whether more could be taken at once."""
        return self._cursor < position


class Frames:
    """The overview of all channels, or chosen channels' traces."""

    def __init__(self, sections: Sections, command: Subscribe, missed: Missed) -> None:
        self._sections = sections
        self._command = command
        self._missed = missed
        self._cursor = -(-_begin(sections.source, command) // GRID) * GRID

    def take(self, position: int, slow: bool) -> bytes | None:
        """Return the next section, or None where nothing follows yet.

        A `slow` client, one that had to be waited for, goes on near the present where it is too far behind.
        """
        stop = position // GRID * GRID
        if stop <= self._cursor:
            return None
        lagging = slow and stop - self._cursor > _LAG
        if lagging or self._cursor < self._sections.source.oldest():
            self._skip(stop)
        start, stop = self._cursor, min(stop, self._cursor + CHUNK)
        try:
            section = self._section(start, stop)
        except (
            ValueError,
            RuntimeError,
            OSError,
        ):  # it has left the history meanwhile, or the device has gone
            self._skip(position // GRID * GRID)
            return None
        self._cursor = stop
        return section

    def _skip(self, stop: int) -> None:
        to = max(self._cursor, stop - CHUNK)
        self._missed.add(self._cursor, to)
        self._cursor = to

    def _section(self, start: int, stop: int) -> bytes:
        command = self._command
        if command.topic == "overview":
            return self._sections.overview(start, stop)
        return self._sections.traces(start, stop, command.channels, command.bin_frames)

    def behind(self, position: int) -> bool:
        """Return whether more could be taken at once."""
        return position // GRID * GRID > self._cursor


class Waveforms:
    """A channel's spike waveforms: the newest, where there are too many to send them all."""

    def __init__(self, sections: Sections, command: Subscribe) -> None:
        self._source = sections.source
        (self._channel,) = command.channels
        self._cursor = _begin(sections.source, command)
        self._pending: deque[Spike] = deque(maxlen=_WAVEFORMS_KEPT)

    def take(self, position: int, slow: bool) -> bytes | None:
        """Return the next section, or None where nothing follows yet."""
        stop = loadable_until(position)
        if stop > self._cursor:
            self._pending.extend(self._source.spikes_on(self._channel, self._cursor, stop))
            self._cursor = stop
        times, samples = [], []
        for _ in range(min(_WAVEFORMS_SENT, len(self._pending))):
            spike = self._pending.popleft()
            try:
                samples.append(spike.samples)
            except (RuntimeError, ValueError):  # its frames have left the history
                continue
            times.append(spike.timestamp)
        if not times:
            return None
        return messages.waveforms(self._channel, times[0], times[-1] + 1, times, samples)

    def behind(self, position: int) -> bool:
        """Return whether more could be taken at once."""
        return bool(self._pending)


BinaryTopic = Events | Frames | Waveforms


def binary_topic(sections: Sections, command: Subscribe, missed: Missed) -> BinaryTopic | None:
    """Return the topic that a subscription asks for, or None where it is one of the JSON ones."""
    match command.topic:
        case "spikes":
            return Events(sections, messages.SPIKES, command)
        case "stims":
            return Events(sections, messages.STIMS, command)
        case "overview" | "traces":
            return Frames(sections, command, missed)
        case "waveforms":
            return Waveforms(sections, command)
    return None
