"""Helpers for scripts: looking into recordings, plotting, measuring, converting. Loaded when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl._values.lazy import lazy_names

if TYPE_CHECKING:
    from cl._store.read.attributes_view import AttributesView
    from cl._store.read.plots import plot_spike, plot_spikes_and_stims, uV_formatter
    from cl._store.read.streams_view import DataStreamView
    from cl._store.read.view import RecordingView
    from cl._values.rates import ordinal
    from cl.error import UnsafeOperationError
    from cl.events import Spike

    from . import plot, recording_view
    from .benchmark import Benchmark, benchmark_disable, benchmark_enable
    from .conversions import (
        frames_to_approximate_seconds,
        frames_to_seconds,
        seconds_to_frames,
        seconds_to_minimum_frames,
    )
    from .deprecation import deprecated
    from .event import Event
    from .recording_view import DataStreamCollection
    from .search import binary_search, binary_search_range, sorted_insert_position_before
    from .serialising import from_msgpacked, to_json, to_msgpacked
    from .surroundings import (
        in_ipython,
        in_vscode,
        is_iterable,
        is_under_path,
        read_binary_file,
        read_utf8_file,
    )
    from .unpickling import restricted_unpickling

_LAZY = {
    "AttributesView": "cl._store.read.attributes_view",
    "Benchmark": "cl.util.benchmark",
    "DataStreamCollection": "cl.util.recording_view",
    "DataStreamView": "cl._store.read.streams_view",
    "Event": "cl.util.event",
    "RecordingView": "cl._store.read.view",
    "Spike": "cl.events",
    "UnsafeOperationError": "cl.error",
    "benchmark_disable": "cl.util.benchmark",
    "benchmark_enable": "cl.util.benchmark",
    "binary_search": "cl.util.search",
    "binary_search_range": "cl.util.search",
    "deprecated": "cl.util.deprecation",
    "frames_to_approximate_seconds": "cl.util.conversions",
    "frames_to_seconds": "cl.util.conversions",
    "from_msgpacked": "cl.util.serialising",
    "in_ipython": "cl.util.surroundings",
    "in_vscode": "cl.util.surroundings",
    "is_iterable": "cl.util.surroundings",
    "is_under_path": "cl.util.surroundings",
    "ordinal": "cl._values.rates",
    "plot_spike": "cl._store.read.plots",
    "plot_spikes_and_stims": "cl._store.read.plots",
    "read_binary_file": "cl.util.surroundings",
    "read_utf8_file": "cl.util.surroundings",
    "restricted_unpickling": "cl.util.unpickling",
    "seconds_to_frames": "cl.util.conversions",
    "seconds_to_minimum_frames": "cl.util.conversions",
    "sorted_insert_position_before": "cl.util.search",
    "to_json": "cl.util.serialising",
    "to_msgpacked": "cl.util.serialising",
    "uV_formatter": "cl._store.read.plots",
}
# The results of metrics as well, which a room beside this one has.
_LAZY |= dict.fromkeys(
    (
        "AnalysisResultComplexityLempelZiv",
        "AnalysisResultCriticality",
        "AnalysisResultDctFeatures",
        "AnalysisResultFiringStats",
        "AnalysisResultInformationEntropy",
        "AnalysisResultNetworkBursts",
        "AnalysisResultSpikeTriggeredHistogram",
        "AnalysisResultsFunctionalConnectivity",
        "Array1DFloat",
    ),
    "cl.analysis",
)
_SUBMODULES = {"plot", "recording_view"}

__all__ = [
    "AttributesView",
    "Benchmark",
    "DataStreamCollection",
    "DataStreamView",
    "Event",
    "RecordingView",
    "Spike",
    "UnsafeOperationError",
    "benchmark_disable",
    "benchmark_enable",
    "binary_search",
    "binary_search_range",
    "deprecated",
    "frames_to_approximate_seconds",
    "frames_to_seconds",
    "from_msgpacked",
    "in_ipython",
    "in_vscode",
    "is_iterable",
    "is_under_path",
    "ordinal",
    "plot_spike",
    "plot_spikes_and_stims",
    "read_binary_file",
    "read_utf8_file",
    "restricted_unpickling",
    "seconds_to_frames",
    "seconds_to_minimum_frames",
    "sorted_insert_position_before",
    "to_json",
    "to_msgpacked",
    "uV_formatter",
    "plot",
    "recording_view",
]

__getattr__, __dir__ = lazy_names(__name__, _LAZY, _SUBMODULES)
