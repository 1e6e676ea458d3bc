"""The graph of channels whose spikes are correlated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cl.analysis import graph
from cl.analysis.arguments import bin_seconds, number, whole_frames
from cl.analysis.kernels import pair_sums
from cl.analysis.layout import check_layout
from cl.analysis.recorded import rate_of
from cl.analysis.results.connectivity import AnalysisResultsFunctionalConnectivity
from cl.analysis.results.metadata import metadata_of
from cl.analysis.window import Bins, Window, window_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cl._store.read.analysable import Analysable


def analyse_functional_connectivity(
    view: Analysable, bin_size_sec: float, correlation_threshold: float
) -> AnalysisResultsFunctionalConnectivity:
    """Return the graph of Pearson's correlations of the channels' spikes per bin, and its measures.

    Edges are the correlations of an amount of at least `correlation_threshold`, with their sign; all channels
    are nodes, grounded ones and the reference too.
    - `total_edge_weights`, `average_edge_weights`: of the signed weights;
    - `clustering_coefficient`: mean of Onnela's weighted coefficient over all nodes (Onnela et al. 2005, PRE
      71:065103), networkx's `average_clustering`;
    - `graph_partition`, `modularity_index`: the best of networkx's `louvain_communities` (Blondel et al.
      2008, J Stat Mech P10008) with the seeds 0 to 9, and its modularity (Newman & Girvan 2004, PRE
      69:026113); {} and 0 where the signed weights of a node sum up to less than 0;
    - `max_betweenness_centrality`: of shortest paths (Freeman 1977, Sociometry 40:35), the amount of a weight
      being the length of its edge (K7; the field uses 1/w or 1 − w).

    Review: Rubinov & Sporns 2010, NeuroImage 52:1059. elephant's `correlation_coefficient` is the matrix
    only. `bin_size_sec`: at least one frame; `correlation_threshold`: 0 to 1. `ValueError` for a
    recording that has not the common layout (looked at in all of the recording).
    """
    seconds = bin_seconds(bin_size_sec)
    threshold = number(correlation_threshold, "correlation_threshold", 0, 1)
    size = whole_frames(seconds, rate_of(view))
    window = window_of(view)
    check_layout(view)
    matrix = _correlations(window, Bins(window, size))
    matrix[np.abs(matrix) < threshold] = 0
    measures = graph.measure(matrix)
    return AnalysisResultsFunctionalConnectivity(
        metadata=metadata_of(view),
        bin_size_sec=seconds,
        correlation_threshold=threshold,
        adjacency_matrix=matrix,
        total_edge_weights=measures.total_weight,
        average_edge_weights=measures.average_weight,
        clustering_coefficient=measures.clustering,
        graph_partition=measures.partition,
        modularity_index=measures.modularity,
        max_betweenness_centrality=measures.betweenness,
    )


def _correlations(window: Window, bins: Bins) -> NDArray[np.float64]:
    """Return the correlations of channels, (C, C); 0 on the diagonal and for channels that do not vary.

    From sums of integers, which are exact: no array has an item for each bin and channel.
    """
    counts = np.bincount(window.channels, minlength=window.channel_count).astype(np.float64)
    sums = pair_sums(window.channels, bins.of(window.frames), window.channel_count)
    covariances = len(bins) * sums.astype(np.float64) - np.outer(counts, counts)
    variances = np.diagonal(covariances)
    varies = variances > 0
    matrix = np.zeros_like(covariances)
    if len(bins) < 2 or varies.sum() < 2:
        return matrix
    some = np.ix_(varies, varies)
    # Of the product, which is exact as long as it is below 2^53: equal correlations are the same number.
    scale = np.sqrt(np.outer(variances[varies], variances[varies]))
    matrix[some] = np.clip(covariances[some] / scale, -1, 1)
    np.fill_diagonal(matrix, 0)
    return matrix
