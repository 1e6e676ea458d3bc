"""All results of the package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .connectivity import AnalysisResultsFunctionalConnectivity
from .criticality import AnalysisResultCriticality
from .dct_features import AnalysisResultDctFeatures
from .firing_stats import AnalysisResultFiringStats
from .histogram import AnalysisResultSpikeTriggeredHistogram
from .information_entropy import AnalysisResultInformationEntropy
from .lempel_ziv import AnalysisResultComplexityLempelZiv
from .network_bursts import AnalysisResultNetworkBursts

if TYPE_CHECKING:
    from .base import AnalysisResult


def classes() -> list[type[AnalysisResult]]:
    """Return the results of the eight metrics."""
    return [
        AnalysisResultFiringStats,
        AnalysisResultNetworkBursts,
        AnalysisResultCriticality,
        AnalysisResultInformationEntropy,
        AnalysisResultComplexityLempelZiv,
        AnalysisResultDctFeatures,
        AnalysisResultSpikeTriggeredHistogram,
        AnalysisResultsFunctionalConnectivity,
    ]
