"""The numbers under the metrics, on plain arrays; live objects and pictures compute with them, too."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_LAGS_AT_ONCE: Final = 1 << 18
_KEYS_AT_ONCE: Final = 1 << 18


def count_by_channel(
    channels: NDArray[np.integer], bins: NDArray[np.int64], channel_count: int, bin_count: int
) -> NDArray[np.int64]:
    """Return how many spikes each channel has in each bin, int64 (channels, bins)."""
    keys = channels.astype(np.int64)
    keys *= bin_count
    keys += bins
    counts = np.bincount(keys, minlength=channel_count * bin_count)
    return counts.astype(np.int64, copy=False).reshape(channel_count, bin_count)


def count_active(
    channels: NDArray[np.integer], bins: NDArray[np.int64], channel_count: int, bin_count: int
) -> NDArray[np.int64]:
    """Return in how many channels there is a spike in each bin, int64 (bins).

    Bins have to be ascending.
    """
    found = np.zeros(bin_count, np.int64)
    for spikes in _whole_bins(bins):
        first, last = int(bins[spikes.start]), int(bins[spikes.stop - 1])
        keys = (bins[spikes] - first) * channel_count + channels[spikes]
        keys.sort()
        new = np.ones(len(keys), np.bool_)
        np.not_equal(keys[1:], keys[:-1], out=new[1:])
        found[first : last + 1] = np.bincount(keys[new] // channel_count)
    return found


def _whole_bins(bins: NDArray[np.int64]) -> Iterator[slice]:
    """Divide spikes, by ascending bin, into parts that are not too large; no bin is divided."""
    start = 0
    while start < len(bins):
        stop = min(start + _KEYS_AT_ONCE, len(bins))
        if stop < len(bins):
            stop = int(np.searchsorted(bins, bins[stop - 1], side="right"))
        yield slice(start, stop)
        start = stop


def burst_threshold(rate_hz: float, channels: int, bin_size_sec: float) -> float:
    """Return the spikes in a bin that a rate of so many channels is; computed in this order."""
    return (rate_hz * channels) / (1 / bin_size_sec)


def find_bursts(counts: NDArray[np.int64], onset: float, offset: float) -> list[tuple[int, int]]:
    """Return the first bin of each burst, and the one after its last; that is `len(counts)` for an open one.

    A burst begins in a bin with at least `onset` spikes and ends with the first one after that which has
    fewer than `offset`: that bin is no part of it, and no other burst begins in it.
    """
    onsets = np.flatnonzero(counts >= onset).tolist()
    ends = np.flatnonzero(counts < offset).tolist()
    bursts = []
    at, end = 0, -1
    while (at := bisect_left(onsets, end + 1, at)) < len(onsets):
        start = onsets[at]
        place = bisect_left(ends, start + 1)
        end = ends[place] if place < len(ends) else len(counts)
        bursts.append((start, end))
    return bursts


def count_lags(
    base: NDArray[np.float64],
    target: NDArray[np.float64],
    before: float,
    after: float,
    edges: NDArray[np.float64],
    within: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
) -> NDArray[np.int64]:
    """Return how many lags `target − base` lie in each bin, int64 (edges − 1); the last bin is closed.

    Edges are evenly spaced, as those of `numpy.arange`. Those count with base − before ≤ target ≤ base +
    after. Times are ascending, in seconds. `within`: the first of `target` that each of `base` is compared
    with, and the one after the last. Memory is bounded.
    """
    firsts = np.searchsorted(target, base - before, side="left")
    lasts = np.searchsorted(target, base + after, side="right")
    if within is not None:
        firsts, lasts = np.maximum(firsts, within[0]), np.minimum(lasts, within[1])
    numbers = np.maximum(lasts - firsts, 0)
    found = np.zeros(len(edges) - 1, np.int64)
    if not len(found):  # of numpy.arange, where a bin is far longer than all lags
        return found
    for part in _parts(np.cumsum(numbers)):
        some = numbers[part]
        ends = np.cumsum(some)
        places = np.arange(int(ends[-1])) + np.repeat(firsts[part] - (ends - some), some)
        found += _histogram(target[places] - np.repeat(base[part], some), edges)
    return found


def _histogram(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return `numpy.histogram(values, edges)[0]` for edges that are evenly spaced, but for rounding.

    The bin is computed and then set right by the edges themselves, as numpy does it for a number of bins.
    """
    count = len(edges) - 1
    values = values[(values >= edges[0]) & (values <= edges[-1])]
    bins = ((values - edges[0]) * (count / (edges[-1] - edges[0]))).astype(np.int64)
    np.minimum(bins, count - 1, out=bins)
    bins -= values < edges[bins]
    bins += (values >= edges[bins + 1]) & (bins < count - 1)
    return np.bincount(bins, minlength=count)


def _parts(ends: NDArray[np.int64]) -> Iterator[slice]:
    """Divide what is summed up in `ends` into parts of not much more than so many, empty ones left out."""
    start = done = 0
    while start < len(ends):
        stop = max(start + 1, int(np.searchsorted(ends, done + _LAGS_AT_ONCE, side="right")))
        if int(ends[stop - 1]) > done:
            yield slice(start, stop)
        start, done = stop, int(ends[stop - 1])


def pair_sums(
    channels: NDArray[np.integer],
    bins: NDArray[np.int64],
    channel_count: int,
    bins_at_once: int = 8192,
) -> NDArray[np.int64]:
    """Return Σ over the bins of N[c]·N[d], int64 (channels, channels), N being the spikes in a bin.

    Bins have to be ascending. Exact, and without a matrix of channels and bins.
    """
    found = np.zeros((channel_count, channel_count), np.int64)
    start = 0
    while start < len(bins):
        first = int(bins[start])
        stop = int(np.searchsorted(bins, first + bins_at_once))
        some = slice(start, stop)
        counts = count_by_channel(channels[some], bins[some] - first, channel_count, bins_at_once)
        dense = counts.astype(np.float64)
        found += np.rint(dense @ dense.T).astype(np.int64)
        start = stop
    return found


def phrases(symbols: list[int], known: dict[tuple[int, int], int]) -> None:
    """Parse a sequence into the shortest phrases not seen before (LZ78), and add them to `known`.

    `known` has a number for each phrase by the number of the phrase before its last symbol (0: none) and that
    symbol: as many as there are phrases. A rest that was seen before is no phrase.
    """
    node = 0
    for symbol in symbols:
        step = node, symbol
        found = known.get(step)
        if found is None:
            known[step] = len(known) + 1
            node = 0
        else:
            node = found
