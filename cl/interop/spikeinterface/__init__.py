"""Recordings for SpikeInterface: samples as a `BaseRecording`, spikes as a sorting, stims as events.

The extra `spikeinterface`: pip install 'cl-aio[spikeinterface]'.
"""

from __future__ import annotations

from cl.interop.missing import missing

try:
    import spikeinterface.core  # noqa: F401
except ImportError as error:
    raise missing("cl.interop.spikeinterface", "spikeinterface", "spikeinterface") from error

from .recording import ClRecording, ClRecordingSegment, read_cl
from .spikes import read_cl_spikes
from .stims import ClStims, ClStimsSegment, read_cl_stims

__all__ = [
    "ClRecording",
    "ClRecordingSegment",
    "ClStims",
    "ClStimsSegment",
    "read_cl",
    "read_cl_spikes",
    "read_cl_stims",
]
