"""Every recording of a simulator says how its run was made, whatever it plays (contract, section 11)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_tools import InStart
from source_tools import Source

import cl

pytestmark = pytest.mark.usefixtures("accelerated")
CONFIG = {"size": 50}


@pytest.fixture(autouse=True)
def _no_source_stays() -> Iterator[None]:
    yield
    cl.sim.clear_simulator_data_source()


def made() -> cl.sim.SimulatorDataSource:
    return Source()


SET = {
    "class": ((Source, {"start_timestamp": 70}), "source_tools:Source"),
    "function": ((made,), f"{__name__}:made"),
    "lambda": ((lambda: Source(),), f"<{__name__}:<lambda>>"),
    "live": ((InStart,), "live_tools:InStart"),
    "path": (("cl.sim.culture.create", CONFIG), "cl.sim.culture:create"),
}


def recorded(seed: str | None, monkeypatch: pytest.MonkeyPatch) -> tuple[str, dict[str, Any]]:
    """Record, and return the file and what it says of its run."""
    if seed is None:
        monkeypatch.delenv("CL_SDK_RANDOM_SEED", raising=False)
    else:
        monkeypatch.setenv("CL_SDK_RANDOM_SEED", seed)
    with cl.open() as neurons:
        recording = neurons.record(stop_after_frames=200)
        recording.wait_until_stopped()
        told = recording.attributes["simulation"]
        assert told == neurons.simulation
    with recording.open() as view:
        assert view.attributes["simulation"] == told
    assert told["version"] == cl.__version__
    assert str(Path(recording.file["path"]).parent) not in repr(told), "no paths of the host"
    return recording.file["path"], told


@pytest.mark.parametrize("seed", [None, "7"])
@pytest.mark.parametrize("kind", SET)
def test_a_source_that_is_set(kind: str, seed: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments, path = SET[kind]
    cl.sim.set_simulator_data_source(*arguments)
    _, told = recorded(seed, monkeypatch)
    config = arguments[1] if len(arguments) > 1 else None
    assert (told["source"], told["config"]) == (path, config)
    # Only the culture asks for one; it has 0 where none is given.
    assert told["seed"] == (None if seed is None and kind != "path" else int(seed or 0))


@pytest.mark.parametrize("seed", [None, "7"])
def test_the_sources_of_the_package_draw_their_seeds_and_say_so(
    seed: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, told = recorded(seed, monkeypatch)
    assert (told["source"], told["config"], told["seed"]) == ("random", None, drawn(seed, capsys))
    monkeypatch.setenv("CL_SDK_REPLAY_PATH", path)
    _, told = recorded(seed, monkeypatch)
    assert (told["source"], told["seed"]) == (f"replay:{Path(path).name}", drawn(seed, capsys))
    assert 0 <= told["replay_start_offset"] < 200


def drawn(seed: str | None, capsys: pytest.CaptureFixture[str]) -> int:
    """Return the seed that was given, or the one that was drawn as it is told on stderr."""
    told = re.findall(
        r"^cl: CL_SDK_RANDOM_SEED=(\d+) repeats this run$", capsys.readouterr().err, re.MULTILINE
    )
    assert len(told) == (seed is None)
    return int(told[0] if seed is None else seed)
