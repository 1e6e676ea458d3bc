"""Inter-spike intervals, as histograms by channel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cl.analysis.peri_stim import Lags
from cl.analysis.recorded import rate_of
from cl.analysis.spans import frames

from .choice import chosen_channels
from .numbers import Numbers
from .parts import Part, parts_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cl._store.read.analysable import Analysable


@dataclass(frozen=True, slots=True, eq=False)
class Isi(Numbers):
    """Inter-spike intervals of K channels.

    - `edges_sec`: B + 1 edges of the bins in s, from 0 on;
    - `counts`: int64 (K, B), intervals by length; `beyond`: (K), those that are longer than the last edge;
    - `mean_sec`, `cv`: (K), mean of all, and standard deviation / mean; NaN without any.
    """

    channels: list[int]
    edges_sec: NDArray[np.float64]
    counts: NDArray[np.int64]
    beyond: NDArray[np.int64]
    mean_sec: NDArray[np.float64]
    cv: NDArray[np.float64]


def isi(
    view: Analysable,
    channels: Iterable[int] | None = None,
    max_sec: float = 0.5,
    bin_size_sec: float = 0.005,
    *,
    blank_sec: float = 0.0,
) -> Isi:
    """Return the intervals of a view; see `RecordingView.isi`."""
    rate = rate_of(view)
    lags = Lags.up_to(max_sec, bin_size_sec, rate)
    blank = frames(blank_sec, "blank_sec", rate)
    chosen = chosen_channels(channels)
    lengths, rows = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for part in parts_of(view, chosen, blank):
        for found, row in _intervals(part, len(chosen)):
            lengths.append(found)
            rows.append(np.full(len(found), row, np.int64))
    return _histogram(chosen, lags, np.concatenate(lengths), np.concatenate(rows), rate)


def _intervals(part: Part, row_count: int) -> Iterable[tuple[NDArray[np.int64], int]]:
    """Yield each channel's intervals between distinct frames, with nothing blanked in between."""
    order = np.argsort(part.rows, kind="stable")
    times = part.frames[order]
    bounds = np.searchsorted(part.rows[order], np.arange(row_count + 1))
    for row in range(row_count):
        train = np.unique(times[bounds[row] : bounds[row + 1]])
        lengths = np.diff(train)
        whole = part.observed.between(train[:-1], train[1:]) == lengths
        yield lengths[whole], row


def _histogram(
    channels: list[int], lags: Lags, lengths: NDArray[np.int64], rows: NDArray[np.int64], rate: float
) -> Isi:
    count = len(channels)
    bins = np.minimum(lengths // lags.size, lags.count)
    counts = np.bincount(rows * (lags.count + 1) + bins, minlength=count * (lags.count + 1))
    table = counts.reshape(count, lags.count + 1)
    seconds = lengths / rate
    total = table.sum(axis=1)
    mean = np.full(count, np.nan)
    np.divide(np.bincount(rows, seconds, count), total, out=mean, where=total > 0)
    variance = np.full(count, np.nan)
    apart = (seconds - mean[rows]) ** 2
    np.divide(np.bincount(rows, apart, count), total, out=variance, where=total > 0)
    edges = lags.edges() / rate
    return Isi(channels, edges, table[:, :-1].copy(), table[:, -1].copy(), mean, np.sqrt(variance) / mean)
