"""The values that a user's source is made of."""

from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cl.sim
from cl.sim import (
    DataSourceBatch,
    DataSourceSpike,
    DataSourceStim,
    LiveSimulatorDataSource,
    SimulatorDataSource,
    SimulatorDataSourceMetadata,
)
from cl.sim.user.data_source import listens, reacts


class Silent(SimulatorDataSource):
    @property
    def metadata(self) -> SimulatorDataSourceMetadata:
        return SimulatorDataSourceMetadata()

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        return DataSourceBatch()


def test_the_public_names() -> None:
    for name in cl.sim.__all__:
        assert getattr(cl.sim, name) is not None
    assert set(cl.sim.__all__) <= set(dir(cl.sim))
    with pytest.raises(AttributeError, match="nothing_like_this"):
        _ = cl.sim.nothing_like_this


def test_the_face_loads_nothing_heavy() -> None:
    code = "import cl.sim, sys; print([m for m in ('numpy', 'h5py', 'anyio', 'asyncio') if m in sys.modules])"
    here = str(Path(cl.__file__).parents[1])
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=here)
    assert run.stdout.strip() == "[]"


def test_metadata_defaults() -> None:
    metadata = SimulatorDataSourceMetadata()
    assert dataclasses.astuple(metadata)[:8] == (64, 25_000, 0.195, 0, None, True, False, True)
    assert metadata.read_timeout_seconds == 30.0
    assert metadata.reactive is None
    assert metadata.detect_spikes is False
    assert SimulatorDataSourceMetadata(start_timestamp=np.int64(5)).start_timestamp == 5  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("channel_count", 32, "channel_count is 32, it must be 64"),
        ("frames_per_second", 20_000, "frames_per_second is 20000, it must be 25000"),
        ("uV_per_sample_unit", 0, "uV_per_sample_unit is 0, it must be above 0"),
        ("uV_per_sample_unit", float("nan"), "uV_per_sample_unit is nan, it must be finite"),
        ("duration_frames", 0, "duration_frames is 0, it must be at least 1"),
        ("read_timeout_seconds", -1.0, "read_timeout_seconds is -1.0, it must be above 0"),
        ("read_timeout_seconds", 1e12, "read_timeout_seconds is 1000000000000.0, it must be at most"),
        ("start_timestamp", -1, "start_timestamp is -1, it must be at least 0"),
        ("start_timestamp", 2**61, f"start_timestamp is {2**61}, it must be at most {2**53}"),
    ],
)
def test_metadata_values(field: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SimulatorDataSourceMetadata(**{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("channel_count", "64"),
        ("channel_count", True),
        ("start_timestamp", 1.5),
        ("duration_frames", 2.0),
        ("uV_per_sample_unit", "0.195"),
        ("seekable", 1),
        ("realtime_only", None),
        ("supports_accelerated", "no"),
        ("reactive", 0),
        ("detect_spikes", "yes"),
    ],
)
def test_metadata_types(field: str, value: object) -> None:
    with pytest.raises(TypeError, match=field):
        SimulatorDataSourceMetadata(**{field: value})  # type: ignore[arg-type]


def test_a_spike() -> None:
    spike = DataSourceSpike(np.int64(10), np.uint8(3), list(range(75)), 2)  # type: ignore[arg-type]
    assert (spike.timestamp, spike.channel, spike.channel_mean_sample) == (10, 3, 2.0)
    assert type(spike.timestamp) is int
    assert spike.samples is not None
    assert spike.samples.dtype == np.float32
    assert spike.samples.tolist() == list(range(75))
    assert spike == DataSourceSpike(10, 3)
    assert hash(spike) == hash(DataSourceSpike(10, 3))
    assert spike != DataSourceSpike(10, 4)
    assert pickle.loads(pickle.dumps(spike)) == spike  # noqa: S301


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((1.5, 3), TypeError, "timestamp is 1.5"),
        ((True, 3), TypeError, "timestamp is True"),
        ((1, "3"), TypeError, "channel is '3'"),
        ((1, -1), ValueError, "channel is -1, it must be at least 0"),
        ((1, 64), ValueError, "channel is 64, it must be at most 63"),
        ((1, 3, [0.0] * 74), ValueError, r"samples have the shape \(74,\), it must be \(75,\)"),
        ((1, 3, [float("nan")] * 75), ValueError, "samples must be finite"),
        ((1, 3, "wave"), TypeError, "samples must be 75 numbers"),
        ((1, 3, None, float("inf")), ValueError, "channel_mean_sample is inf"),
        ((1, 3, None, "0"), TypeError, "channel_mean_sample"),
    ],
)
def test_a_spike_that_cannot_be(arguments: tuple[object, ...], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        DataSourceSpike(*arguments)  # type: ignore[arg-type]


def test_a_stim() -> None:
    stim = DataSourceStim(100, 8, 95, (160, 160), (-1.0, 1.0))
    assert stim.duration_us == 320
    assert stim.stim_design == cl.StimDesign(160, -1.0, 160, 1.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        stim.timestamp = 3  # type: ignore[misc]


def test_a_batch_is_empty_by_default() -> None:
    assert DataSourceBatch().frames is None
    assert list(DataSourceBatch().spikes) == []


def test_what_must_be_written() -> None:
    with pytest.raises(TypeError, match="abstract"):
        SimulatorDataSource()  # type: ignore[abstract]
    with pytest.raises(TypeError, match=r"abstract.*start"):
        LiveSimulatorDataSource()  # type: ignore[abstract]
    source = Silent()
    source.open()
    source.close()


def test_on_stims_gives_them_one_by_one() -> None:
    class Listener(Silent):
        def __init__(self) -> None:
            self.heard: list[DataSourceStim] = []

        def on_stim(self, stim: DataSourceStim) -> None:
            self.heard.append(stim)

    stims = [DataSourceStim(5, channel, 5, (160,), (1.0,)) for channel in (1, 2)]
    source = Listener()
    source.on_stims(stims)
    assert source.heard == stims


def test_who_reacts() -> None:
    class One(Silent):
        def on_stim(self, stim: DataSourceStim) -> None: ...

    class All(Silent):
        def on_stims(self, stims: object) -> None: ...

    class Late(Silent):
        def __init__(self) -> None:
            self.on_stim = print  # type: ignore[assignment]

    assert [listens(source) for source in (Silent(), One(), All(), Late())] == [False, True, True, True]
    assert reacts(One(), SimulatorDataSourceMetadata())
    assert not reacts(One(), SimulatorDataSourceMetadata(reactive=False))
    assert reacts(Silent(), SimulatorDataSourceMetadata(reactive=True))


def test_live_limits() -> None:
    class Live(LiveSimulatorDataSource):
        def start(self, sink: object) -> None: ...

    class Careless(Live):
        def __init__(self) -> None: ...

    assert (Live().max_buffer_frames, Live().read_timeout_seconds, Live().supports_accelerated) == (
        25_000,
        30.0,
        False,
    )
    careless = Careless()
    assert (careless.max_buffer_frames, careless.read_timeout_seconds) == (25_000, 30.0)
    assert Live(read_timeout_seconds=None).read_timeout_seconds is None
    assert Live().metadata.start_timestamp == 0
    with pytest.raises(ValueError, match="max_buffer_frames is 0, it must be at least 1"):
        Live(max_buffer_frames=0)
    with pytest.raises(ValueError, match="read_timeout_seconds is 0, it must be above 0"):
        Live(read_timeout_seconds=0)
    with pytest.raises(TypeError, match="supports_accelerated is 1"):
        Live(supports_accelerated=1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not read"):
        Live().read(0, 25)
