"""The plot of the graph of channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .figures import figure

if TYPE_CHECKING:
    import os

    from matplotlib.axes import Axes
    from numpy.typing import NDArray


_SIDE: Final = 8
_COLOURS: Final = 20
_GREY: Final = (0.85, 0.85, 0.85, 1.0)


def plot(
    result: Any,
    figsize: tuple[float, float],
    title: str | None,
    save_path: str | os.PathLike[str] | None,
    ax: Axes | None,
) -> Axes:
    """Draw channels on the electrode grid, coloured by community, and the edges between them.

    Channels without edges, communities of their own, are grey.
    """
    matrix = result.adjacency_matrix
    edges = np.argwhere(np.triu(matrix, 1))
    if not len(edges):
        raise ValueError(
            f"there are no edges to draw: correlation_threshold {result.correlation_threshold:g} leaves none"
        )
    weights = matrix[edges[:, 0], edges[:, 1]]
    channels = np.arange(len(matrix))
    places = np.stack([channels // _SIDE, channels % _SIDE], axis=1)
    with figure(figsize, save_path, ax) as made:
        found: Axes = made.subplots() if ax is None else ax
        _draw_edges(found, places[edges], weights)
        found.scatter(
            places[:, 0],
            places[:, 1],
            c=_colours(result.graph_partition, matrix.any(axis=1)),
            s=160,
            zorder=2,
        )
        for channel, (x, y) in enumerate(places.tolist()):
            found.text(x, y, str(channel), ha="center", va="center", fontsize=6, zorder=3)
        found.invert_yaxis()
        found.set_aspect("equal")
        found.set_axis_off()
        default = f"Functional Connectivity Graph (thr = {result.correlation_threshold:g})"
        found.set_title(default if title is None else title)
    return found


def _colours(partition: dict[int, int], has_edges: NDArray[Any]) -> list[Any]:
    """Return the colour of each channel's community; grey without edges."""
    from matplotlib import colormaps

    colours = colormaps["tab20"].resampled(_COLOURS)
    return [
        colours(partition.get(channel, 0) % _COLOURS) if linked else _GREY
        for channel, linked in enumerate(has_edges.tolist())
    ]


def _draw_edges(ax: Axes, lines: NDArray[Any], weights: NDArray[Any]) -> None:
    """Draw edges, the wider the heavier; those of negative weight in red."""
    from matplotlib.collections import LineCollection

    amounts = np.abs(weights)
    ax.add_collection(
        LineCollection(
            list(lines.astype(float)),
            linewidths=1 + 4 * amounts / amounts.max(),
            colors=np.where(weights > 0, "0.6", "tab:red"),
            alpha=0.6,
            zorder=1,
        )
    )
