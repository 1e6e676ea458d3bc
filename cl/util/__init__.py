"""Helpers for scripts: looking into recordings, plotting, measuring, converting. Loaded when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl._lazy import lazy_names

if TYPE_CHECKING:
    from cl._rates import ordinal
    from cl._store.attributes_view import AttributesView
    from cl._store.plots import plot_spike, plot_spikes_and_stims
    from cl._store.streams_view import DataStreamView
    from cl._store.view import RecordingView

    from .benchmark import Benchmark
    from .conversions import frames_to_seconds, seconds_to_frames

_LAZY = {
    "AttributesView": "cl._store.attributes_view",
    "Benchmark": "cl.util.benchmark",
    "DataStreamView": "cl._store.streams_view",
    "RecordingView": "cl._store.view",
    "frames_to_seconds": "cl.util.conversions",
    "ordinal": "cl._rates",
    "plot_spike": "cl._store.plots",
    "plot_spikes_and_stims": "cl._store.plots",
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
