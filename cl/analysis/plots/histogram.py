"""The plot of spike-triggered histograms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .figures import figure

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from matplotlib.axes import Axes


def plot(
    result: Any,
    figsize: tuple[float, float],
    title: str | None,
    save_path: str | os.PathLike[str] | None,
    axes: Sequence[Axes] | None,
) -> list[Axes]:
    """Draw a bar chart of each pair of channels."""
    pairs = list(result.histograms)
    if not pairs:
        raise ValueError(f"there are no histograms to draw: {result.num_eligible_channels} channels, no pair")
    given = None if axes is None else list(np.ravel(np.asarray(axes, object)))
    if given is not None and len(given) != len(pairs):
        raise ValueError(f"axes must be {len(pairs)}, one for each pair of channels, not {len(given)}")
    size = figsize[0], figsize[1] * len(pairs)
    edges = result.histogram_bins
    with figure(size, save_path, given[0] if given else None) as made:
        found = given or list(made.subplots(len(pairs), 1, squeeze=False)[:, 0])
        for ax, (base, target) in zip(found, pairs, strict=True):
            counts = result.histograms[base, target]
            ax.bar(edges[:-1], counts, width=np.diff(edges), align="edge", edgecolor="white", linewidth=0.3)
            ax.axvline(0, color="red", linestyle="--")
            ax.set_title(f"Base: Channel {base}, Target: Channel {target}", fontsize="medium")
            ax.set_ylabel("Spikes")
        found[-1].set_xlabel("Time from base spike (s)")
        if title is not None:
            made.suptitle(title)
    return found
