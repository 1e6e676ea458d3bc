"""Factories that the tests of the registry name by their import path."""

from __future__ import annotations

from typing import Any

from cl.sim import DataSourceBatch, SimulatorDataSource, SimulatorDataSourceMetadata


class Told(SimulatorDataSource):
    """Remembers what it was made with."""

    def __init__(self, a: Any = "nothing", metadata: Any = None) -> None:
        self.config = a
        self.given = metadata

    @property
    def metadata(self) -> SimulatorDataSourceMetadata:
        return SimulatorDataSourceMetadata(start_timestamp=7, seekable=False)

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        return DataSourceBatch()


class Holder:
    """So that a path can have two parts."""

    create = Told


not_callable = 5


def returns_nothing(size: int) -> None:
    return None


def raises(**config: Any) -> SimulatorDataSource:
    raise RuntimeError(f"made with {config}")


def refuses(size: int = -1) -> SimulatorDataSource:
    raise ValueError("size is -1, it must be at least 1")
