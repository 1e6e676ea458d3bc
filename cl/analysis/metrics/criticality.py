"""Avalanches, and how near a culture is to a critical state."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cl._values.numbers import whole
from cl.analysis.arguments import bin_seconds, count, number, whole_frames
from cl.analysis.criticality.avalanches import Avalanches, find_avalanches
from cl.analysis.criticality.branching import branching_ratio
from cl.analysis.criticality.power_law import Bounds, Histogram, find_bounds, fit
from cl.analysis.criticality.shape_collapse import Collapse
from cl.analysis.kernels import count_active
from cl.analysis.layout import SILENT, check_layout
from cl.analysis.recorded import rate_of
from cl.analysis.results.criticality import AnalysisResultCriticality
from cl.analysis.results.metadata import metadata_of
from cl.analysis.spikes import spikes_of
from cl.analysis.window import Bins, Window, window_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cl._store.read.analysable import Analysable


def analyse_criticality(
    view: Analysable,
    bin_size_sec: float,
    percentile_threshold: float,
    max_lags_branching_ratio: int,
    duration_thresholds: tuple[int, int],
    min_spike_count_threshold: int,
    n_bootstraps: int,
    random_seed: int,
) -> AnalysisResultCriticality:
    """Return avalanches, their exponents τ, α and β, the scaling relation, and the branching ratio.

    - Avalanches: runs of bins with more spikes than the `percentile_threshold` quantile of all bins
      (`cl.analysis.criticality.avalanches`). Quantile 0 is the smallest count, not 0 (K9).
    - `beta_exponent`: where the mean shapes of the durations within `duration_thresholds` collapse
      (`shape_collapse`), with a standard deviation over `n_bootstraps` draws of them from `random_seed`. The
      collapse error compares β with 1/σνz, where theory has 1/σνz − 1 (K13).
    - τ and α, of sizes and durations, within bounds that are found as well; power laws begin at most at
      `min_spike_count_threshold` and duration_thresholds[0] (`power_law`).
    - The deviation from criticality coefficient |(α − 1)/(τ − 1) − slope of ln(mean size) over ln(duration)|
      (Sethna, Dahmen & Myers 2001, Nature 410:242; Friedman et al. 2012, PRL 108:208102; Ma et al. 2019,
      Neuron 104:655). Durations at the lower bound itself are left out (K14).
    - `branching_ratio`: from lags of 1 … max_lags_branching_ratio − 1 bins (`branching`).

    On cultures: Habibollahi et al. 2023, Nat Commun 14:5287. Grounded channels and the reference are left
    out; the window ends with the recording's last spike, which does not count (K8). What cannot be estimated
    is NaN.

    `bin_size_sec`: at least one frame; `percentile_threshold`: 0 to 1; `duration_thresholds`: a pair of
    integers; `random_seed`: 0 to 2³² − 1. `ValueError` for a recording that has not the common layout (looked
    at in all of the recording).
    """
    seconds = bin_seconds(bin_size_sec)
    percentile = number(percentile_threshold, "percentile_threshold", 0, 1)
    max_lags = count(max_lags_branching_ratio, "max_lags_branching_ratio")
    durations = _pair(duration_thresholds)
    least_size = count(min_spike_count_threshold, "min_spike_count_threshold")
    draws = count(n_bootstraps, "n_bootstraps")
    seed = whole(random_seed, "random_seed", 0, 2**32 - 1)
    size = whole_frames(seconds, rate_of(view))
    window = _until_last_spike(view)
    check_layout(view)
    bins = Bins(window, size)
    spans = bins.spans()
    numbers = bins.of(window.frames)
    activity = np.bincount(numbers, minlength=len(bins))
    threshold = float(np.quantile(activity, percentile)) if len(bins) else 0.0
    avalanches = find_avalanches(activity, threshold, spans)
    shapes = _shapes(avalanches, durations, draws, seed)
    tau = _power_law(avalanches.sizes, least_size)
    alpha = _power_law(avalanches.durations, durations[0])
    scaling = _scaling(avalanches, tau, alpha)
    active = count_active(window.channels, numbers, window.channel_count, len(bins))
    branching = branching_ratio(active, spans, max_lags)
    return AnalysisResultCriticality.model_construct(
        metadata=metadata_of(view),
        bin_size_sec=seconds,
        percentile_threshold=percentile,
        activity_threshold=threshold,
        duration_thresholds=durations,
        random_seed=seed,
        n_bootstraps=draws,
        avalanche_spike_counts=avalanches.sizes,
        avalanche_spike_counts_per_bin=avalanches.shapes(),
        avalanche_durations=avalanches.durations,
        avalanche_shape_collapse_error=abs(shapes.beta - scaling.fitted),
        inter_avalanche_durations=avalanches.gaps,
        unique_durations_within_threshold=shapes.durations,
        mean_spike_counts_per_bin_by_duration=shapes.profiles,
        beta_exponent=shapes.beta,
        beta_exponent_std=shapes.beta_std,
        beta_range=shapes.betas,
        beta_candidates_over_range=shapes.spread,
        tau_exponent_spike_counts=tau.exponent,
        alpha_exponent_durations=alpha.exponent,
        ks_min_bound_spike_counts=tau.least,
        ks_min_bound_durations=alpha.least,
        ks_statistic_spike_counts=tau.bounds.ks,
        ks_statistic_duration=alpha.bounds.ks,
        exclusion_bounds_spike_counts=(tau.bounds.low, tau.bounds.high),
        exclusion_bounds_durations=(alpha.bounds.low, alpha.bounds.high),
        scaling_relation_exponent_predicted=scaling.predicted,
        scaling_relation_exponent_fitted=scaling.fitted,
        scaling_relation_time_values=scaling.durations,
        scaling_relation_fitted_params=scaling.parameters,
        deviation_from_criticality_coefficient=abs(scaling.predicted - scaling.fitted),
        branching_ratio=branching.ratio,
        time_lags_k=branching.lags,
        time_lags_slopes=branching.slopes,
        time_lags_fit_parameters=branching.parameters,
    )


def _pair(value: Any) -> tuple[int, int]:
    """Return the durations between which profiles are made."""
    if not isinstance(value, (tuple, list, np.ndarray)):
        raise TypeError(f"duration_thresholds must be a pair of integers, not {value!r}")
    if len(value) != 2:
        raise ValueError(f"duration_thresholds must be a pair of integers, not {value!r}")
    low, high = (count(item, f"duration_thresholds[{i}]") for i, item in enumerate(value))
    return low, high


def _until_last_spike(view: Analysable) -> Window:
    """Return the window up to the recording's last spike, without that, and without silent channels."""
    window = window_of(view)
    last = spikes_of(view).last
    first, _ = view.analysis_window
    return window.until(0 if last is None else last - first, SILENT)


class _Shapes(NamedTuple):
    """The profiles and how they collapse."""

    durations: NDArray[np.int64]
    profiles: list[NDArray[np.float64]]
    beta: float
    beta_std: float
    betas: NDArray[np.float64]
    spread: NDArray[np.float64]


def _shapes(avalanches: Avalanches, limits: tuple[int, int], draws: int, seed: int) -> _Shapes:
    durations = np.unique(avalanches.durations)
    durations = durations[(durations >= limits[0]) & (durations <= limits[1])]
    profiles = [avalanches.profile(duration) for duration in durations.tolist()]
    collapse = Collapse(profiles)
    every = np.arange(len(profiles))
    spread = collapse.spread(every)
    beta = collapse.best(every, spread)
    return _Shapes(durations, profiles, beta, collapse.bootstrap(draws, seed), collapse.betas, spread)


class _PowerLaw(NamedTuple):
    """A power law within bounds."""

    bounds: Bounds
    exponent: float
    least: float


def _power_law(data: NDArray[np.int64], limit: int) -> _PowerLaw:
    if not len(data):
        return _PowerLaw(Bounds(float(limit), math.nan, math.inf), math.nan, math.nan)
    histogram = Histogram.of(data)
    bounds = find_bounds(histogram, limit)
    candidates = histogram.within(bounds.low, bounds.high)
    if not len(candidates):
        return _PowerLaw(bounds, math.nan, math.nan)
    found = fit(candidates, bounds.low)
    return _PowerLaw(bounds, found.exponent, found.least)


class _Scaling(NamedTuple):
    """How the mean size of avalanches grows with their duration."""

    durations: NDArray[np.int64]
    parameters: NDArray[np.float64]
    predicted: float
    fitted: float


_SCALING_BINS = 60


def _scaling(avalanches: Avalanches, tau: _PowerLaw, alpha: _PowerLaw) -> _Scaling:
    nothing = np.empty(0, np.int64)
    if not (math.isfinite(tau.exponent) and math.isfinite(alpha.exponent)) or tau.exponent == 1:
        return _Scaling(nothing, np.empty(0), math.nan, math.nan)
    low = alpha.bounds.low
    numbers = np.bincount(avalanches.durations)
    sums = np.bincount(avalanches.durations, weights=avalanches.sizes)
    durations = np.flatnonzero(numbers)
    durations = durations[(durations > low) & (durations < low + _SCALING_BINS)]
    if len(durations) < 2:
        return _Scaling(durations, np.empty(0), math.nan, math.nan)
    means = sums[durations] / numbers[durations]
    parameters = np.polyfit(np.log(durations), np.log(means), 1)
    predicted = (alpha.exponent - 1) / (tau.exponent - 1)
    return _Scaling(durations, parameters, predicted, float(parameters[0]))
