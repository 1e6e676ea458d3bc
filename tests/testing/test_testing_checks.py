"""The checks for sources and devices of others: ours pass, and broken ones are named."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest

import cl
from cl.hw.emulator import EmulatorProcess
from cl.sim import (
    DataSourceBatch,
    DataSourceSpike,
    LiveDataSink,
    LiveSimulatorDataSource,
    Simulator,
    SimulatorDataSource,
    SimulatorDataSourceMetadata,
)
from cl.testing import CheckFailedError, check_data_source, check_device


class Right(SimulatorDataSource):
    """What it gives depends on the frame's number only, and on the stims before."""

    fields: ClassVar[dict[str, Any]] = {}

    def __init__(self) -> None:
        self.stims: list[int] = []

    @property
    def metadata(self) -> SimulatorDataSourceMetadata:
        return SimulatorDataSourceMetadata(**{"read_timeout_seconds": None, **self.fields})

    def on_stim(self, stim: Any) -> None:
        self.stims.append(stim.timestamp)

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        stop = from_timestamp + frame_count
        times = np.arange(from_timestamp, stop)
        frames = np.repeat((times % 1_000).astype(np.int16)[:, None], 64, axis=1)
        for stim in self.stims:
            frames[times >= stim, 9] += 1
        spikes = [
            DataSourceSpike(t, t // 100 % 64) for t in range(-(-from_timestamp // 100) * 100, stop, 100)
        ]
        return DataSourceBatch(frames, spikes)


class Far(Right):
    """Begins at 2^53, and ends, and begins anew."""

    fields: ClassVar = {"start_timestamp": 2**53, "duration_frames": 4_000, "reactive": False}
    on_stim = SimulatorDataSource.on_stim


class ByWindow(Right):
    """Its data depend on how it is asked."""

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        batch = super().read(from_timestamp, frame_count)
        batch.frames[0] = 77  # type: ignore[index]
        return batch


class Drawn(Right):
    """Draws anew each time it is made."""

    random = np.random.default_rng(1)

    def __init__(self) -> None:
        super().__init__()
        self.offset = int(self.random.integers(1, 1_000))

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        batch = super().read(from_timestamp, frame_count)
        return DataSourceBatch(batch.frames + np.int16(self.offset), batch.spikes)  # type: ignore[operator]


class Stateful(Right):
    """Goes on from where it was, whatever it is asked."""

    at = 0

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        self.at += frame_count
        batch = super().read(from_timestamp, frame_count)
        return DataSourceBatch(batch.frames + np.int16(self.at - from_timestamp - frame_count), batch.spikes)  # type: ignore[operator]


class Prophetic(Right):
    """Knows of stims before they are there: all of its class."""

    seen = 0

    def on_stim(self, stim: Any) -> None:
        super().on_stim(stim)
        type(self).seen += 1

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        batch = super().read(from_timestamp, frame_count)
        return DataSourceBatch(batch.frames + np.int16(self.seen), batch.spikes)  # type: ignore[operator]


class Deaf(Right):
    def on_stim(self, stim: Any) -> None:
        raise OSError("no stims, please")


class Outside(Right):
    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        return DataSourceBatch(None, [DataSourceSpike(from_timestamp + frame_count, 9)])


class Restless(Right):
    """Leaves a thread behind."""

    go_on = threading.Event()

    def open(self) -> None:
        threading.Thread(target=self.go_on.wait, name="restless", daemon=True).start()


class Fickle(Right):
    looks = 0

    @property
    def metadata(self) -> SimulatorDataSourceMetadata:
        type(self).looks += 1
        return SimulatorDataSourceMetadata(start_timestamp=self.looks)


class NoSource:
    metadata = None


def fails() -> Any:
    raise OSError("there is no such rig")


class Live(LiveSimulatorDataSource):
    """Emits numbered frames, at once or at the pace of time."""

    def __init__(self) -> None:
        super().__init__(supports_accelerated=True)
        self._stopped = threading.Event()

    def start(self, sink: LiveDataSink) -> None:
        at = 0
        while not self._stopped.is_set():
            frames = np.repeat((np.arange(at, at + 250) % 1_000).astype(np.int16)[:, None], 64, axis=1)
            sink.emit_frames(frames)
            at += 250

    def stop(self) -> None:
        self._stopped.set()


@pytest.mark.parametrize(
    ("factory", "config"),
    [(Right, {}), (Far, {}), ("cl.sim.culture:create", {"size": 100, "seed": 1}), (Live, {})],
)
def test_sources_that_keep_their_promises(factory: Any, config: dict[str, Any]) -> None:
    report = check_data_source(factory, config)
    assert not report.broken and "repeats" in report.kept and "windows" in report.kept
    assert "BROKEN" not in str(report)


BROKEN: dict[Callable[..., Any], tuple[str, str]] = {
    ByWindow: ("windows", "the frames differ from 0 on|the frames differ from"),
    Drawn: ("repeats", "the frames differ from 0 on"),
    Stateful: ("answers again", "the frames differ from 0 on"),
    Prophetic: ("stims repeat", "the frames differ from"),
    Deaf: ("stims", "no stims, please"),
    Outside: ("plays", "outside of the window"),
    Restless: ("closes", "the thread 'restless' goes on"),
    Fickle: ("factory", "change from look to look"),
    NoSource: ("factory", "it made NoSource, no SimulatorDataSource"),
    fails: ("factory", "OSError: there is no such rig"),
}


@pytest.mark.parametrize("factory", BROKEN)
def test_sources_that_break_them_are_named(factory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import cl.testing.checks.source_checks as source_checks

    monkeypatch.setattr(source_checks, "_PATIENCE_S", 0.01)
    check, text = BROKEN[factory]
    with pytest.raises(CheckFailedError, match=text) as caught:
        check_data_source(factory)
    assert check in caught.value.report.broken
    assert f"BROKEN {check}: " in str(caught.value)
    Restless.go_on.set()
    for thread in threading.enumerate():
        if thread.name == "restless":
            thread.join()
    Restless.go_on.clear()


def test_a_simulator_passes() -> None:
    report = check_device(Simulator(seed=7, accelerated=True))
    assert not report.broken and len(report.kept) == len(report.findings) >= 12


def test_the_emulator_passes() -> None:
    with EmulatorProcess("--source", "counter", "--liveness-ms", "1000") as emulator:
        report = check_device(emulator.address, seconds=0.2)
    assert not report.broken and len(report.kept) >= 12


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(CheckFailedError, match=r"BROKEN opens: .*no device at unix:/nowhere") as caught:
        check_device("unix:/nowhere")
    assert caught.value.report.broken == ["opens"]


def test_a_device_that_misbehaves_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A burst of twice the interval, and a loop that misses a tick's frames."""
    from cl.stim import BurstDesign

    monkeypatch.setattr(BurstDesign, "interval_steps", property(lambda self: 1_000), raising=False)
    interrupt = cl.Neurons.interrupt
    monkeypatch.setattr(cl.Neurons, "interrupt", lambda self, channels: None)
    with pytest.raises(CheckFailedError) as caught:
        check_device(Simulator(seed=7, accelerated=True), seconds=0.05)
    assert "interrupt" in caught.value.report.broken
    assert interrupt is not cl.Neurons.interrupt
