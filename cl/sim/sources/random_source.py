"""The random source: noise whose large samples are the spikes."""

from __future__ import annotations

import math
from bisect import bisect_left
from operator import index
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from cl._core.reentry_lock import ReentryLock
from cl._values.constants import CHANNEL_COUNT, GROUNDED, REFERENCE

from .blocks import BLOCK, FrameBlocks, RecentBlocks
from .poisson import MAX_MEAN, CentredPoisson

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPIKING: Final = tuple(c for c in range(CHANNEL_COUNT) if c not in GROUNDED and c != REFERENCE)
UV_PER_SAMPLE_UNIT: Final = 0.195
VISIBLE_GAIN: Final = 3

_RAW_WORDS: Final = BLOCK * CHANNEL_COUNT // 4
_SPARSE_SPAN: Final = 25_000
"""Frames whose crossings are drawn together (a multiple of the block) ..."""
_DENSE_SPAN: Final = BLOCK
_DENSE: Final = 0.002
"""... unless crossings are more likely than this, when a second of them would be too many at once."""
_STRIDE: Final = 1 << 32
"""Distance of two blocks in a generator's sequence: more draws than a block can ever need."""
_INT16: Final = np.iinfo(np.int16)


class Crossings(NamedTuple):
    """The threshold crossings of one span, sorted by frame, then channel."""

    first: int
    timestamps: list[int]
    channels: list[int]
    cells: NDArray[np.int64]
    """frame * 64 + channel, relative to the span."""
    values: NDArray[np.int16]


class RandomSource:
    """Poisson noise, unbounded and seekable, in which every sample beyond a threshold is a spike.

    A sample is X - round(mean) with X from a Poisson distribution (`sample_mean`, 0 to 1 000 000, in
    sample units), independent for each frame and channel. Channels 0, 7, 56 and 63 are zero; channel 4,
    the reference, has noise of a quarter of the mean (half the amplitude) and never spikes. On the other
    59 channels a sample is a spike if and only if its absolute value is greater than `threshold`, the whole
    number for which that is closest to happening in (100 - `spike_percentile`) % of the samples, but at least
    0: a sample of exactly zero is no spike. With `spike_visibility` the samples that are spikes are tripled,
    after detection.

    The data depend on the parameters and the distance to `start_timestamp` only. The crossings are
    drawn first, as events; the frames around them are drawn, given that they are within the threshold, when
    somebody looks. So spikes cost next to nothing, and the two always agree.

    All methods may be called from any thread.
    """

    uV_per_sample_unit: float = UV_PER_SAMPLE_UNIT

    def __init__(
        self,
        seed: int,
        sample_mean: float = 170,
        spike_percentile: float = 99.995,
        spike_visibility: bool = False,
        start_timestamp: int = 0,
    ) -> None:
        """Prepare the tables. Values out of range raise ValueError, wrong types TypeError."""
        self.seed = index(seed)
        if self.seed < 0:
            raise ValueError(f"seed is {seed}, it must be at least 0")
        self.sample_mean = _checked("sample_mean", sample_mean, MAX_MEAN)
        self.spike_percentile = _checked("spike_percentile", spike_percentile, 100.0)
        self.spike_visibility = bool(spike_visibility)
        self.start_timestamp = index(start_timestamp)
        self._prepare()

    def _prepare(self) -> None:
        noise = CentredPoisson(self.sample_mean)
        self.threshold = noise.threshold(1.0 - self.spike_percentile / 100.0)
        bulk, self._tail = noise.split(self.threshold)
        self._table, self._correction = bulk.table, bulk.correction
        self._reference_table = CentredPoisson(self.sample_mean / 4).rounded_table()

        self._span = _DENSE_SPAN if self._tail.probability > _DENSE else _SPARSE_SPAN
        self._crossing_rate = _hits(self._tail.probability, self._span * len(SPIKING))
        self._correction_rate = _hits(self._correction.probability, BLOCK * CHANNEL_COUNT)
        self._spiking = np.array(SPIKING)

        words, corrections, crossings = np.random.SeedSequence(self.seed).spawn(3)
        self._words = _Positioned(words)
        self._corrections = _Positioned(corrections)
        self._crossings = _Positioned(crossings)
        # Two of them: who draws spikes may hold an engine's lock, and is not to wait for frames.
        self._frames_lock = ReentryLock()
        self._spikes_lock = ReentryLock()
        self._blocks = FrameBlocks(self._synthesise)
        self._frames = self._blocks.window
        self._spans: RecentBlocks[Crossings] = RecentBlocks(8)

    def open(self) -> None:
        """Do nothing: the source holds no resources."""

    def close(self) -> None:
        """Forget the data that were kept for the next request."""
        self._blocks.clear()
        self._spans.clear()

    def waveform(self, timestamp: int, channel: int) -> None:
        """Return None: a spike's samples are those of the frames."""

    def spikes(self, start: int, stop: int) -> tuple[list[int], list[int]]:
        """Return the timestamps and channels of the spikes in [start, stop), sorted by both."""
        span = self._span
        first, last = (start - self.start_timestamp) // span, (stop - 1 - self.start_timestamp) // span
        found = self._spans.get(first) or self._span_at(first)
        low = bisect_left(found.timestamps, start)
        if first >= last:
            high = bisect_left(found.timestamps, stop, low)
            return found.timestamps[low:high], found.channels[low:high]
        timestamps, channels = found.timestamps[low:], found.channels[low:]
        for number in range(first + 1, last + 1):
            found = self._spans.get(number) or self._span_at(number)
            high = bisect_left(found.timestamps, stop) if number == last else len(found.timestamps)
            timestamps += found.timestamps[:high]
            channels += found.channels[:high]
        return timestamps, channels

    def frames(self, start: int, stop: int) -> NDArray[np.int16]:
        """Return the frames of [start, stop): int16 (stop - start, 64), owned by the caller."""
        return self._frames(start - self.start_timestamp, stop - self.start_timestamp)

    def _synthesise(self, number: int, out: NDArray[np.int16]) -> None:
        crossings, low, high = self._crossings_of_block(number)
        self._frames_lock.refuse_reentry()
        with self._frames_lock:
            words = self._words.at(number * _RAW_WORDS).random_raw(_RAW_WORDS).view(np.uint16)
            cells, values = self._draw_correction(number)
        words = words.reshape(BLOCK, CHANNEL_COUNT)
        # The indices cannot be out of range; any mode but "raise" writes to `out` directly.
        self._table.take(words, out=out, mode="wrap")
        flat = out.reshape(-1)
        flat[cells] = values
        flat[crossings.cells[low:high] - (number * BLOCK - crossings.first) * CHANNEL_COUNT] = (
            crossings.values[low:high]
        )
        out[:, REFERENCE] = self._reference_table.take(words[:, REFERENCE])
        for channel in GROUNDED:
            out[:, channel] = 0

    def _draw_correction(self, number: int) -> tuple[NDArray[np.int64], NDArray[np.int16]]:
        rng = self._corrections.at(number * _STRIDE).generator
        count = int(rng.poisson(self._correction_rate))
        cells = rng.integers(0, BLOCK * CHANNEL_COUNT, count)
        return cells, self._correction.draw(rng.random(count))

    def _crossings_of_block(self, number: int) -> tuple[Crossings, int, int]:
        first = number * BLOCK
        span = first // self._span
        crossings = self._spans.get(span) or self._span_at(span)
        edges = (first - crossings.first) * CHANNEL_COUNT, (first - crossings.first + BLOCK) * CHANNEL_COUNT
        low, high = np.searchsorted(crossings.cells, edges).tolist()
        return crossings, low, high

    def _span_at(self, number: int) -> Crossings:
        crossings = self._spans.get(number)
        if crossings is None:
            self._spikes_lock.refuse_reentry()
            with self._spikes_lock:
                places, values = self._draw_crossings(number)
            frames = places // len(SPIKING)
            channels = self._spiking.take(places - frames * len(SPIKING))
            first = number * self._span
            timestamps = (frames + (first + self.start_timestamp)).tolist()
            crossings = Crossings(
                first, timestamps, channels.tolist(), frames * CHANNEL_COUNT + channels, values
            )
            self._spans.put(number, crossings)
        return crossings

    def _draw_crossings(self, number: int) -> tuple[NDArray[np.int64], NDArray[np.int16]]:
        """Return the places of a span's crossings (frame * 59 + spiking channel) and their values."""
        rng = self._crossings.at(number * _STRIDE).generator
        count = int(rng.poisson(self._crossing_rate))
        places = rng.integers(0, self._span * len(SPIKING), count)
        places.sort()
        if count > 1:
            places = places[np.append(True, places[1:] != places[:-1])]
        values = self._tail.draw(rng.random(len(places)))
        if self.spike_visibility:
            tripled = values.astype(np.int32) * VISIBLE_GAIN
            values = np.clip(tripled, _INT16.min, _INT16.max).astype(np.int16)
        return places, values


class _Positioned:
    """A random sequence that can be entered anywhere."""

    def __init__(self, seed: np.random.SeedSequence) -> None:
        self._bits = np.random.PCG64DXSM(seed)
        self._origin = self._bits.state
        self.random_raw = self._bits.random_raw
        self.generator = np.random.Generator(self._bits)

    def at(self, position: int) -> _Positioned:
        """Go to a position, counted from the sequence's origin, negative ones included."""
        self._bits.state = self._origin
        self._bits.advance(position)
        return self


def _hits(probability: float, cells: int) -> float:
    """Return the mean number of hits, Poisson distributed and spread at random, that reaches cells so often.

    Then each cell is hit independently of all others, with the probability 1 - exp(-mean / cells).
    """
    return -cells * math.log1p(-probability)


def _checked(name: str, value: float, limit: float) -> float:
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise TypeError(f"{name} is {value!r}, it must be a number")
    number = float(value)
    if not 0.0 <= number <= limit:
        raise ValueError(f"{name} is {value!r}, it must be from 0 to {limit:g}")
    return number
