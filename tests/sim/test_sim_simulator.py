"""The simulator as a value: what it takes, what it says of itself, and what comes before what."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import cl
from cl._core.settings import Settings
from cl._core.virtual_time import VirtualTime
from cl.sim import (
    Simulator,
    SimulatorDataSource,
    SimulatorDataSourceMetadata,
    clear_simulator_data_source,
    set_simulator_data_source,
)
from cl.sim.simulator import registration_of, settings_of
from cl.testing import ScriptedSource

CULTURE = "cl.sim.culture:create"


class Clock(VirtualTime):
    """A virtual time that is easily told."""

    def __repr__(self) -> str:
        return "a clock"


class Played(ScriptedSource):
    """A spike at each of the configured frames, on channel 9."""

    def __init__(self, frames: Any = ()) -> None:
        super().__init__([(frame, 9) for frame in frames])


def scripted(*, frames: Any) -> SimulatorDataSource:
    return ScriptedSource([(frame, 8) for frame in frames])


def makes_nothing() -> None:
    """Is in a module of sources, and makes none."""


@pytest.fixture(autouse=True)
def _no_source() -> Iterator[None]:
    yield
    clear_simulator_data_source()


def spikes_of(device: Simulator, frames: int = 2_000) -> list[tuple[int, int]]:
    with cl.open(device=device) as neurons:
        return [(spike.timestamp, spike.channel) for spike in neurons.read(frames, analysis=True).spikes]


# -- the value --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"seed": -1}, ValueError, "seed must be at least 0, not -1"),
        ({"seed": 1.0}, TypeError, r"seed must be an integer, not 1\.0 \(a float\)"),
        ({"seed": True}, TypeError, "seed must be an integer, not the bool True"),
        ({"sample_mean": 10_001}, ValueError, "sample_mean must be from 0 to 10000, not 10001"),
        ({"sample_mean": float("nan")}, ValueError, "sample_mean must be from 0 to 10000, not nan"),
        ({"sample_mean": "170"}, TypeError, r"sample_mean must be a real number, not '170' \(a str\)"),
        ({"spike_percentile": 100.1}, ValueError, r"spike_percentile must be from 0 to 100, not 100\.1"),
        ({"accelerated": "1"}, TypeError, r"accelerated must be True or False, not '1' \(a str\)"),
        ({"accelerated": 2}, ValueError, "accelerated must be True or False, not 2"),
        ({"visualisation_host": ""}, ValueError, "visualisation_host must not be empty"),
        ({"visualisation_host": 5}, TypeError, r"visualisation_host must be a text, not 5 \(an int\)"),
        ({"replay_path": b"a.h5"}, TypeError, "replay_path must be a text"),
        ({"replay_start_offset": -1}, ValueError, "replay_start_offset must be at least 0, not -1"),
        ({"channel_queue_limit": 0}, ValueError, "channel_queue_limit must be at least 1, not 0"),
        ({"sync_limit": 0.5}, TypeError, "sync_limit must be an integer"),
        ({"deferred_interrupt_limit": -3}, ValueError, "deferred_interrupt_limit must be at least 1, not -3"),
        ({"source": 5}, TypeError, "source is 5, it must be a callable"),
        ({"source": "nonsense"}, ValueError, "source is 'nonsense', it must be \"module:attribute\""),
        ({"source": Played, "config": {"a": {1}}}, TypeError, "config must be what JSON can hold"),
        ({"config": object()}, TypeError, "config is <object .*it must map the names"),
        ({"metadata": {"speed": 5}}, ValueError, "metadata has 'speed', it takes channel_count"),
        ({"source": "random", "config": {}}, ValueError, r"config is \{\}: the random source takes none"),
        ({"replay_path": "a.h5", "config": {"a": 1}}, ValueError, "config is {'a': 1}: a replay takes none"),
        ({"time": Clock(), "accelerated": False}, ValueError, "accelerated=False with time=a clock"),
        ({"time": 5}, TypeError, r"time must be a cl\.VirtualTime, not 5 \(an int\)"),
        ({"name": 5}, TypeError, "name must be a text"),
    ],
)
def test_a_bad_argument_is_named_with_its_value_and_limit(
    arguments: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        Simulator(**arguments)


def test_it_cannot_be_changed_and_says_what_it_was_given() -> None:
    config = {"size": 100}
    simulator = Simulator("a:b", config=config, seed=np.int64(3), accelerated=np.bool_(True), name="left")
    config["size"] = 50
    assert repr(simulator) == (
        "Simulator(source='a:b', config={'size': 100}, seed=3, accelerated=True, name='left')"
    )
    assert repr(Simulator()) == "Simulator()"
    with pytest.raises(dataclasses.FrozenInstanceError):
        simulator.seed = 4  # type: ignore[misc]


def test_two_values_are_two_dishes_however_alike() -> None:
    one, other = Simulator(seed=1), Simulator(seed=1)
    copies = [copy.copy(one), pickle.loads(pickle.dumps(one)), dataclasses.replace(one)]  # noqa: S301
    everyone = [one, other, *copies]
    assert len(set(everyone)) == 5
    assert [one == another for another in everyone] == [True, False, False, False, False]
    assert {repr(each) for each in everyone} == {"Simulator(seed=1)"}
    orders = [each._order for each in everyone]
    assert orders == sorted(set(orders)), "they are counted in the order in which they were made"


def test_it_is_pickled_where_its_parts_can_be() -> None:
    simulator = Simulator(
        Played, config={"frames": [1]}, metadata={"seekable": False}, sample_mean=2, name="left"
    )
    assert repr(pickle.loads(pickle.dumps(simulator))) == repr(simulator)  # noqa: S301
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(Simulator(lambda: Played()))


# -- what comes before what -------------------------------------------------------------------


def test_what_is_not_given_is_as_the_environment_says() -> None:
    environment = Settings(
        random_seed=5, sample_mean=3.0, accelerated=True, device="unix:/x", data_source=CULTURE
    )
    found = settings_of(Simulator(), environment)
    assert found == dataclasses.replace(environment, device=None), (
        "a simulator is one, whatever CL_DEVICE says"
    )
    found = settings_of(Simulator(seed=6, accelerated=False), environment)
    assert (found.random_seed, found.accelerated, found.sample_mean) == (6, False, 3.0)
    assert settings_of(Simulator(time=Clock()), Settings()).accelerated


def test_what_shares_a_time_stays_in_its_process() -> None:
    shared = Simulator(time=Clock())
    assert copy.copy(shared).time is dataclasses.replace(shared, seed=3).time is shared.time
    with pytest.raises(TypeError, match="belongs to its process"):
        pickle.dumps(shared)


@pytest.mark.usefixtures("accelerated")
def test_a_source_comes_before_a_replay_and_that_before_the_environments(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with cl.open(device=Simulator(scripted, config={"frames": [100]})) as neurons:
        recording = neurons.record(file_location=str(tmp_path), stop_after_frames=1_000)
        recording.wait_until_stopped()
    path = recording.file["path"]
    given = Simulator(Played, config={"frames": [3]})
    replay = Simulator(replay_path=Path(path), replay_start_offset=0)
    assert spikes_of(replay, 1_000) == [(100, 8)]
    assert spikes_of(Simulator(Played, config={"frames": [3]}, replay_path="nowhere.h5")) == [(3, 9)]
    random = spikes_of(Simulator())
    assert len(random) > 3

    monkeypatch.setenv("CL_SDK_REPLAY_PATH", path)
    monkeypatch.setenv("CL_SDK_REPLAY_START_OFFSET", "0")
    assert spikes_of(Simulator(), 1_000) == [(100, 8)]
    assert spikes_of(given) == [(3, 9)]
    assert spikes_of(Simulator("random")) == random

    set_simulator_data_source(Played, {"frames": [7]})
    assert spikes_of(Simulator()) == [(7, 9)], "what is set is what the environment says"
    assert spikes_of(Simulator(config={"frames": [8]})) == [(8, 9)], "and takes another config"
    assert spikes_of(given) == [(3, 9)]
    assert spikes_of(replay, 1_000) == [(100, 8)]
    assert spikes_of(Simulator("random")) == random


@pytest.mark.usefixtures("accelerated")
def test_a_source_goes_with_its_own_config_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_DATA_SOURCE", f"{__name__}:Played")
    monkeypatch.setenv("CL_SDK_DATA_SOURCE_CONFIG", '{"frames": [5]}')
    assert spikes_of(Simulator()) == [(5, 9)]
    assert spikes_of(Simulator(config={"frames": [6]})) == [(6, 9)]
    assert spikes_of(Simulator(Played)) == []


@pytest.mark.parametrize("arguments", [{"config": {"frames": [1]}}, {"metadata": {"seekable": False}}])
def test_a_config_without_a_source_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="but no source that takes it is given, set or named"):
        cl.open(device=Simulator(**arguments)).__enter__()


@pytest.mark.parametrize(
    ("simulator", "error", "text"),
    [
        (Simulator(replay_path="nowhere.h5"), ValueError, "^replay_path='nowhere.h5' cannot be replayed"),
        (Simulator("no.such:thing"), ValueError, "source is 'no.such:thing', which cannot be imported"),
        (Simulator(makes_nothing), TypeError, "the factory returned NoneType None"),
        (
            Simulator(scripted, metadata={"realtime_only": True}, accelerated=True, config={"frames": []}),
            ValueError,
            r"^data source 'scripted' does not support accelerated time \(accelerated=1\)",
        ),
    ],
)
def test_what_cannot_be_opened_says_which_argument(
    simulator: Simulator, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        cl.open(device=simulator).__enter__()


def test_a_culture_takes_the_simulators_seed() -> None:
    def runs(**more: Any) -> list[tuple[int, int]]:
        return spikes_of(Simulator(accelerated=True, **more))

    config = {"size": 100}
    third = runs(source=CULTURE, config={**config, "seed": 3}, seed=9)
    assert third == runs(source=CULTURE, config=config, seed=3)
    assert third == runs(source=lambda: cl.sim.culture.create(**config), seed=3), (
        "within another factory, too"
    )
    assert third != runs(source=CULTURE, config=config)


# -- what it says of its run ------------------------------------------------------------------


def simulation_of(simulator: Simulator) -> dict[str, Any]:
    with cl.open(device=simulator) as neurons:
        found = neurons.simulation
        assert found is not None
        neurons.simulation["seed"] = "another"  # type: ignore[index]
        assert neurons.simulation == found, "what is given away is a copy"
    return found


def test_the_description_of_a_run_is_whole_and_plain() -> None:
    found = simulation_of(Simulator(seed=3, accelerated=True, sample_mean=100, sync_limit=7))
    assert found == {
        "source": "random",
        "config": None,
        "seed": 3,
        "replay_start_offset": None,
        "version": cl.__version__,
        "settings": {
            "accelerated": True,
            "sample_mean": 100.0,
            "spike_percentile": 99.995,
            "spike_visibility": False,
            "detect_spikes": False,
            "jitter_detection": False,
            "channel_queue_limit": 65_536,
            "sync_limit": 7,
            "deferred_interrupt_limit": 1024,
            "metadata": None,
        },
    }


@pytest.mark.parametrize(
    ("simulator", "source", "seed"),
    [
        (Simulator(Played, config={"frames": [3]}), f"{__name__}:Played", None),
        (Simulator(Played, config={"frames": [3]}, seed=4), f"{__name__}:Played", 4),
        (Simulator(CULTURE, config={"size": 100}), CULTURE, 0),
        (Simulator(CULTURE, config={"size": 100}, seed=4), CULTURE, 4),
        (Simulator(lambda: Played([3])), f"<{__name__}:<lambda>>", None),
    ],
)
def test_the_description_names_source_and_seed(simulator: Simulator, source: str, seed: int | None) -> None:
    found = simulation_of(dataclasses.replace(simulator, accelerated=True))
    assert (found["source"], found["seed"]) == (source, seed)
    assert found["config"] == simulator.config


def test_metadata_are_told_as_fields() -> None:
    run = simulation_of(Simulator(Played, accelerated=True, metadata={"start_timestamp": 5}))
    assert run["settings"]["metadata"] == {"start_timestamp": 5}
    metadata = SimulatorDataSourceMetadata(start_timestamp=5)
    run = simulation_of(Simulator(lambda: Played(), accelerated=True, metadata=metadata))
    assert run["settings"]["metadata"] == dataclasses.asdict(metadata)


# -- making a run again -----------------------------------------------------------------------


def recorded(simulator: Simulator, folder: Path) -> tuple[str, list[tuple[int, int]], bytes]:
    """Return a recording of a simulator's first frames that says how it was made, its spikes and frames."""
    with cl.open(device=simulator) as neurons:
        recording = neurons.record(file_location=str(folder), stop_after_frames=1_500)
        spikes = neurons.read(1_500, 0, analysis=True).spikes
        frames = neurons.read(1_500, 0)
        recording.wait_until_stopped()
        say_how(recording.file["path"], neurons.simulation)
    return recording.file["path"], [(spike.timestamp, spike.channel) for spike in spikes], frames.tobytes()


def say_how(path: str, run: Any) -> None:
    with h5py.File(path, "r+") as file:
        if "simulation" not in file.attrs:
            file.attrs["simulation"] = np.bytes_(pickle.dumps(run, 0))


def retell(path: str, **changed: Any) -> None:
    """Change what a recording says of how it was made."""
    with cl.RecordingView(path) as view:
        run = {**view.attributes["simulation"], **changed}
    with h5py.File(path, "r+") as file:
        del file.attrs["simulation"]
        file.attrs["simulation"] = np.bytes_(pickle.dumps(run, 0))


@pytest.mark.parametrize(
    "simulator",
    [
        Simulator(accelerated=True),
        Simulator(accelerated=True, seed=4, sample_mean=50, spike_percentile=99.9, spike_visibility=True),
        Simulator(CULTURE, accelerated=True, config={"size": 100}),
        Simulator(CULTURE, accelerated=True, config={"size": 100}, seed=4, detect_spikes=True),
        Simulator(Played, accelerated=True, config={"frames": [4, 8]}, metadata={"start_timestamp": 0}),
        Simulator(
            scripted, accelerated=True, config={"frames": [4, 8]}, metadata=SimulatorDataSourceMetadata()
        ),
    ],
    ids=["drawn", "random", "culture", "culture and detector", "class", "function"],
)
def test_the_run_of_a_recording_is_made_again(
    simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, spikes, frames = recorded(simulator, tmp_path)
    monkeypatch.setenv("CL_SDK_RANDOM_SEED", "99")
    monkeypatch.setenv("CL_SDK_REPLAY_PATH", "nowhere.h5")
    monkeypatch.setenv("CL_SDK_SAMPLE_MEAN", "5")
    set_simulator_data_source("no.such:thing")
    again, other_spikes, other_frames = recorded(Simulator.from_recording(path), tmp_path)
    assert (other_spikes, other_frames) == (spikes, frames)
    assert recorded(Simulator.from_recording(again), tmp_path)[1:] == (spikes, frames)


def test_the_run_of_a_replay_is_made_again_where_the_file_is(tmp_path: Path) -> None:
    original, *_ = recorded(Simulator(accelerated=True), tmp_path)
    Path(original).rename(tmp_path / "baseline.h5")
    folder = tmp_path / "runs"
    folder.mkdir()
    path, *run = recorded(Simulator(accelerated=True, replay_path=tmp_path / "baseline.h5"), folder)
    with cl.RecordingView(path) as view:
        told = view.attributes["simulation"]
    assert told["source"] == "replay:baseline.h5" and str(tmp_path) not in repr(told)
    assert told["seed"] is not None and 0 <= told["replay_start_offset"] < 1_500
    assert recorded(Simulator.from_recording(path), folder)[1:] == tuple(run), "the working directory"
    (tmp_path / "baseline.h5").rename(folder / "baseline.h5")
    assert recorded(Simulator.from_recording(path), folder)[1:] == tuple(run), "beside the recording"
    moved = (folder / "baseline.h5").rename(tmp_path / "moved.h5")
    with pytest.raises(FileNotFoundError, match=r"replay of baseline\.h5, which is neither .*replay_path="):
        Simulator.from_recording(path)
    assert recorded(Simulator.from_recording(path, replay_path=moved), folder)[1:] == tuple(run)


def test_a_run_without_a_seed_is_made_again_by_the_seed_that_was_drawn(tmp_path: Path) -> None:
    path, *run = recorded(Simulator(accelerated=True), tmp_path)
    with cl.RecordingView(path) as view:
        seed = view.attributes["simulation"]["seed"]
    assert recorded(Simulator(accelerated=True, seed=seed), tmp_path)[1:] == tuple(run)


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"source": f"<{__name__}:<lambda>>"}, 'it must be "module:attribute" or .*: give it, source='),
        ({"source": "no.such:thing"}, "which cannot be imported: .*: give it, source="),
        ({"source": "os:system"}, "is 'os:system', which is neither a data source nor of a module that"),
        ({"source": "subprocess:Popen"}, "is 'subprocess:Popen', which is neither"),
        ({"source": "builtins:eval"}, "is 'builtins:eval', which is neither"),
        ({"source": "replay:../secret.h5"}, r"called '\.\./secret\.h5', which is no file name"),
        ({"source": 5}, "its attribute 'simulation' is"),
        ({"settings": 5}, "its attribute 'simulation' is"),
        ({"seed": -5}, "seed must be at least 0, not -5"),
    ],
)
def test_a_file_does_not_choose_what_is_run(tmp_path: Path, changed: dict[str, Any], text: str) -> None:
    path, *_ = recorded(Simulator("random", seed=1, accelerated=True), tmp_path)
    retell(path, **changed)
    with pytest.raises(ValueError, match=text):
        Simulator.from_recording(path)


def test_a_source_can_be_given_where_it_has_no_name(tmp_path: Path) -> None:
    def make() -> SimulatorDataSource:
        return Played([17])

    path, *run = recorded(Simulator(make, accelerated=True), tmp_path)
    with pytest.raises(ValueError, match="give it, source="):
        Simulator.from_recording(path)
    assert recorded(Simulator.from_recording(path, source=make), tmp_path)[1:] == tuple(run)


def test_a_recording_that_does_not_say_how_it_was_made(tmp_path: Path) -> None:
    path, *_ = recorded(Simulator("random", seed=1, accelerated=True), tmp_path)
    with h5py.File(path, "r+") as file:
        del file.attrs["simulation"]
    with pytest.raises(ValueError, match="does not say how its run was made"):
        Simulator.from_recording(path)
    with pytest.raises(FileNotFoundError):
        Simulator.from_recording(tmp_path / "nothing.h5")


def test_another_version_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, *_ = recorded(Simulator("random", seed=1, accelerated=True), tmp_path)
    retell(path, version="99.0")
    Simulator.from_recording(path)
    assert "was recorded by version 99.0" in caplog.text


def test_a_factory_is_named_only_by_what_leads_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def named(factory: Callable[..., Any]) -> str:
        found = registration_of(Simulator(factory), None)
        assert found is not None
        return found.path

    assert named(scripted) == f"{__name__}:scripted"
    before = scripted
    monkeypatch.setattr(sys.modules[__name__], "scripted", Played)
    assert named(before) == f"<{__name__}:scripted>", "another one has its name"
