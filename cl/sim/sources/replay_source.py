"""The replay source: a recording, played over and over."""

from __future__ import annotations

import random
from operator import index
from typing import TYPE_CHECKING

import numpy as np

from cl._store.read.reader import open_replay
from cl._values.saying import warn
from cl.events import SAMPLES_BEFORE, SAMPLES_FROM

from .blocks import BLOCK, FrameBlocks

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray


class ReplaySource:
    """A recording as an endless, seekable source: after its last frame comes its first.

    The source's first frame, at `start_timestamp`, is the recording's frame `start_offset`, counted from
    the recording's own start; None draws it from `rng` (one of its own if None) at `open`. The
    timestamps are those of a fresh timeline, not the recorded ones: those would jump back at every loop.

    A recording without samples plays frames of zeros and its spikes, with a UserWarning at `open`. Spikes
    outside of the recorded frames are left out.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        start_offset: int | None = None,
        rng: random.Random | None = None,
        start_timestamp: int = 0,
    ) -> None:
        """Open the file.

        Raises FileNotFoundError where there is none, and ValueError for a file that is truncated, foreign, or
        without frames, and for an offset that is not in it.
        """
        self.path = path
        self.start_timestamp = index(start_timestamp)
        self._data = open_replay(path)
        try:
            self.duration_frames = self._data.duration_frames
            self.start_offset = _checked_offset(path, start_offset, self.duration_frames)
            self._rng = rng or random.Random()
            self._select_spikes()
        except BaseException:
            self._data.close()
            raise
        self.uV_per_sample_unit = self._data.uV_per_sample_unit
        self._blocks = FrameBlocks(self._read, self.duration_frames)
        self._origin = self.start_timestamp - (self.start_offset or 0)

    def _select_spikes(self) -> None:
        """Keep the spikes that lie within the recording, sorted by time and channel as they are."""
        timestamps, channels = self._data.spike_timestamps, self._data.spike_channels
        if len(channels) and int(channels.max()) > 63:
            raise ValueError(f"{self.path}: a spike is on channel {channels.max()}, the last one is 63")
        low, high = np.searchsorted(timestamps, (0, self.duration_frames)).tolist()
        self._timestamps, self._channels = timestamps[low:high], channels[low:high]
        self._first_waveform = low
        self._waveforms = self._data.spike_samples

    def draw_start_offset(self) -> None:
        """Draw the start offset, if none was given."""
        if self.start_offset is None:
            self.start_offset = self._rng.randrange(self.duration_frames)
            self._origin = self.start_timestamp - self.start_offset

    def open(self) -> None:
        """Draw the start offset, if that has not been done, and warn where there are no samples."""
        self.draw_start_offset()
        if self._data.samples is None:
            warn(f"{self.path} has no samples: its spikes are replayed in frames of zeros", stacklevel=2)

    def close(self) -> None:
        """Close the file. Closing again does nothing."""
        self._blocks.clear()
        self._data.close()

    def spikes(self, start: int, stop: int) -> tuple[list[int], list[int]]:
        """Return the timestamps and channels of the spikes in [start, stop), sorted by both."""
        first, low = divmod(start - self._origin, self.duration_frames)
        last, high = divmod(stop - self._origin, self.duration_frames)
        if first != last:
            return self._spikes_of_passes(range(first, last + 1), start, stop)
        begin, end = np.searchsorted(self._timestamps, (low, high)).tolist()
        shift = self._origin + first * self.duration_frames
        return (self._timestamps[begin:end] + shift).tolist(), self._channels[begin:end].tolist()

    def _spikes_of_passes(self, passes: range, start: int, stop: int) -> tuple[list[int], list[int]]:
        shifts = self._origin + np.arange(passes.start, passes.stop) * self.duration_frames
        timestamps = np.add.outer(shifts, self._timestamps).reshape(-1)
        begin, end = np.searchsorted(timestamps, (start, stop)).tolist()
        return timestamps[begin:end].tolist(), np.tile(self._channels, len(passes))[begin:end].tolist()

    def frames(self, start: int, stop: int) -> NDArray[np.int16]:
        """Return the frames of [start, stop): int16 (stop - start, 64), owned by the caller.

        Raises RuntimeError where the file turns out to be damaged.
        """
        return self._blocks.window(start - self._origin, stop - self._origin)

    def waveform(self, timestamp: int, channel: int) -> tuple[NDArray[np.float32], float] | None:
        """Return a spike's recorded samples (float32[75], µV) and the mean that was subtracted.

        The mean, in sample units, is how far the recorded frames lie above the recorded spike samples; 0 in
        a recording without frames. None where no waveforms, or no such spike, were recorded.
        """
        if self._waveforms is None:
            return None
        position = (timestamp - self._origin) % self.duration_frames
        begin, end = np.searchsorted(self._timestamps, (position, position + 1)).tolist()
        for number in range(begin, end):
            if self._channels[number] == channel:
                waveform = self._waveforms[self._first_waveform + number]
                return waveform, self._subtracted_mean(position, channel, waveform)
        return None

    def _subtracted_mean(self, position: int, channel: int, waveform: NDArray[np.float32]) -> float:
        if self._data.samples is None:
            return 0.0
        first, stop = max(position - SAMPLES_BEFORE, 0), min(position + SAMPLES_FROM, self.duration_frames)
        # Frames of the recording itself: the waveform never goes round its end.
        recorded = self._blocks.window(first, stop)[:, channel]
        within = waveform[first - position + SAMPLES_BEFORE : stop - position + SAMPLES_BEFORE]
        return float(np.mean(recorded - within / np.float64(self.uV_per_sample_unit)))

    def _read(self, number: int, out: NDArray[np.int16]) -> None:
        if self._data.samples is None:
            out[:] = 0
            return
        first = number * BLOCK
        try:
            out[:] = self._data.samples[first : first + len(out)]
        except (OSError, RuntimeError) as error:
            raise RuntimeError(
                f"{self.path}: frames {first} to {first + len(out)} cannot be read: {error}"
            ) from error


def _checked_offset(path: str | os.PathLike[str], offset: int | None, duration: int) -> int | None:
    if duration < 1:
        raise ValueError(f"{path} has no frames, there is nothing to replay")
    if offset is None:
        return None
    offset = index(offset)
    if not 0 <= offset < duration:
        raise ValueError(
            f"the replay start offset (CL_SDK_REPLAY_START_OFFSET) is {offset}; "
            f"{path} has {duration} frames, so it takes 0 to {duration - 1}"
        )
    return offset
