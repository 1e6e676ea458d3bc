"""The simulator: its data sources, and the classes for the user's own.

Names are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl._lazy import lazy_names

if TYPE_CHECKING:
    from . import culture
    from .checks import DataSourceError
    from .data_source import (
        DataSourceBatch,
        DataSourceSpike,
        DataSourceStim,
        SimulatorDataSource,
        SimulatorDataSourceMetadata,
    )
    from .detector import Detector
    from .live import LiveSimulatorDataSource
    from .live_sink import LiveDataSink, SinkClosedError
    from .registry import clear_simulator_data_source, set_simulator_data_source

_LAZY = {
    "DataSourceBatch": ".data_source",
    "DataSourceError": ".checks",
    "DataSourceSpike": ".data_source",
    "DataSourceStim": ".data_source",
    "Detector": ".detector",
    "LiveDataSink": ".live_sink",
    "LiveSimulatorDataSource": ".live",
    "SimulatorDataSource": ".data_source",
    "SimulatorDataSourceMetadata": ".data_source",
    "SinkClosedError": ".live_sink",
    "clear_simulator_data_source": ".registry",
    "set_simulator_data_source": ".registry",
}

__all__ = [
    "DataSourceBatch",
    "DataSourceError",
    "DataSourceSpike",
    "DataSourceStim",
    "Detector",
    "LiveDataSink",
    "LiveSimulatorDataSource",
    "SimulatorDataSource",
    "SimulatorDataSourceMetadata",
    "SinkClosedError",
    "clear_simulator_data_source",
    "culture",
    "set_simulator_data_source",
]

__getattr__, __dir__ = lazy_names(__name__, _LAZY, {"culture"})
