"""Leaving a device gives its memory back, then and there; what a program holds of it stays."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import numpy as np
import pytest

import cl
from cl.sim import DataSourceBatch, Simulator, SimulatorDataSource, SimulatorDataSourceMetadata


class Counting(SimulatorDataSource):
    """Frames of their own numbers."""

    @property
    def metadata(self) -> SimulatorDataSourceMetadata:
        return SimulatorDataSourceMetadata(read_timeout_seconds=None)

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        numbers = np.arange(from_timestamp, from_timestamp + frame_count, dtype=np.int16)
        return DataSourceBatch(np.repeat(numbers[:, None], 64, 1), [])


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    """A program with much in its memory is rarely looked through, and one that disables this never."""
    gc.disable()
    yield
    gc.enable()


def test_the_history_does_not_wait_for_the_collector() -> None:
    held = []
    for _ in range(3):
        with cl.open(device=Simulator(Counting, accelerated=True)) as neurons:
            neurons.read(100)
            ring = neurons._engine.device.acquisition._ring  # type: ignore[attr-defined]
            held.append(weakref.ref(ring._data))
        assert held.pop()() is None
    with pytest.raises(cl.DeviceDisconnectedError, match="was closed"):
        neurons.read(100, 0)
    with pytest.raises(cl.DeviceDisconnectedError, match="was closed"):
        ring.read(0, 100)


@pytest.mark.parametrize("leaves", [False, True])
def test_the_last_tick_keeps_its_frames(leaves: bool) -> None:
    with cl.open(device=Simulator(Counting, accelerated=True)) as neurons:
        for tick in neurons.loop(100, stop_after_ticks=4):
            if leaves and tick.iteration == 2:
                break
        neurons.read(50)
    end = 750 if leaves else 1_000
    assert tick.iteration_timestamp == end
    assert (tick.frames[:, 5] == np.arange(end - 250, end)).all()
