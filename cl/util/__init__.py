"""Helpers for scripts: looking into recordings, plotting, measuring, converting. Loaded when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl._values.lazy import lazy_names

if TYPE_CHECKING:
    from cl._store.read.attributes_view import AttributesView
    from cl._store.read.plots import plot_spike, plot_spikes_and_stims
    from cl._store.read.streams_view import DataStreamView
    from cl._store.read.view import RecordingView
    from cl._values.rates import ordinal

    from .benchmark import Benchmark
    from .conversions import frames_to_seconds, seconds_to_frames

_LAZY = {
    "AttributesView": "cl._store.read.attributes_view",
    "Benchmark": "cl.util.benchmark",
    "DataStreamView": "cl._store.read.streams_view",
    "RecordingView": "cl._store.read.view",
    "frames_to_seconds": "cl.util.conversions",
    "ordinal": "cl._values.rates",
    "plot_spike": "cl._store.read.plots",
    "plot_spikes_and_stims": "cl._store.read.plots",
    "seconds_to_frames": "cl.util.conversions",
}

__all__ = [
    "AttributesView",
    "Benchmark",
    "DataStreamView",
    "RecordingView",
    "frames_to_seconds",
    "ordinal",
    "plot_spike",
    "plot_spikes_and_stims",
    "seconds_to_frames",
]

__getattr__, __dir__ = lazy_names(__name__, _LAZY)
