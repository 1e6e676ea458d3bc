"""The result of `analyse_lempel_ziv_complexity`."""

from __future__ import annotations

from .base import AnalysisResult
from .fields import Array2DFloat


class AnalysisResultComplexityLempelZiv(AnalysisResult):
    """The Lempel-Ziv complexity of the channels' spike trains."""

    bin_size_sec: float
    lzc_scores_per_channel: Array2DFloat
    """(C, 1)."""
