"""Measures of a weighted graph, with networkx."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from .optional import missing

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SEEDS: Final = range(10)


class GraphMeasures(NamedTuple):
    """What there is to say of a graph; zeros and an empty partition of one without edges."""

    total_weight: float = 0.0
    average_weight: float = 0.0
    clustering: float = 0.0
    partition: dict[int, int] = {}  # noqa: RUF012
    modularity: float = 0.0
    betweenness: float = 0.0


def measure(matrix: NDArray[np.float64]) -> GraphMeasures:
    """Return the measures of the undirected graph with an edge wherever the symmetric matrix is not 0."""
    try:
        import networkx
    except ImportError as error:
        raise missing("networkx") from error
    edges = np.argwhere(np.triu(matrix, 1))
    if not len(edges):
        return GraphMeasures(partition={})
    graph = networkx.Graph()
    graph.add_nodes_from(range(len(matrix)))
    for i, j in edges.tolist():
        weight = float(matrix[i, j])
        graph.add_edge(i, j, weight=weight, length=abs(weight))
    total = float(sum(weight for _, _, weight in graph.edges(data="weight")))
    partition, modularity = _communities(networkx, graph, matrix)
    betweenness = networkx.betweenness_centrality(graph, weight="length", normalized=True)
    return GraphMeasures(
        total_weight=total,
        average_weight=total / len(edges),
        clustering=_clustering(matrix),
        partition=partition,
        modularity=modularity,
        betweenness=float(max(betweenness.values())),
    )


def _clustering(matrix: NDArray[np.float64]) -> float:
    """Return the mean of Onnela's coefficient: ∛ of the product of each triangle's weights, signed."""
    largest = float(matrix.max())
    if largest <= 0:
        # The largest signed weight, as networkx has it, of a graph that has only negative ones.
        largest = float(matrix[matrix != 0].max())
    roots = np.cbrt(matrix / largest)
    degrees = np.count_nonzero(matrix, axis=1)
    triangles = np.einsum("ij,ji->i", roots @ roots, roots)  # each twice
    pairs = degrees * (degrees - 1)
    found = np.divide(triangles, pairs, out=np.zeros(len(matrix)), where=pairs > 0)
    return float(found.mean())


def _communities(networkx: Any, graph: Any, matrix: NDArray[np.float64]) -> tuple[dict[int, int], float]:
    """Return the best partition of some starts, and its modularity; nothing if there is no such thing."""
    strengths = matrix.sum(axis=1)
    if (strengths < 0).any() or not matrix.sum() > 0:
        return {}, 0.0
    best: tuple[float, Any] = -np.inf, []
    for seed in _SEEDS:
        found = networkx.community.louvain_communities(graph, weight="weight", seed=seed)
        modularity = float(networkx.community.modularity(graph, found, weight="weight"))
        if modularity > best[0]:
            best = modularity, found
    communities = sorted(best[1], key=min)
    partition = {int(node): number for number, nodes in enumerate(communities) for node in nodes}
    return {node: partition[node] for node in sorted(partition)}, best[0]
