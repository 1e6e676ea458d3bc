"""Sources for the programs here, each of one value everywhere."""

import threading
from typing import Any

import numpy as np

from cl.sim import (
    DataSourceBatch,
    LiveDataSink,
    LiveSimulatorDataSource,
    SimulatorDataSource,
    SimulatorDataSourceMetadata,
)


class Level(SimulatorDataSource):
    """A source all of whose samples are `level`."""

    def __init__(self, level: float = 3) -> None:
        self._level = level

    @property
    def metadata(self) -> SimulatorDataSourceMetadata:
        return SimulatorDataSourceMetadata()

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        return DataSourceBatch(np.full((frame_count, 64), self._level, np.int16), [])


class Live(LiveSimulatorDataSource):
    """A live source all of whose samples are 5, from `start` on."""

    def __init__(self, start: int = 0) -> None:
        metadata = SimulatorDataSourceMetadata(start_timestamp=start)
        if start:
            super().__init__(metadata, read_timeout_seconds=5.0, supports_accelerated=True)
        else:
            super().__init__(metadata=metadata, max_buffer_frames=5000, supports_accelerated=True)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, sink: LiveDataSink) -> None:
        def emit() -> None:
            while not self._stopping.is_set():
                try:
                    sink.emit_frames(np.full((100, 64), 5, np.int16))
                except Exception:
                    break  # It is closed.

        self._thread = threading.Thread(target=emit)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()


def scaled(scale: float = 1.0) -> Level:
    return Level(scale)


def several(a: int, b: int, c: int | None = None) -> Level:
    return Level(a + b + (1 if c is None else c))


def anything(**config: Any) -> Level:
    return Level(config["scale"])


def keyword_only(*, scale: float) -> Level:
    return Level(scale)
