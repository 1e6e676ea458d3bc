"""The plot of the functions of the discrete cosine transform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .figures import figure

if TYPE_CHECKING:
    import os

    from matplotlib.figure import Figure


def plot(
    result: Any,
    figsize: tuple[float, float],
    title: str | None,
    save_path: str | os.PathLike[str] | None,
    cmap: str,
) -> Figure:
    """Draw the k × k functions on one scale of colours."""
    rows, columns = result.dct_height_coefficients, result.dct_width_coefficients
    largest = float(np.abs(rows).max() * np.abs(columns).max())
    with figure(figsize, save_path) as made:
        panels = made.subplots(result.k, result.k, squeeze=False)
        for i in range(result.k):
            for j in range(result.k):
                ax = panels[i, j]
                image = ax.imshow(np.outer(rows[i], columns[j]), cmap=cmap, vmin=-largest, vmax=largest)
                ax.set_title(f"DCT basis ({i},{j})", fontsize="small")
                ax.set_xticks([])
                ax.set_yticks([])
        made.colorbar(image, ax=panels)
        if title is not None:
            made.suptitle(title)
    found: Figure = made
    return found
