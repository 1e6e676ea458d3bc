"""The simulator: its data sources, and the classes for the user's own.

Names are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl._values.lazy import lazy_names

if TYPE_CHECKING:
    from . import culture
    from .simulator import Simulator
    from .user.checks import DataSourceError
    from .user.data_source import (
        DataSourceBatch,
        DataSourceSpike,
        DataSourceStim,
        SimulatorDataSource,
        SimulatorDataSourceMetadata,
    )
    from .user.detector import Detector
    from .user.live import LiveSimulatorDataSource
    from .user.live_sink import LiveDataSink, SinkClosedError
    from .user.registry import clear_simulator_data_source, set_simulator_data_source

_LAZY = {
    "DataSourceBatch": ".user.data_source",
    "DataSourceError": ".user.checks",
    "DataSourceSpike": ".user.data_source",
    "DataSourceStim": ".user.data_source",
    "Detector": ".user.detector",
    "LiveDataSink": ".user.live_sink",
    "LiveSimulatorDataSource": ".user.live",
    "Simulator": ".simulator",
    "SimulatorDataSource": ".user.data_source",
    "SimulatorDataSourceMetadata": ".user.data_source",
    "SinkClosedError": ".user.live_sink",
    "clear_simulator_data_source": ".user.registry",
    "set_simulator_data_source": ".user.registry",
}

__all__ = [
    "DataSourceBatch",
    "DataSourceError",
    "DataSourceSpike",
    "DataSourceStim",
    "Detector",
    "LiveDataSink",
    "LiveSimulatorDataSource",
    "Simulator",
    "SimulatorDataSource",
    "SimulatorDataSourceMetadata",
    "SinkClosedError",
    "clear_simulator_data_source",
    "culture",
    "set_simulator_data_source",
]

__getattr__, __dir__ = lazy_names(__name__, _LAZY, {"culture"})
