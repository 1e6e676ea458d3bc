"""The plot of how the mean shapes of avalanches fall together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from cl.analysis.criticality.shape_collapse import variance

from .figures import figure

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from matplotlib.axes import Axes


_POINTS = 100


def plot(
    result: Any,
    figsize: tuple[float, float],
    title: str | None,
    save_path: str | os.PathLike[str] | None,
    axes: Sequence[Axes] | None,
) -> list[Axes]:
    """Draw the scaled variances, the spread over β, and the collapsed profiles."""
    if not math.isfinite(result.beta_exponent):
        raise ValueError("there is no collapse to draw: no avalanches lasted within duration_thresholds")
    given = None if axes is None else list(np.ravel(np.asarray(axes, object)))
    if given is not None and len(given) != 3:
        raise ValueError(f"axes must be 3, not {len(given)}")
    with figure(figsize, save_path, given[0] if given else None) as made:
        found: list[Any] = given or list(made.subplots(3, 1))
        _variances(found[0], result)
        _spread(found[1], result)
        _profiles(found[2], result)
        if title is not None:
            made.suptitle(title)
    return found


def _variances(ax: Axes, result: Any) -> None:
    durations = result.unique_durations_within_threshold
    scaled = [
        variance(profile) * duration ** (2 * result.beta_exponent)
        for profile, duration in zip(result.average_profiles, durations.tolist(), strict=True)
    ]
    ax.plot(durations, scaled, "o-")
    ax.set_xlabel("Avalanche Duration T (bins)")
    ax.set_ylabel("Scaled variance v·T^(2β)")
    ax.set_title("Variance after collapse")


def _spread(ax: Axes, result: Any) -> None:
    ax.plot(result.beta_range, result.beta_candidates_over_range)
    ax.axvline(result.beta_exponent, color="red", linestyle="--", label=f"β = {result.beta_exponent:.3f}")
    ax.set_xlabel("β")
    ax.set_ylabel("Collapse error")
    ax.legend()
    ax.set_title("Error over β")


def _profiles(ax: Axes, result: Any) -> None:
    grid = np.linspace(0, 1, _POINTS)
    curves = []
    for profile in result.average_profiles:
        duration = len(profile)
        times = np.arange(1, duration + 1) / duration
        scaled = profile * duration**result.beta_exponent
        ax.plot(times, scaled, "o-", alpha=0.5, markersize=3, label=f"T = {duration}")
        curves.append(np.interp(grid, np.append(0, times), np.append(0, scaled), right=0))
    ax.plot(grid, np.mean(curves, axis=0), color="black", linewidth=2, label="Mean")
    ax.set_xlabel("Scaled time t/T")
    ax.set_ylabel("Scaled profile p·T^β")
    ax.legend(fontsize="small")
    ax.set_title("Collapsed profiles")
