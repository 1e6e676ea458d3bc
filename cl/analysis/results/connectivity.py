"""The result of `analyse_functional_connectivity`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import AnalysisResult
from .fields import Array2DFloat, Float

if TYPE_CHECKING:
    import os

    from matplotlib.axes import Axes


class AnalysisResultsFunctionalConnectivity(AnalysisResult):
    """The graph of channels whose spikes are correlated, and its measures."""

    bin_size_sec: float
    correlation_threshold: float
    adjacency_matrix: Array2DFloat
    """(C, C): Pearson's correlation where its amount is at least the threshold, else 0; 0 on the diagonal."""
    total_edge_weights: Float
    average_edge_weights: Float
    clustering_coefficient: Float
    graph_partition: dict[int, int]
    """The community of each channel; empty without edges or communities."""
    modularity_index: Float
    max_betweenness_centrality: Float

    def plot(
        self,
        figsize: tuple[float, float] = (6, 6),
        title: str | None = None,
        save_path: str | os.PathLike[str] | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw the channels on the electrode grid, coloured by community, with their edges.

        The width of an edge grows with the amount of its weight. `ValueError` without edges.
        See `cl.analysis.plots` for `title`, `save_path` and `ax`.
        """
        from cl.analysis.plots.connectivity import plot

        return plot(self, figsize, title, save_path, ax)
