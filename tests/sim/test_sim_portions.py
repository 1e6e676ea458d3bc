"""How far a source is asked in one go in wall-clock time, where that is done on an event loop's thread."""

from __future__ import annotations

import numpy as np
import pytest

import cl
from cl._core.host_clock import WallClock
from cl.sim import DataSourceBatch, Simulator, SimulatorDataSource, SimulatorDataSourceMetadata


class Costly(SimulatorDataSource):
    """Takes its time for each frame, on a clock that goes by nothing else."""

    def __init__(self, ns_per_frame: int) -> None:
        self.ns_per_frame = ns_per_frame
        self.ns = 0
        self.windows: list[int] = []

    @property
    def metadata(self) -> SimulatorDataSourceMetadata:
        # Whether it answers to stims or not: what nothing changes is asked ahead of time.
        return SimulatorDataSourceMetadata(read_timeout_seconds=None, reactive=True)

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        self.windows.append(frame_count)
        self.ns += frame_count * self.ns_per_frame
        return DataSourceBatch(frames=np.zeros((frame_count, 64), np.int16))


@pytest.mark.parametrize(
    ("ns_per_frame", "least", "most"),
    [(20_000, 25, 25), (10_000, 25, 50), (1_000, 125, 500), (10, 2_500, 10_000)],
)
def test_what_was_missed_is_asked_for_half_a_millisecond_at_a_time(
    ns_per_frame: int, least: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Costly(ns_per_frame)
    with cl.open(device=Simulator(source=lambda: source, accelerated=False)) as neurons:
        engine = neurons._engine
        with engine.lock:
            monkeypatch.setattr(engine.budget, "_clock", lambda: source.ns)
        clock = engine.time.clock
        assert isinstance(clock, WallClock)
        for seconds in (1, 2):  # In the first one it learns how long they take.
            source.windows.clear()
            clock.origin_ns -= seconds * 10**9
            neurons.read(1, neurons.timestamp())
            windows = source.windows[:]
    assert sum(windows) >= 50_000
    assert least <= max(windows) <= most


def test_in_accelerated_time_windows_do_not_depend_on_how_long_they_take() -> None:
    def windows(ns_per_frame: int) -> list[int]:
        source = Costly(ns_per_frame)
        with cl.open(device=Simulator(source=lambda: source, accelerated=True)) as neurons:
            neurons._engine.budget._clock = lambda: source.ns
            neurons.read(10_000, 0)
        return source.windows

    assert windows(20_000) == windows(10)
