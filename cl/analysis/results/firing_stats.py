"""The result of `analyse_firing_stats`."""

from __future__ import annotations

from .base import AnalysisResult
from .fields import Array2DFloat, Array2DInt, Float


class AnalysisResultFiringStats(AnalysisResult):
    """Firing rates and inter-spike intervals (ISI) of C channels in B bins.

    The rates of channels and culture are spikes per bin, Hz only at bins of 1 s; `firing_rates` are in Hz.
    """

    bin_size_sec: float
    firing_counts: Array2DInt
    """(C, B): spikes."""
    firing_rates: Array2DFloat
    """(C, B), in Hz."""
    channel_mean_firing_rates: list[Float]
    """(C): mean over the bins, spikes per bin."""
    channel_var_firing_rates: list[Float]
    """(C): population variance over the bins."""
    culture_mean_firing_rates: Float
    """Mean of the channels' means."""
    culture_var_firing_rates: Float
    """Mean of the channels' variances."""
    culture_max_firing_rates: Float
    """The most spikes that a channel has in a bin."""
    channel_ISI: list[list[float]]
    """(C): intervals in seconds, in order of time."""
    channel_ISI_mean: list[Float]
    """(C): in seconds, 0 for a channel without intervals."""
    channel_ISI_var: list[Float]
    """(C): population variance in s², 0 for a channel without intervals."""
    culture_ISI_mean: Float
    """Mean of the means of the channels with intervals; NaN without any."""
    culture_ISI_var: Float
    """Population variance of these means; NaN without any."""
