"""What recordings say: eight metrics of views, several files as one view, and their results.

A `RecordingView` has the metrics as methods, `view.analyse_firing_stats(…)`; their results, pydantic models,
are the classes here. Needs the extra `cl-aio[analysis]`; names are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl._values.lazy import lazy_names

if TYPE_CHECKING:
    from .joined import JoinedView, open_many
    from .results.base import AnalysisMetadata, AnalysisResult
    from .results.bursts import Burst, Bursts, BurstsType
    from .results.connectivity import AnalysisResultsFunctionalConnectivity
    from .results.criticality import AnalysisResultCriticality
    from .results.dct_features import AnalysisResultDctFeatures
    from .results.fields import Array1DFloat, Array1DInt, Array2DFloat, Array2DInt, SpecialFloat
    from .results.firing_stats import AnalysisResultFiringStats
    from .results.histogram import AnalysisResultSpikeTriggeredHistogram
    from .results.information_entropy import AnalysisResultInformationEntropy
    from .results.lempel_ziv import AnalysisResultComplexityLempelZiv
    from .results.network_bursts import AnalysisResultNetworkBursts

_LAZY = {
    "AnalysisMetadata": ".results.base",
    "AnalysisResult": ".results.base",
    "AnalysisResultComplexityLempelZiv": ".results.lempel_ziv",
    "AnalysisResultCriticality": ".results.criticality",
    "AnalysisResultDctFeatures": ".results.dct_features",
    "AnalysisResultFiringStats": ".results.firing_stats",
    "AnalysisResultInformationEntropy": ".results.information_entropy",
    "AnalysisResultNetworkBursts": ".results.network_bursts",
    "AnalysisResultSpikeTriggeredHistogram": ".results.histogram",
    "AnalysisResultsFunctionalConnectivity": ".results.connectivity",
    "Array1DFloat": ".results.fields",
    "Array1DInt": ".results.fields",
    "Array2DFloat": ".results.fields",
    "Array2DInt": ".results.fields",
    "Burst": ".results.bursts",
    "Bursts": ".results.bursts",
    "BurstsType": ".results.bursts",
    "JoinedView": ".joined",
    "SpecialFloat": ".results.fields",
    "open_many": ".joined",
}

__all__ = [
    "AnalysisMetadata",
    "AnalysisResult",
    "AnalysisResultComplexityLempelZiv",
    "AnalysisResultCriticality",
    "AnalysisResultDctFeatures",
    "AnalysisResultFiringStats",
    "AnalysisResultInformationEntropy",
    "AnalysisResultNetworkBursts",
    "AnalysisResultSpikeTriggeredHistogram",
    "AnalysisResultsFunctionalConnectivity",
    "Array1DFloat",
    "Array1DInt",
    "Array2DFloat",
    "Array2DInt",
    "Burst",
    "Bursts",
    "BurstsType",
    "JoinedView",
    "SpecialFloat",
    "open_many",
]

__getattr__, __dir__ = lazy_names(__name__, _LAZY)
