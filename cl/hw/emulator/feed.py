"""From a data source to the frame ring, window after window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeGuard, cast

from cl._values.constants import CHANNEL_COUNT, NEVER
from cl.hw.wire.layout import LEAD_FRAMES
from cl.sim.dish import by_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from cl._core.source import FixedSource, StreamedSource
    from cl._stim.sequencer import Pulse
    from cl.hw.wire.ring import FrameWriter

    _Windows = tuple[NDArray[np.int16], list[int], list[int], Sequence[object]]
    _Read = Callable[[int, int], _Windows]
    Stamp = Callable[[int, NDArray[np.int16]], None]

_CHUNK: Final = LEAD_FRAMES // 2
"""Frames that are written at once where the source can be asked ahead of time."""


class Feed:
    """Writes a source's frames ahead of time where nothing can change them, else at the last moment.

    `stamp(start, frames)` may change every window before it is written.
    """

    def __init__(
        self, source: FixedSource | StreamedSource, ring: FrameWriter, stamp: Stamp | None = None
    ) -> None:
        self._streamed = source if _is_streamed(source) else None
        self._ring = ring
        self._stamp = stamp
        self._exact = False
        self._tell: Callable[[Sequence[Pulse]], None] | None = None
        if _is_streamed(source):
            self._read: _Read = source.read
            self._exact = source.reactive or source.blocking
            self._tell = source.on_stims
        else:
            self._read = _reader_of(cast("FixedSource", source))
        self.written = source.start_timestamp
        """Frames before this are in the ring."""
        self._times: list[int] = []
        self._channels: list[int] = []

    def make(self, stop: int, pulses: Sequence[Pulse]) -> tuple[list[int], list[int]]:
        """Have everything before `stop` in the ring; return its spikes not returned yet.

        `pulses` are those delivered since the last call, in order; the source is told of a pulse
        before it is asked for the frame that the pulse begins in.
        """
        if self._tell is not None:
            for frame, begun in by_frame(pulses):
                self._write(frame)
                self._tell(begun)
        self._write(stop)
        return self._take(stop)

    def limit(self) -> tuple[int, bool]:
        """Return up to where there are data by now, and whether that is where they end for good."""
        if self._streamed is None:
            return NEVER, False
        end, available = self._streamed.end_timestamp, self._streamed.available
        if end is not None and (available is None or end <= available):
            return end, True
        return NEVER if available is None else available, False

    def lead(self, stop: int) -> None:
        """Write up to a chunk more than what is needed for `stop`, unless stims could still change it."""
        if not self._exact and self.written < stop + _CHUNK:
            self._write(min(self.written + _CHUNK, self.limit()[0]))

    def blank(self, start: int, stop: int) -> None:
        """Put zeros in the place of the frames of [start, stop)."""
        import numpy as np

        for low in range(start, stop, _CHUNK):
            self._ring.write(low, np.zeros((min(stop - low, _CHUNK), CHANNEL_COUNT), np.int16))

    def _write(self, stop: int) -> None:
        while self.written < stop:
            start, end = self.written, min(stop, self.written + _CHUNK)
            frames, times, channels, _ = self._read(start, end)
            if self._stamp is not None:
                frames = frames.copy()  # They may be the source's own.
                self._stamp(start, frames)
            self._ring.write(start, frames)
            self._times += times
            self._channels += channels
            self.written = end

    def _take(self, stop: int) -> tuple[list[int], list[int]]:
        times, count = self._times, 0
        while count < len(times) and times[count] < stop:
            count += 1
        taken = times[:count], self._channels[:count]
        del times[:count], self._channels[:count]
        return taken


def _is_streamed(source: FixedSource | StreamedSource) -> TypeGuard[StreamedSource]:
    return hasattr(source, "read")


def _reader_of(source: FixedSource) -> _Read:
    """Return a fixed source's data in the shape of a streamed one's."""

    def read(start: int, stop: int) -> _Windows:
        return source.frames(start, stop), *source.spikes(start, stop), ()

    return read
