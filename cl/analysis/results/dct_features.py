"""The result of `analyse_dct_features`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import AnalysisResult
from .fields import Array2DFloat, Float

if TYPE_CHECKING:
    import os

    from matplotlib.figure import Figure


class AnalysisResultDctFeatures(AnalysisResult):
    """The low frequencies of where on the electrode grid a culture fires."""

    mea_layout: list[list[int]]
    """(8, 8): the channel in each row and column."""
    k: int
    dct_height_coefficients: Array2DFloat
    """(k, 8): the basis over rows."""
    dct_width_coefficients: Array2DFloat
    """(k, 8): the basis over columns."""
    dct_features: dict[str, Float]
    """`dct{i}{j}_firing`: i the frequency over rows, j the one over columns."""

    def plot(
        self,
        figsize: tuple[float, float] = (9, 8),
        title: str | None = None,
        save_path: str | os.PathLike[str] | None = None,
        cmap: str = "RdBu",
    ) -> Figure:
        """Draw the k × k functions of the basis (not the data) on one scale of colours.

        See `cl.analysis.plots` for `title` and `save_path`. Returns the figure.
        """
        from cl.analysis.plots.dct_features import plot

        return plot(self, figsize, title, save_path, cmap)
