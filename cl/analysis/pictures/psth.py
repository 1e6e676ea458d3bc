"""Peri-stimulus time histograms: what channels do about stims."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cl.analysis.peri_stim import Lags, observed_frames, spike_counts
from cl.analysis.recorded import rate_of
from cl.analysis.spans import frames

from .choice import chosen_channels, chosen_design
from .numbers import Numbers
from .parts import parts_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cl._stim.designs import StimDesign
    from cl._store.read.analysable import Analysable


@dataclass(frozen=True, slots=True, eq=False)
class Psth(Numbers):
    """A peri-stimulus time histogram, of `stim_count` stims.

    - `channels`: K channels, ascending;
    - `edges_sec`: B + 1 edges of the bins in s about the stim, one of them 0;
    - `counts`: int64 (K, B), spikes; one within the lags of several stims counts for each;
    - `observed_sec`: (B), how long each bin was observed in all: less than stims times bin where the
      recording begins or ends, or a stim blanks;
    - `rates_hz`: (K, B), counts / observed_sec, NaN where nothing was observed.
    """

    channels: list[int]
    edges_sec: NDArray[np.float64]
    counts: NDArray[np.int64]
    observed_sec: NDArray[np.float64]
    rates_hz: NDArray[np.float64]
    stim_count: int

    @classmethod
    def of(
        cls,
        channels: list[int],
        lags: Lags,
        counts: NDArray[np.int64],
        observed: NDArray[np.int64],
        stim_count: int,
        rate: float,
    ) -> Psth:
        """Return the histogram for counts (K, B) and frames observed (B)."""
        seconds = observed / rate
        rates = np.full(counts.shape, np.nan)
        np.divide(counts, seconds, out=rates, where=seconds > 0)
        return cls(channels, lags.edges() / rate, counts, seconds, rates, stim_count)


def psth(
    view: Analysable,
    channels: Iterable[int] | None = None,
    before_sec: float = 0.1,
    after_sec: float = 0.5,
    bin_size_sec: float = 0.005,
    *,
    stim_channels: Iterable[int] | None = None,
    design: StimDesign | None = None,
    blank_sec: float = 0.0,
) -> Psth:
    """Return the peri-stimulus time histogram of a view; see `RecordingView.psth`."""
    rate = rate_of(view)
    lags = Lags.of(before_sec, after_sec, bin_size_sec, rate)
    blank = frames(blank_sec, "blank_sec", rate)
    rows = chosen_channels(channels)
    causes = chosen_channels(stim_channels, "stim_channels"), chosen_design(design)
    counts = np.zeros((len(rows), lags.count), np.int64)
    observed = np.zeros(lags.count, np.int64)
    stim_count = 0
    for part in parts_of(view, rows, blank, needs_stims=True):
        stims = part.stims_of(*causes)
        counts += spike_counts(lags, stims, part.frames, part.rows, len(rows))
        observed += observed_frames(lags, stims, part.observed)
        stim_count += len(stims)
    return Psth.of(rows, lags, counts, observed, stim_count, rate)
