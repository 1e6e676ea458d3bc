"""The methods of `Neurons` that open streams."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cl.stim import ChannelSet

if TYPE_CHECKING:
    from cl._core.engine import Engine
    from cl._core.entries import StreamEntry
    from cl._streams.events import EventStream
    from cl._streams.frames import FrameStream
    from cl.events import Spike, Stim


class StreamMethods:
    """Opens streams on a device."""

    _engine: Engine

    def spikes(
        self,
        channels: ChannelSet | int | Iterable[int] | None = None,
        from_timestamp: int | None = None,
    ) -> EventStream[Spike]:
        """Return a stream of spikes: `async with neurons.spikes() as stream: async for spike in stream`.

        Those on `channels` (None: all), from `from_timestamp` (None: now, when the stream is entered) on; it
        may lie in the history (5 s) or in the future. In timestamp order, then by channel. See `Stream`
        for its ends, and `docs/virtual-time.md` for its part in accelerated time.
        """
        from cl._streams.events import SPIKES, EventStream

        mask = _mask(channels)
        return EventStream(self._engine, "a stream of spikes", SPIKES, mask, from_timestamp)

    def stims(
        self,
        channels: ChannelSet | int | Iterable[int] | None = None,
        from_timestamp: int | None = None,
    ) -> EventStream[Stim]:
        """Return a stream of the stims that are delivered; as `spikes`."""
        from cl._streams.events import STIMS, EventStream

        mask = _mask(channels)
        return EventStream(self._engine, "a stream of stims", STIMS, mask, from_timestamp)

    def events(
        self,
        channels: ChannelSet | int | Iterable[int] | None = None,
        from_timestamp: int | None = None,
    ) -> EventStream[Spike | Stim | StreamEntry]:
        """Return a stream of spikes, stims and data-stream entries, merged in timestamp order; as `spikes`.

        At one timestamp spikes come first, then stims, then entries. `channels` does not apply to
        entries, which come at the device time at which they were appended, whatever timestamp they carry.
        """
        from cl._streams.events import ENTRIES, SPIKES, STIMS, EventStream

        kinds = SPIKES | STIMS | ENTRIES
        return EventStream(self._engine, "a stream of events", kinds, _mask(channels), from_timestamp)

    def frames(self, frame_count: int, from_timestamp: int | None = None) -> FrameStream:
        """Return a stream of blocks of `frame_count` frames (1 to 25 000), int16 (frame_count, 64).

        The first begins at `from_timestamp` (None: now, when the stream is entered), each of the others
        where the last one ended. `stream.timestamp` is where the next one begins.
        """
        from cl._streams.frames import FrameStream

        return FrameStream(self._engine, frame_count, from_timestamp)


def _mask(channels: ChannelSet | int | Iterable[int] | None) -> int | None:
    return None if channels is None else sum(1 << channel for channel in ChannelSet(channels))
