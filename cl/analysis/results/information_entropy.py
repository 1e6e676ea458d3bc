"""The result of `analyse_information_entropy`."""

from __future__ import annotations

from .base import AnalysisResult
from .fields import Array1DFloat


class AnalysisResultInformationEntropy(AnalysisResult):
    """The entropy of how many channels are active, in each of B bins."""

    bin_size_sec: float
    information_entropy_per_time_bin: Array1DFloat
    """(B): in nats, or in the units of the logarithm's base."""
