"""What a simulated device senses: data of a fixed source, or of one that is asked window after window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cl._core.history import FrameRing
from cl._values.constants import NEVER

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cl._core.engine import Engine
    from cl._core.source import FixedSource, ServedSource

    from .dish import LoggedDish

AHEAD: Final = 2_500, 12_500
"""Frames that a source whose data nothing changes is asked ahead of time: the more where it has few spikes.

To ask the usual one a fifth as often makes loops at 1 kHz 5 % faster; a dense one takes milliseconds."""
_FEW: Final = 0.02
"""Spikes a frame, 500 a second: below that they are few."""
_MOST_FRAMES: Final = 2_500_000
"""Frames that are kept at most for loops with long ticks: 100 s, 320 MB."""


class _Sensing:
    """What both kinds share: the spikes are logged up to `known`."""

    def __init__(self, dish: LoggedDish, start: int) -> None:
        self._dish = dish
        self._logged = start, 0
        """Spikes before this timestamp are logged, and there the log ends then."""

    @property
    def known(self) -> int:
        """Spikes before this are logged."""
        return self._logged[0]

    def log_spikes(self, until: int, *spikes: Any) -> None:
        """Log the spikes that follow, up to `until`; again: nothing, and an interrupted call is undone."""
        known, end = self._logged
        if until <= known:
            return
        log = self._dish.history.spikes
        if log.end != end:
            log.cut(end)
        self._dish.history.add_spikes(*spikes)
        self._logged = until, log.end

    def next_spike(self, position: int) -> int:
        spikes = self._dish.history.spikes
        index = spikes.index(position) - spikes.first
        return spikes.times[index] if index < len(spikes.times) else max(self.known, position)


class FixedAcquisition(_Sensing):
    """Data that nothing a program does can change: frames are made only when somebody looks at them."""

    predictable = True
    end_timestamp = NEVER

    def __init__(self, dish: LoggedDish, source: FixedSource) -> None:
        super().__init__(dish, source.start_timestamp)
        self._source = source
        self._ahead = AHEAD[0]
        self.frames = source.frames
        self.waveform = source.waveform

    def log_until(self, stop: int) -> None:
        """Log the spikes before `stop`, and some more ahead of time."""
        known = self.known
        ahead = max(stop, known + self._ahead)
        found = self._source.spikes(known, ahead)
        self._ahead = AHEAD[len(found[0]) < _FEW * (ahead - known)]
        self.log_spikes(ahead, *found)

    def prepare(self, until: int) -> None:
        """Have the source draw what it will be asked for next, as far as `until`. Without the lock."""
        if until > self.known:
            self._source.spikes(until, until + 1)


class StreamedAcquisition(_Sensing):
    """Data that are made as time goes on, perhaps in answer to stims; the last of them are kept."""

    predictable = False

    def __init__(self, engine: Engine, dish: LoggedDish, source: ServedSource) -> None:
        super().__init__(dish, source.start_timestamp)
        self._engine = engine
        self._source = source
        self._ring: FrameRing | None = None
        self.ended_at: int | None = None
        """Where the source has ended, once it has."""

    def open(self) -> None:
        """Get the memory."""
        self._ring = FrameRing(self._source.start_timestamp)

    def close(self) -> None:
        """Give it back."""
        if self._ring is not None:
            self._ring.release()

    @property
    def end_timestamp(self) -> int:
        if self.ended_at is not None:
            return self.ended_at
        end = self._source.end_timestamp
        return NEVER if end is None else end

    def append(self, frames: NDArray[np.int16], stop: int) -> None:
        """Keep frames, those before `stop` that are new: as many of the last ones as are wanted by then."""
        ring = self._ring
        assert ring is not None
        missing = stop - ring.end
        if missing > 0:
            ring.grow(min(self._engine.kept_frames, _MOST_FRAMES))
            ring.append(frames[len(frames) - missing :])

    def prepare(self, until: int) -> None:
        """Do nothing: the source makes its data in its own time."""

    def frames(self, start: int, stop: int) -> NDArray[np.int16]:
        assert self._ring is not None
        return self._ring.read(start, stop)

    def waveform(self, timestamp: int, channel: int) -> tuple[NDArray[np.float32], float] | None:
        # A spike that came with samples was logged with them.
        return None
