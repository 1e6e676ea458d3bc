"""Firing rates and inter-spike intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cl.analysis.arguments import bin_seconds, whole_frames
from cl.analysis.kernels import count_by_channel
from cl.analysis.recorded import rate_of
from cl.analysis.results.firing_stats import AnalysisResultFiringStats
from cl.analysis.results.metadata import metadata_of
from cl.analysis.window import Bins, Trains, Window, window_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cl._store.read.analysable import Analysable


def analyse_firing_stats(view: Analysable, bin_size_sec: float) -> AnalysisResultFiringStats:
    """Return rates and inter-spike intervals (ISI) of all channels, and of the culture.

    - `firing_counts`: rows of `/spikes`, a repeated one as often as it is there; intervals are those between
      distinct frames (Perkel, Gerstein & Moore 1967, Biophys J 7:391).
    - A bin that the window's end cuts short counts as a whole one: it lowers mean and rate there (K2).
    - The rates of channels and culture are spikes per bin, Hz only at bins of 1 s (K1).
    - Without intervals a channel's mean and variance are 0, the culture's NaN; `culture_ISI_var` is a
      variance of the channels' means (K3).

    elephant's `mean_firing_rate` is spikes over the whole duration, in Hz; its `isi` is the same as here.
    `bin_size_sec`: at least one frame. `ValueError` also for an empty window, which has no bins.
    """
    seconds = bin_seconds(bin_size_sec)
    size = whole_frames(seconds, rate_of(view))
    window = window_of(view)
    bins = Bins(window, size)
    if not len(bins):
        raise ValueError("firing statistics need at least one bin: the analysis limit leaves no frames")
    counts = count_by_channel(window.channels, bins.of(window.frames), window.channel_count, len(bins))
    means, variances = counts.mean(axis=1), counts.var(axis=1)
    intervals = _intervals(window)
    isi_means = [float(isi.mean()) if len(isi) else 0.0 for isi in intervals]
    of_culture = np.array([mean for mean, isi in zip(isi_means, intervals, strict=True) if len(isi)])
    return AnalysisResultFiringStats(
        metadata=metadata_of(view),
        bin_size_sec=seconds,
        firing_counts=counts,
        firing_rates=counts / seconds,
        channel_mean_firing_rates=means.tolist(),
        channel_var_firing_rates=variances.tolist(),
        culture_mean_firing_rates=float(means.mean()),
        culture_var_firing_rates=float(variances.mean()),
        culture_max_firing_rates=float(counts.max()),
        channel_ISI=[isi.tolist() for isi in intervals],
        channel_ISI_mean=isi_means,
        channel_ISI_var=[float(isi.var()) if len(isi) else 0.0 for isi in intervals],
        culture_ISI_mean=float(of_culture.mean()) if len(of_culture) else float("nan"),
        culture_ISI_var=float(of_culture.var()) if len(of_culture) else float("nan"),
    )


def _intervals(window: Window) -> list[NDArray[np.float64]]:
    """Return the intervals of each channel in seconds; none spans a gap between recordings."""
    trains: Trains = window.trains()
    return [_within(window, trains[channel]) / window.rate for channel in range(window.channel_count)]


def _within(window: Window, frames: NDArray[np.int64]) -> NDArray[np.int64]:
    differences: NDArray[np.int64] = np.diff(frames)
    if len(window.starts) == 1:
        return differences
    spans = np.asarray(window.spans_of(frames))
    inner: NDArray[np.int64] = differences[spans[1:] == spans[:-1]]
    return inner
