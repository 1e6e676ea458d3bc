"""An asyncio-native, event-driven framework for the Cortical Labs CL1, with a simulator.

`cl.open()` and `cl.aopen()` open the device; everything else is reached from there. Names are
loaded when they are first used, so that `import cl` stays fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl._values.foreign_files import refuse_foreign_files
from cl._values.lazy import lazy_names
from cl._values.version import VERSION

from .error import (
    ChannelQueueFull,
    ControlRequestError,
    ControlRequiredError,
    DeferredInterruptLimitExceeded,
    DeviceDisconnectedError,
    LaggedError,
    RecordingFailedError,
    RunTimestampOrderError,
    StimBudgetExceeded,
    StimulationSuspended,
    SyncLimitExceeded,
    TransactionRejected,
    UnsafeOperationError,
    WsApiError,
)

if TYPE_CHECKING:
    from . import analysis, app, error, hw, playback, sim, testing, util, visualisation
    from ._core.lateness import LoopStatistics
    from ._core.virtual_time import VirtualTime
    from ._loop.progress import LoopProgress, progress
    from ._session.opening import aopen, get_system_attributes, is_simulator, open
    from ._store.read.log_table import LogEntry, LogTable
    from ._store.read.table import Table
    from ._streams.events import EventStream
    from ._streams.frames import FrameStream
    from ._streams.statistics import StreamStatistics
    from ._sweep.row import SweepRow
    from ._sweep.sweep import Sweep
    from ._sweep.sweeping import sweep
    from .data_stream import DataStream, StreamEntry
    from .events import DetectionResult, Spike, Stim
    from .loop import AsyncLoop, Loop, LoopTick
    from .neurons import Neurons
    from .recording import Recording
    from .stim import BurstDesign, ChannelSet, PlanPreview, StimDesign, StimPlan
    from .util import RecordingView

refuse_foreign_files(__path__[0])

__version__ = VERSION

_LAZY = {
    "AsyncLoop": ".loop",
    "BurstDesign": ".stim",
    "ChannelSet": ".stim",
    "DataStream": ".data_stream",
    "DetectionResult": ".events",
    "EventStream": "._streams.events",
    "FrameStream": "._streams.frames",
    "LogEntry": "._store.read.log_table",
    "LogTable": "._store.read.log_table",
    "Loop": ".loop",
    "LoopProgress": "._loop.progress",
    "LoopStatistics": "._core.lateness",
    "LoopTick": ".loop",
    "Neurons": ".neurons",
    "PlanPreview": ".stim",
    "Recording": ".recording",
    "RecordingView": ".util",
    "Spike": ".events",
    "Stim": ".events",
    "StimDesign": ".stim",
    "StimPlan": ".stim",
    "StreamEntry": ".data_stream",
    "StreamStatistics": "._streams.statistics",
    "Sweep": "._sweep.sweep",
    "SweepRow": "._sweep.row",
    "Table": "._store.read.table",
    "VirtualTime": "._core.virtual_time",
    "aopen": "._session",
    "get_system_attributes": "._session",
    "is_simulator": "._session",
    "open": "._session",
    "progress": "._loop.progress",
    "sweep": "._sweep.sweeping",
}
_SUBMODULES = {"analysis", "app", "error", "hw", "playback", "sim", "testing", "util", "visualisation"}

__all__ = [
    "AsyncLoop",
    "BurstDesign",
    "ChannelQueueFull",
    "ChannelSet",
    "ControlRequestError",
    "ControlRequiredError",
    "DataStream",
    "DeferredInterruptLimitExceeded",
    "DetectionResult",
    "EventStream",
    "FrameStream",
    "DeviceDisconnectedError",
    "LaggedError",
    "LogEntry",
    "LogTable",
    "Loop",
    "LoopProgress",
    "LoopStatistics",
    "LoopTick",
    "Neurons",
    "PlanPreview",
    "Recording",
    "RecordingFailedError",
    "RecordingView",
    "RunTimestampOrderError",
    "Spike",
    "Stim",
    "StimBudgetExceeded",
    "StimDesign",
    "StimPlan",
    "StreamEntry",
    "StreamStatistics",
    "Sweep",
    "SweepRow",
    "Table",
    "StimulationSuspended",
    "SyncLimitExceeded",
    "TransactionRejected",
    "UnsafeOperationError",
    "VirtualTime",
    "WsApiError",
    "analysis",
    "aopen",
    "app",
    "error",
    "get_system_attributes",
    "hw",
    "is_simulator",
    "open",
    "progress",
    "playback",
    "sim",
    "sweep",
    "testing",
    "util",
    "visualisation",
]

__getattr__, __dir__ = lazy_names(__name__, _LAZY, _SUBMODULES)
