"""What recordings say: eight metrics of views, several files as one view, and their results.

A `RecordingView` has the metrics as methods, `view.analyse_firing_stats(…)`; their results, pydantic models,
are the classes here. `LiveRates`, `LiveBursts` and `LivePsth` compute the same while a recording is made.
What is drawn first, `view.psth(…)` and its like, gives the numbers behind each picture as a dataclass.
Metrics need the extra `cl-aio[analysis]`, live metrics and numbers nothing but numpy; names are loaded when
they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl._values.lazy import lazy_names

if TYPE_CHECKING:
    from .joined import JoinedView, open_many
    from .live.bursts import LiveBurst, LiveBursts
    from .live.psth import LivePsth
    from .live.rates import LiveRates, RateStatistics
    from .pictures.activity_map import ActivityMap
    from .pictures.isi import Isi
    from .pictures.psth import Psth
    from .pictures.rates import Rates
    from .pictures.stream_values import StreamValues
    from .pictures.waveforms import Waveforms
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
    "ActivityMap": ".pictures.activity_map",
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
    "Isi": ".pictures.isi",
    "JoinedView": ".joined",
    "LiveBurst": ".live.bursts",
    "LiveBursts": ".live.bursts",
    "LivePsth": ".live.psth",
    "LiveRates": ".live.rates",
    "Psth": ".pictures.psth",
    "RateStatistics": ".live.rates",
    "Rates": ".pictures.rates",
    "SpecialFloat": ".results.fields",
    "StreamValues": ".pictures.stream_values",
    "Waveforms": ".pictures.waveforms",
    "open_many": ".joined",
}

__all__ = [
    "ActivityMap",
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
    "Isi",
    "JoinedView",
    "LiveBurst",
    "LiveBursts",
    "LivePsth",
    "LiveRates",
    "Psth",
    "RateStatistics",
    "Rates",
    "SpecialFloat",
    "StreamValues",
    "Waveforms",
    "open_many",
]

__getattr__, __dir__ = lazy_names(__name__, _LAZY)
