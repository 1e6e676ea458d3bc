"""A spike detector for sources that give frames and no spikes.

Every channel is treated alone, in three steps, all in integer arithmetic, so that the result is
the same to the bit however the frames are cut into windows:

1. Mean removal: from every sample the mean of the last 64 samples (2.56 ms, this one included) is
   subtracted. It is the plainest causal high-pass, -3 dB at about 100 Hz; offsets and slow
   potentials go (mains hum to 0.4), spikes stay. For 2.56 ms after a spike the mean is off by some percent
   of its height, which is less than the noise of any recording; but frames without any noise hide
   what follows a spike so closely.
2. Threshold: a sample counts when its magnitude exceeds `threshold` times the noise, estimated
   as median(|x|) / 0.6745 after Quiroga, Nadasdy & Ben-Shaul (2004), "Unsupervised spike detection
   and sorting with wavelets and superparamagnetic clustering", Neural Computation 16:1661-1687.
   The median, unlike the standard deviation, hardly moves when a channel fires a lot. It is taken
   over blocks of 0.1 s (every third sample of them) counted from the start of the stream, and the middle
   one of the last 8 blocks holds for the block that follows. So the first 0.1 s of a stream yields
   no spikes.
3. Refractory time: a spike is where the magnitude goes from below to above the threshold, at
   least `refractory_frames` after the channel's last spike. Both polarities count, as in
   Wagenaar, Pine & Potter (2006), BMC Neuroscience 7:11.

Detection is causal and immediate: a spike at frame t is returned by the call that is fed frame t.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from cl._values.numbers import real, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

MEAN_FRAMES: Final = 64
"""Length of the moving mean; 64 full-scale samples still fit a 32-bit sum many times over."""
BLOCK_FRAMES: Final = 2_500
STRIDE: Final = 3
BLOCKS_KEPT: Final = 8
NORMAL_MEDIAN: Final = 0.6745
"""median(|x|) / sigma of a normal distribution, Quiroga et al. (2004), equation 3.1."""
MIN_SIGMA: Final = 1.0
"""Noise is taken to be at least one sample unit, so that noiseless frames have a threshold too."""
_PIECE: Final = 250
"""Frames worked on at a time: the scratch arrays then stay in the cache; divides BLOCK_FRAMES."""

_PIECES: Final = 4
"""Pieces that the array of sums has room for."""


class Detector:
    """Finds spikes in consecutive windows of int16 frames.

    `threshold` is in multiples of the estimated noise, `refractory_frames` in frames of 40 µs;
    `start_timestamp` is the timestamp of the first frame fed. With the default threshold of 5.5,
    Gaussian noise gives about one false spike in 20 minutes per channel. Wrong types raise TypeError,
    values out of range ValueError.
    """

    def __init__(
        self,
        channel_count: int = 64,
        threshold: float = 5.5,
        refractory_frames: int = 25,
        start_timestamp: int = 0,
    ) -> None:
        channels = whole(channel_count, "channel_count", 1)
        self._refractory = whole(refractory_frames, "refractory_frames", 1)
        self._position = whole(start_timestamp, "start_timestamp")
        self._threshold = _positive("threshold", threshold)
        self._channels = channels
        self._in_block = 0
        self._sums = np.zeros((MEAN_FRAMES + _PIECES * _PIECE, channels), np.int32)
        self._other_sums = np.empty_like(self._sums)
        self._at = 0
        """Where in `_sums` the last 64 are; those before stay until it is full, to be gone back to."""
        self._level = np.zeros((_PIECE, channels), np.int32)
        self._above = np.zeros((_PIECE + 1, channels), np.bool_)
        self._block = np.zeros((-(-BLOCK_FRAMES // STRIDE), channels), np.int32)
        self._medians: list[NDArray[np.int32]] = []
        self._limit: NDArray[np.int32] | None = None
        self._ready = [self._position] * channels
        self._before: _State | None = None
        """The state at the beginning of the last `feed`."""

    @property
    def position(self) -> int:
        """Return the timestamp of the next frame to be fed."""
        return self._position

    @property
    def noise(self) -> NDArray[np.float64] | None:
        """Return the noise now assumed per channel, in sample units; None in the first 0.1 s."""
        if self._limit is None:
            return None
        return np.maximum(self._median() / (NORMAL_MEDIAN * MEAN_FRAMES), MIN_SIGMA)

    def feed(self, frames: NDArray[np.int16]) -> list[tuple[int, int]]:
        """Take the next frames, int16 (n, channel_count), and return their spikes.

        Returns (timestamp, channel) pairs, sorted. An array of another dtype raises TypeError, one
        of another shape ValueError; neither changes anything.
        """
        self._check(frames)
        self._before = self._state()
        spikes: list[tuple[int, int]] = []
        done, count = 0, len(frames)
        while done < count:
            size = min(count - done, _PIECE - self._in_block % _PIECE)
            self._piece(frames[done : done + size], spikes)
            done += size
        return spikes

    def resume(self, timestamp: int) -> None:
        """Go back to where the last `feed` began if that was at `timestamp`: it did not come to its end."""
        before = self._before
        if before is None or before[0] != timestamp:
            return
        _, self._in_block, self._block, medians, self._limit, ready, sums, self._at, above = before
        if sums is not self._sums:
            self._sums, self._other_sums = sums, np.empty_like(sums)
        self._above[0] = above
        self._medians, self._ready = medians[:], ready[:]
        self._position = timestamp

    def _state(self) -> _State:
        """Return the state. Blocks and sums are only ever filled on: what is in them by now stays."""
        return (
            self._position,
            self._in_block,
            self._block,
            self._medians[:],
            self._limit,
            self._ready[:],
            self._sums,
            self._at,
            self._above[0].copy(),
        )

    def _check(self, frames: NDArray[Any]) -> None:
        if not isinstance(frames, np.ndarray) or frames.dtype != np.int16:
            kind = frames.dtype if isinstance(frames, np.ndarray) else type(frames).__name__
            raise TypeError(f"frames must be an int16 array, got {kind}")
        if frames.ndim != 2 or frames.shape[1] != self._channels:
            raise ValueError(f"frames must have the shape (n, {self._channels}), got {frames.shape}")

    def _piece(self, frames: NDArray[np.int16], spikes: list[tuple[int, int]]) -> None:
        size = len(frames)
        level = self._magnitude(frames)
        if self._limit is not None:
            above = self._above[1 : size + 1]
            np.greater(level, self._limit, out=above)
            if above.any():
                self._crossings(size, spikes)
            self._above[0] = above[-1]
        self._position += size
        self._gather(level)

    def _magnitude(self, frames: NDArray[np.int16]) -> NDArray[np.int32]:
        """Return |64 x - the sum of the last 64|: the mean removed, scaled to stay whole.

        The running sum wraps around at 32 bits; the difference of two of them is right all the same.
        """
        size = len(frames)
        sums, level = self._room(size), self._level[:size]
        sums[MEAN_FRAMES : MEAN_FRAMES + size] = frames
        np.add.accumulate(
            sums[MEAN_FRAMES - 1 : MEAN_FRAMES + size], axis=0, out=sums[MEAN_FRAMES - 1 : MEAN_FRAMES + size]
        )
        np.multiply(frames, MEAN_FRAMES, out=level, dtype=np.int32)
        np.subtract(level, sums[MEAN_FRAMES : MEAN_FRAMES + size], out=level)
        np.add(level, sums[:size], out=level)
        np.absolute(level, out=level)
        self._at += size
        return level

    def _room(self, size: int) -> NDArray[np.int32]:
        """Return the last 64 sums and room for those of so many frames more."""
        at = self._at
        if at + MEAN_FRAMES + size > len(self._sums):
            before, full, other = self._before, self._sums, self._other_sums
            if before is not None and before[6] is other:
                other = np.empty_like(full)
            other[:MEAN_FRAMES] = full[at : at + MEAN_FRAMES]
            self._sums, self._other_sums, self._at = other, full, 0
            at = 0
        return self._sums[at:]

    def _crossings(self, size: int, spikes: list[tuple[int, int]]) -> None:
        above = self._above
        rising = np.flatnonzero(above[1 : size + 1] & ~above[:size])
        rows, channels = np.divmod(rising, self._channels)
        ready, start, refractory = self._ready, self._position, self._refractory
        for row, channel in zip(rows.tolist(), channels.tolist(), strict=True):
            timestamp = start + row
            if timestamp >= ready[channel]:
                ready[channel] = timestamp + refractory
                spikes.append((timestamp, channel))

    def _gather(self, level: NDArray[np.int32]) -> None:
        first = -self._in_block % STRIDE
        chosen = level[first::STRIDE]
        row = -(-self._in_block // STRIDE)
        self._block[row : row + len(chosen)] = chosen
        self._in_block += len(level)
        if self._in_block == BLOCK_FRAMES:
            self._in_block = 0
            self._estimate()
            self._block = np.empty_like(self._block)

    def _estimate(self) -> None:
        middle = len(self._block) // 2
        # One channel a row: selecting along contiguous memory is several times faster.
        by_channel = np.ascontiguousarray(self._block.T)
        by_channel.partition(middle, axis=1)
        self._medians.append(by_channel[:, middle].copy())
        del self._medians[:-BLOCKS_KEPT]
        sigma = np.maximum(self._median() / NORMAL_MEDIAN, MIN_SIGMA * MEAN_FRAMES)
        limit = np.minimum(self._threshold * sigma, np.iinfo(np.int32).max)
        self._limit = limit.astype(np.int32)

    def _median(self) -> NDArray[np.int32]:
        ordered: NDArray[np.int32] = np.sort(np.stack(self._medians), axis=0)
        middle: NDArray[np.int32] = ordered[len(ordered) // 2]
        return middle


_State: TypeAlias = tuple[
    int,
    int,
    "NDArray[np.int32]",
    "list[NDArray[np.int32]]",
    "NDArray[np.int32] | None",
    list[int],
    "NDArray[np.int32]",
    int,
    "NDArray[np.bool_]",
]


def _positive(name: str, value: object) -> float:
    try:
        number = real(value, name)
    except TypeError:
        raise TypeError(f"{name} must be a number, got {value!r}") from None
    if not math.isfinite(number) or number <= 0:
        raise ValueError(f"{name} must be greater than 0 and finite, got {value!r}")
    return number
