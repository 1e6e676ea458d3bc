"""Firing rates over time, by channel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cl.analysis.kernels import count_by_channel
from cl.analysis.recorded import rate_of
from cl.analysis.spans import frames

from .choice import chosen_channels
from .numbers import Numbers
from .parts import Part, parts_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cl._store.read.analysable import Analysable


@dataclass(frozen=True, slots=True, eq=False)
class Rates(Numbers):
    """Firing rates of K channels in B bins; bins begin anew in each recording of a view of several.

    - `starts_sec`, `stops_sec`: (B), where each bin begins and ends, in s since the analysis limit's start;
      the last one of a recording may be shorter;
    - `counts`: int64 (K, B), spikes; `observed_sec`: (B), how long each bin was observed;
    - `rates_hz`: (K, B), counts / observed_sec, NaN where nothing was observed.
    """

    channels: list[int]
    starts_sec: NDArray[np.float64]
    stops_sec: NDArray[np.float64]
    counts: NDArray[np.int64]
    observed_sec: NDArray[np.float64]
    rates_hz: NDArray[np.float64]


def rates(
    view: Analysable,
    channels: Iterable[int] | None = None,
    bin_size_sec: float = 1.0,
    *,
    blank_sec: float = 0.0,
) -> Rates:
    """Return the firing rates of a view; see `RecordingView.rates`."""
    rate = rate_of(view)
    size = frames(bin_size_sec, "bin_size_sec", rate, least=1)
    blank = frames(blank_sec, "blank_sec", rate)
    chosen = chosen_channels(channels)
    parts = [_binned(part, size, len(chosen)) for part in parts_of(view, chosen, blank)]
    starts, stops, observed, counts = (
        np.concatenate([part[index] for part in parts], axis=-1)
        if parts
        else np.zeros((len(chosen), 0) if index == 3 else 0, np.int64)
        for index in range(4)
    )
    origin = view.analysis_window[0]
    seconds = observed / rate
    found = np.full(counts.shape, np.nan)
    np.divide(counts, seconds, out=found, where=seconds > 0)
    return Rates(chosen, (starts - origin) / rate, (stops - origin) / rate, counts, seconds, found)


def _binned(part: Part, size: int, row_count: int) -> tuple[NDArray[np.int64], ...]:
    """Return where the bins begin and end, the frames observed in each, and the spikes (rows, bins)."""
    start, stop = part.observed.start, part.observed.stop
    starts = np.arange(start, stop, size, dtype=np.int64)
    stops = np.minimum(starts + size, stop)
    bins = (part.frames - start) // size
    counts = count_by_channel(part.rows, bins, row_count, len(starts))
    return starts, stops, part.observed.between(starts, stops), counts
