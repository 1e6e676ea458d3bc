"""The result of `analyse_criticality`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .base import AnalysisResult
from .fields import Array1DFloat, Array1DInt, Float, SpecialFloat

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray


class AnalysisResultCriticality(AnalysisResult):
    """Avalanches, their exponents and what these say of how near the culture is to a critical state.

    What could not be estimated is NaN, with an empty array of what it would have come from.
    """

    bin_size_sec: float
    percentile_threshold: float
    activity_threshold: float
    """Spikes in a bin, above which it belongs to an avalanche."""
    duration_thresholds: tuple[int, int]
    random_seed: int
    n_bootstraps: int
    avalanche_spike_counts: Array1DInt
    """(A): the avalanches' sizes."""
    avalanche_spike_counts_per_bin: list[Array1DInt]
    """(A): their shapes, spikes in each of their bins."""
    avalanche_durations: Array1DInt
    """(A): bins."""
    avalanche_shape_collapse_error: SpecialFloat
    inter_avalanche_durations: Array1DInt
    """(A − 1): bins from the end of one avalanche to the next; of joined recordings only within each."""
    unique_durations_within_threshold: Array1DInt
    """(P): the durations that there are profiles of."""
    mean_spike_counts_per_bin_by_duration: list[Array1DFloat]
    """(P): the mean shape of the avalanches of each duration, with a sum of 1."""
    beta_exponent: Float
    """The exponent at which the profiles fall together best."""
    beta_exponent_std: SpecialFloat
    beta_range: Array1DFloat
    beta_candidates_over_range: Array1DFloat
    """The spread of the profiles at each exponent of `beta_range`."""
    tau_exponent_spike_counts: SpecialFloat
    alpha_exponent_durations: SpecialFloat
    ks_min_bound_spike_counts: Float
    ks_min_bound_durations: Float
    ks_statistic_spike_counts: SpecialFloat
    ks_statistic_duration: SpecialFloat
    exclusion_bounds_spike_counts: tuple[Float, Float]
    """The sizes between which the power law is fitted."""
    exclusion_bounds_durations: tuple[Float, Float]
    scaling_relation_exponent_predicted: SpecialFloat
    """(α − 1) / (τ − 1)."""
    scaling_relation_exponent_fitted: SpecialFloat
    """The slope of the mean size over the duration, both as logarithms."""
    scaling_relation_time_values: Array1DInt
    scaling_relation_fitted_params: Array1DFloat
    """Slope and intercept; empty if there is no fit."""
    deviation_from_criticality_coefficient: SpecialFloat
    branching_ratio: SpecialFloat
    time_lags_k: Array1DFloat
    """(L): lags in bins."""
    time_lags_slopes: Array1DFloat
    """(L): the slope of the regression at each lag."""
    time_lags_fit_parameters: Array1DFloat
    """(u, m) of u·m^k; empty if there is no fit."""

    @property
    def avalanche_sizes(self) -> NDArray[Any]:
        """`avalanche_spike_counts`."""
        return self.avalanche_spike_counts

    @property
    def avalanche_shapes(self) -> list[NDArray[Any]]:
        """`avalanche_spike_counts_per_bin`."""
        return self.avalanche_spike_counts_per_bin

    @property
    def average_profiles(self) -> list[NDArray[Any]]:
        """`mean_spike_counts_per_bin_by_duration`."""
        return self.mean_spike_counts_per_bin_by_duration

    @property
    def ks_statistic_size(self) -> float:
        """`ks_statistic_spike_counts`."""
        return self.ks_statistic_spike_counts

    def plot_avalanche_sizes(
        self,
        figsize: tuple[float, float] = (5, 4),
        title: str | None = None,
        save_path: str | os.PathLike[str] | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw the distribution of the avalanches' sizes and the power law of their exponent τ.

        `ValueError` without avalanches or exponent. See `cl.analysis.plots` for `title`, `save_path` and
        `ax`.
        """
        from cl.analysis.plots.criticality import plot_sizes

        return plot_sizes(self, figsize, title, save_path, ax)

    def plot_avalanche_durations(
        self,
        figsize: tuple[float, float] = (5, 4),
        title: str | None = None,
        save_path: str | os.PathLike[str] | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw the distribution of the avalanches' durations and the power law of their exponent α.

        `ValueError` without avalanches or exponent. See `cl.analysis.plots` for `title`, `save_path` and
        `ax`.
        """
        from cl.analysis.plots.criticality import plot_durations

        return plot_durations(self, figsize, title, save_path, ax)

    def plot_deviation_from_criticality_coefficient(
        self,
        figsize: tuple[float, float] = (5, 4),
        title: str | None = None,
        save_path: str | os.PathLike[str] | None = None,
        ax: Axes | None = None,
    ) -> Axes | None:
        """Draw the mean size of avalanches over their duration, and the line that was fitted.

        Without a coefficient nothing is drawn and `ax` is returned as it is. See `cl.analysis.plots` for
        `title`, `save_path` and `ax`.
        """
        from cl.analysis.plots.criticality import plot_scaling

        return plot_scaling(self, figsize, title, save_path, ax)

    def plot_branching_ratio(
        self,
        figsize: tuple[float, float] = (5, 4),
        title: str | None = None,
        save_path: str | os.PathLike[str] | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw the slopes over the lags, and the exponential that was fitted to them.

        `ValueError` without a fit. See `cl.analysis.plots` for `title`, `save_path` and `ax`.
        """
        from cl.analysis.plots.criticality import plot_branching

        return plot_branching(self, figsize, title, save_path, ax)

    def plot_avalanche_shape_collapse_analysis(
        self,
        figsize: tuple[float, float] = (4.5, 12),
        title: str | None = None,
        save_path: str | os.PathLike[str] | None = None,
        axes: Sequence[Axes] | None = None,
    ) -> list[Axes]:
        """Draw the profiles' scaled variances, the error over β, and the collapsed profiles with their mean.

        `axes`: three. `ValueError` without profiles or exponent. See `cl.analysis.plots` for `title` and
        `save_path`.
        """
        from cl.analysis.plots.shape_collapse import plot

        return plot(self, figsize, title, save_path, axes)
