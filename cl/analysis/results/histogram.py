"""The result of `analyse_spike_triggered_histogram`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from cl.analysis.optional import missing

from .base import AnalysisResult
from .fields import Array1DFloat, Array1DInt

try:
    from pydantic import BeforeValidator
except ImportError as error:
    raise missing("pydantic") from error

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from matplotlib.axes import Axes


def _pairs(value: Any) -> Any:
    """Return what is read from JSON, whose keys are "9,10", with pairs as keys."""
    if not isinstance(value, dict):
        return value
    return {tuple(key.split(",")) if isinstance(key, str) else key: item for key, item in value.items()}


_Histograms: TypeAlias = Annotated[dict[tuple[int, int], Array1DInt], BeforeValidator(_pairs)]


class AnalysisResultSpikeTriggeredHistogram(AnalysisResult):
    """When the spikes of a channel come before and after those of another."""

    bin_size_sec: float
    start_sec: float
    end_sec: float
    num_eligible_channels: int
    """How many channels there are histograms of."""
    min_firing_rate_threshold_hz: float
    histogram_bins: Array1DFloat
    """(E): the edges of the bins, in seconds after a spike of the base."""
    histograms: _Histograms
    """By (base, target), (E − 1): spikes of the target in each bin around all spikes of the base."""

    def plot(
        self,
        figsize: tuple[float, float] = (8, 2),
        title: str | None = None,
        save_path: str | os.PathLike[str] | None = None,
        axes: Sequence[Axes] | None = None,
    ) -> list[Axes]:
        """Draw a bar chart of each pair, one below the other; `figsize` is of one of them.

        `axes`: one for each pair. `ValueError` without histograms. See `cl.analysis.plots` for `title` and
        `save_path`.
        """
        from cl.analysis.plots.histogram import plot

        return plot(self, figsize, title, save_path, axes)
