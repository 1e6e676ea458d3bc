"""A test's simulator is what the test says, whatever is around it."""

from __future__ import annotations

import inspect
import os
import re
from pathlib import Path
from typing import Any

import pytest

import cl
import cl._core.settings
import cl.sim
from cl._core.variables import VARIABLES
from cl.sim.user.registry import registry
from cl.testing import ScriptedSource, Simulator


def spikes_of(neurons: cl.Neurons, frames: int = 25_000) -> list[cl.Spike]:
    return neurons.read(frames, analysis=True).spikes


def test_it_is_seeded_and_in_accelerated_time() -> None:
    runs = []
    for seed in (3, 3, 4):
        with Simulator(seed) as neurons:
            assert neurons.timestamp() == 0
            assert not neurons._engine.time.comes()
            runs.append(spikes_of(neurons))
    assert runs[0] == runs[1] != runs[2]


def test_nothing_around_it_changes_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with Simulator(3) as neurons:
        expected = spikes_of(neurons)
    monkeypatch.setenv("CL_SDK_RANDOM_SEED", "99")
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", "0")
    monkeypatch.setenv("CL_SDK_WEBSOCKET", "1")
    monkeypatch.setenv("CL_DEVICE", "unix:/nowhere")
    Path(".env").write_text("CL_SDK_SAMPLE_MEAN=10\nCL_SDK_DATA_SOURCE=no.such:thing\n")
    before = dict(os.environ)
    with Simulator(3) as neurons:
        assert dict(os.environ) == before, "it has been put back once the device is open"
        assert spikes_of(neurons) == expected
    assert dict(os.environ) == before


def test_a_source_that_is_set_is_put_back() -> None:
    cl.sim.set_simulator_data_source(ScriptedSource)
    try:
        before = registry.current
        with Simulator(spikes=[(7, 8)]) as neurons:
            assert spikes_of(neurons, 100) == [cl.Spike(7, 8)]
        with Simulator(3) as neurons:
            assert len(spikes_of(neurons)) > 30
        assert registry.current is before
    finally:
        cl.sim.clear_simulator_data_source()


def test_it_knows_every_variable() -> None:
    source = inspect.getsource(cl._core.settings)
    assert set(VARIABLES) == set(re.findall(r'read\("(CL_\w+)"', source))


def test_wall_clock_time_and_other_variables() -> None:
    with Simulator(accelerated=False, environment={"CL_SDK_JITTER_DETECTION": "1"}) as neurons:
        assert neurons._engine.time.comes()
        assert neurons._engine.device.info.detects_jitter


def test_a_source_of_ones_own() -> None:
    def make(spikes: Any) -> ScriptedSource:
        return ScriptedSource(spikes)

    with Simulator(source=make, config={"spikes": [[5, 9]]}) as neurons:
        assert spikes_of(neurons, 100) == [cl.Spike(5, 9)]
    with Simulator(source="cl.sim.culture:create", config={"size": 100}) as neurons:
        neurons.read(100)


def test_a_recording_is_played_from_its_start(tmp_path: Path) -> None:
    with Simulator(5) as neurons:
        neurons.read(1_000)
        recording = neurons.record(file_location=str(tmp_path), stop_after_frames=5_000)
        frames = neurons.read(5_000)
        recording.stop()
    for start in (0, 1_234):
        with Simulator(replay=recording.file["path"], replay_start_offset=start) as neurons:
            assert (neurons.read(1_000) == frames[start : start + 1_000]).all()


@pytest.mark.anyio
async def test_it_opens_in_async_programs_too() -> None:
    async with Simulator(spikes=[(30, 3), (40, 4)]) as neurons:
        async with neurons.spikes() as stream:
            assert [await anext(stream), await anext(stream)] == [cl.Spike(30, 3), cl.Spike(40, 4)]
        with pytest.raises(RuntimeError, match="a device is open already"):
            await Simulator().__aenter__()


def test_it_is_a_device_of_its_own() -> None:
    with Simulator() as neurons:
        with pytest.raises(RuntimeError, match="a device is open already"):
            Simulator().__enter__()
        with cl.open() as inside:
            assert inside is neurons


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"spikes": [], "replay": "a.h5"}, "spikes and replay: only one of them"),
        ({"source": "a:b", "replay": "a.h5"}, "source and replay: only one"),
        ({"environment": {"CL_SDK_RANDOM_SEEED": "1"}}, "CL_SDK_RANDOM_SEEED is no variable"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Simulator(**options)


def test_what_cannot_be_opened_leaves_nothing_behind() -> None:
    before = dict(os.environ)
    with pytest.raises(ValueError, match="nowhere.h5"), Simulator(replay="nowhere.h5"):
        pass
    with pytest.raises(ValueError, match="out of range"), Simulator(spikes=[(1, 64)]):
        pass
    assert dict(os.environ) == before
    assert registry.current is None
