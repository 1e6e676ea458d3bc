"""The kernel of peri-stimulus time histograms: spikes by channel and lag, how long lags were observed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from .spans import frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .observed import Observed

_AT_ONCE: Final = 1 << 20
"""Pairs of a stim and a spike, or of a stim and a bin, that are in memory together."""
MOST_BINS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Lags:
    """Bins of lags about a stim: bin i has the lags [i - before, i - before + 1) times `size` frames."""

    size: int
    before: int
    after: int

    @classmethod
    def of(cls, before_sec: float, after_sec: float, bin_size_sec: float, rate: float) -> Lags:
        """Return the bins for times in seconds; a part of a bin at either end becomes a whole one.

        TypeError and ValueError name the argument, the value and the limit.
        """
        size = frames(bin_size_sec, "bin_size_sec", rate, least=1)
        before = -(-frames(before_sec, "before_sec", rate) // size)
        after = -(-frames(after_sec, "after_sec", rate) // size)
        _check_count(before + after, f"before_sec {before_sec!r} and after_sec {after_sec!r}", bin_size_sec)
        return cls(size, before, after)

    @classmethod
    def up_to(cls, max_sec: float, bin_size_sec: float, rate: float) -> Lags:
        """Return the bins from 0 to a time in seconds, of which a part of a bin becomes a whole one."""
        size = frames(bin_size_sec, "bin_size_sec", rate, least=1)
        count = -(-frames(max_sec, "max_sec", rate, least=1) // size)
        _check_count(count, f"max_sec {max_sec!r}", bin_size_sec)
        return cls(size, 0, count)

    @property
    def count(self) -> int:
        """How many bins there are."""
        return self.before + self.after

    @property
    def first(self) -> int:
        """The least lag, in frames."""
        return -self.before * self.size

    @property
    def end(self) -> int:
        """The lag at which the last bin ends."""
        return self.after * self.size

    def edges(self) -> NDArray[np.int64]:
        """Return the bins' edges in frames."""
        return np.arange(-self.before, self.after + 1, dtype=np.int64) * self.size


def _check_count(count: int, what: str, bin_size_sec: float) -> None:
    if not 1 <= count <= MOST_BINS:
        raise ValueError(
            f"{what} make {count} bins of {bin_size_sec!r} s; at least 1 and at most {MOST_BINS} can be"
        )


def spike_counts(
    lags: Lags, stims: NDArray[np.int64], times: NDArray[np.int64], rows: NDArray[np.int64], row_count: int
) -> NDArray[np.int64]:
    """Return the spikes by row and bin, int64 (row_count, bins), summed over the stims.

    `times` (ascending) and `rows` are of the spikes; one that is near several stims counts for each.
    """
    low = np.searchsorted(times, stims + lags.first)
    high = np.searchsorted(times, stims + lags.end)
    found = np.zeros(row_count * lags.count, np.int64)
    for part in _parts(high - low):
        each = high[part] - low[part]
        offsets = np.cumsum(each) - each
        spikes = np.arange(each.sum()) - np.repeat(offsets - low[part], each)
        bins = (times[spikes] - np.repeat(stims[part], each) - lags.first) // lags.size
        found += np.bincount(rows[spikes] * lags.count + bins, minlength=len(found))
    return found.reshape(row_count, lags.count)


def observed_frames(lags: Lags, stims: NDArray[np.int64], observed: Observed) -> NDArray[np.int64]:
    """Return how many frames of each bin were observed, int64 (bins,), summed over the stims."""
    edges = lags.edges()
    found = np.zeros(lags.count, np.int64)
    step = max(1, _AT_ONCE // len(edges))
    for start in range(0, len(stims), step):
        until = observed.until(stims[start : start + step, None] + edges)
        found += np.diff(until, axis=1).sum(axis=0)
    return found


def _parts(sizes: NDArray[np.int64]) -> Iterator[slice]:
    """Divide stims where their pairs would become too many at once."""
    total = np.cumsum(sizes)
    start, done = 0, 0
    while start < len(sizes):
        stop = max(start + 1, int(np.searchsorted(total, done + _AT_ONCE, "right")))
        yield slice(start, stop)
        start, done = stop, int(total[stop - 1])
