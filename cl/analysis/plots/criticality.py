"""The plots of avalanches: distributions, scaling, branching."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .figures import figure

if TYPE_CHECKING:
    import os

    from matplotlib.axes import Axes
    from numpy.typing import NDArray


def plot_sizes(
    result: Any,
    figsize: tuple[float, float],
    title: str | None,
    save_path: str | os.PathLike[str] | None,
    ax: Axes | None,
) -> Axes:
    """Draw the distribution of sizes and its power law."""
    exponent = result.tau_exponent_spike_counts
    curve = _power_law(result.avalanche_spike_counts, exponent, result.exclusion_bounds_spike_counts, "size")
    with figure(figsize, save_path, ax) as made:
        found: Axes = made.subplots() if ax is None else ax
        _distribution(found, result.avalanche_spike_counts, curve)
        found.set_xlabel("Avalanche Size (S)")
        found.set_ylabel("PDF for avalanche size")
        found.set_title(f"Size Exponent: {exponent:.2f}" if title is None else title)
    return found


def plot_durations(
    result: Any,
    figsize: tuple[float, float],
    title: str | None,
    save_path: str | os.PathLike[str] | None,
    ax: Axes | None,
) -> Axes:
    """Draw the distribution of durations and its power law."""
    exponent = result.alpha_exponent_durations
    curve = _power_law(result.avalanche_durations, exponent, result.exclusion_bounds_durations, "duration")
    with figure(figsize, save_path, ax) as made:
        found: Axes = made.subplots() if ax is None else ax
        _distribution(found, result.avalanche_durations, curve)
        _label_whole_numbers(found)
        found.set_xlabel("Avalanche Duration (D)")
        found.set_ylabel("PDF for avalanche duration")
        found.set_title(f"Duration Exponent: {exponent:.2f}" if title is None else title)
    return found


def _power_law(
    data: NDArray[np.int64], exponent: float, bounds: tuple[float, float], what: str
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the curve f·x^−exponent / Σ u^−exponent over the bounds, f being the share of data in them."""
    if not len(data):
        raise ValueError(f"there is no distribution of {what} to draw: there are no avalanches")
    if not math.isfinite(exponent):
        raise ValueError(f"there is no power law of {what} to draw: no exponent was found")
    at = np.arange(math.ceil(bounds[0]), math.floor(bounds[1]) + 1)
    share = float(((data >= bounds[0]) & (data <= bounds[1])).mean())
    powers = at.astype(np.float64) ** -exponent
    return at, share * powers / powers.sum()


def _distribution(
    ax: Axes, data: NDArray[np.int64], curve: tuple[NDArray[np.int64], NDArray[np.float64]]
) -> None:
    values, counts = np.unique(data, return_counts=True)
    ax.loglog(values, counts / len(data), "o", markersize=4, label="Data")
    ax.loglog(*curve, "--", color="tab:red", label="Fitted PDF")
    ax.legend()


def _label_whole_numbers(ax: Axes) -> None:
    """Label 1, 2, 5, 10 … of a logarithmic x axis, which may be shorter than a decade, and no others."""
    from matplotlib.ticker import LogLocator, NullFormatter

    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter(NullFormatter())


def plot_scaling(
    result: Any,
    figsize: tuple[float, float],
    title: str | None,
    save_path: str | os.PathLike[str] | None,
    ax: Axes | None,
) -> Axes | None:
    """Draw the mean size over the duration; nothing without a coefficient."""
    if not math.isfinite(result.deviation_from_criticality_coefficient):
        return ax
    times = result.scaling_relation_time_values
    sizes = [result.avalanche_spike_counts[result.avalanche_durations == time].mean() for time in times]
    slope, intercept = result.scaling_relation_fitted_params
    with figure(figsize, save_path, ax) as made:
        found: Axes = made.subplots() if ax is None else ax
        found.loglog(times, sizes, "o", markersize=4, label="Data")
        found.loglog(
            times, np.exp(intercept) * times**slope, "--", color="tab:red", label=f"Slope {slope:.2f}"
        )
        _label_whole_numbers(found)
        found.set_xlabel("Avalanche Duration (D)")
        found.set_ylabel("Mean Avalanche Size")
        found.legend()
        default = f"DCC: {result.deviation_from_criticality_coefficient:.4f}"
        found.set_title(default if title is None else title)
    return found


def plot_branching(
    result: Any,
    figsize: tuple[float, float],
    title: str | None,
    save_path: str | os.PathLike[str] | None,
    ax: Axes | None,
) -> Axes:
    """Draw the slopes over the lags, and the fit."""
    if not len(result.time_lags_fit_parameters):
        raise ValueError("there is no branching ratio to draw: nothing could be fitted to the lags")
    scale, ratio = np.abs(result.time_lags_fit_parameters)
    lags = result.time_lags_k
    with figure(figsize, save_path, ax) as made:
        found: Axes = made.subplots() if ax is None else ax
        found.plot(lags, result.time_lags_slopes, "o", markersize=4, label="Data")
        label = f"MR Estimation (BR = {result.branching_ratio:.4f})"
        found.plot(lags, scale * ratio**lags, color="tab:red", label=label)
        found.set_xlabel("Lag k (bins)")
        found.set_ylabel("Regression slope r(k)")
        found.legend()
        found.set_title("Branching Ratio" if title is None else title)
    return found
