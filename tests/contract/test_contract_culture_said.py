"""What is said of the culture in the dish: at the open, in recordings, on pages, in exports."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from extras import need_extra

import cl
from cl.sim import Simulator
from cl.visualisation.server.player import Player, Recorded
from cl.visualisation.server.source import LiveSource
from cl.visualisation.server.status_provider import StatusProvider

SAID: dict[str, Any] = {
    "species": "Rattus norvegicus",
    "cell_line": "primary cortical",
    "plating_date": datetime.date(2026, 1, 2),
    "chip": "C-0417",
    "passage": 4,
    "more": {"pH": 7.4, "notes": ["<b>clear</b>", None]},
}
KEPT = {**SAID, "plating_date": "2026-01-02"}
TOML = """
species = "Rattus norvegicus"
cell_line = "primary cortical"
plating_date = 2026-01-02
chip = "C-0417"
passage = 4
more = {pH = 7.4, notes = ["<b>clear</b>"]}
"""
accelerated = pytest.mark.usefixtures("accelerated")


def recorded(neurons: cl.Neurons) -> str:
    recording = neurons.record(stop_after_frames=100, new_file_every_seconds=1)
    recording.wait_until_stopped()
    return recording.file["path"]


@accelerated
def test_it_is_in_every_recording_and_on_pages(tmp_path: Path) -> None:
    with cl.open(culture=SAID) as neurons:
        assert neurons.culture == KEPT
        page = LiveSource(neurons._engine, StatusProvider())
        assert page.describe()["culture"] == KEPT
        with cl.open(), cl.open(culture=SAID):
            path = recorded(neurons)
        with pytest.raises(RuntimeError, match="open already, with the culture"), cl.open(culture={"a": 1}):
            pass
    with cl.RecordingView(path) as view:
        assert view.attributes["culture"] == KEPT
        assert view.file.root._v_attrs.culture == KEPT  # PyTables
    shown = Recorded(path)
    assert Player(shown).describe()["culture"] == KEPT
    shown.view.close()
    with cl.open() as neurons:
        assert neurons.culture is None
        path = recorded(neurons)
    with cl.RecordingView(path) as view:
        assert "culture" not in view.attributes


@accelerated
def test_the_environment_says_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_CULTURE", "culture.toml")
    (tmp_path / "culture.toml").write_text(TOML)
    expected = {**KEPT, "more": {"pH": 7.4, "notes": ["<b>clear</b>"]}}
    with cl.open() as neurons, cl.open(device=Simulator(accelerated=True)) as other:
        assert neurons.culture == other.culture == expected
    with cl.open(culture={}) as neurons:
        assert neurons.culture == {}

    async def main() -> None:
        async with cl.aopen(culture={"species": "Homo sapiens"}) as neurons:
            assert neurons.culture == {"species": "Homo sapiens"}

    anyio.run(main)
    for text, match in (
        ("species = 5", "species must be a text, not 5"),
        ("species", "who lies in the dish: "),
        ("a = inf", "a must be finite"),
        ("plating_date = 'soon'", "a date as 2026-11-30, not 'soon'"),
    ):
        (tmp_path / "culture.toml").write_text(text)
        with pytest.raises(ValueError, match=match) as caught, cl.open():
            pass
        assert "CL_CULTURE='culture.toml'" in str(caught.value)
    monkeypatch.setenv("CL_CULTURE", "gone.toml")
    with (
        pytest.raises(ValueError, match="CL_CULTURE='gone.toml': it takes a TOML file .*No such file"),
        cl.open(),
    ):
        pass


@pytest.mark.parametrize(
    ("bad", "error", "match"),
    [
        ("rat", TypeError, "must be a mapping"),
        ({5: 1}, TypeError, "a name must be a text"),
        ({"a": object()}, TypeError, "culture: a must be a number"),
        ({"chip": 4}, TypeError, "chip must be a text, not 4"),
        ({"plating_date": "2026-13-01"}, ValueError, "plating_date"),
        ({"a": "x" * 70_000}, ValueError, "at most 65536"),
    ],
)
def test_bad_ones_open_nothing(bad: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        cl.open(culture=bad)


@pytest.fixture
def device() -> Iterator[str]:
    from cl.hw.emulator import EmulatorProcess

    with EmulatorProcess("--liveness-ms", "1000") as emulator:
        yield emulator.address


@pytest.mark.skipif(not hasattr(__import__("os"), "eventfd"), reason="devices need Linux")
def test_on_a_device(device: str) -> None:
    with cl.open(device=device, culture=SAID) as neurons:
        path = recorded(neurons)
    with cl.RecordingView(path) as view:
        assert view.attributes["culture"] == KEPT


@accelerated
def test_it_is_the_subject_of_nwb(tmp_path: Path) -> None:
    need_extra("nwb", "pynwb")
    import pynwb

    from cl.interop import nwb

    with cl.open(culture=SAID) as neurons:
        path = recorded(neurons)
    with cl.RecordingView(path) as view:
        made = datetime.datetime.fromisoformat(view.attributes["created_utc"]).date()
    days = (made - datetime.date(2026, 1, 2)).days
    for given, species in (({}, "Rattus norvegicus"), ({"species": "Homo sapiens"}, "Homo sapiens")):
        out = nwb.export(path, tmp_path / f"{species}.nwb", subject=given or None)
        with pynwb.NWBHDF5IO(out, "r") as io:
            subject = io.read().subject
            assert (subject.subject_id, subject.species) == ("C-0417", species)
            assert (subject.strain, subject.age) == ("primary cortical", f"P{days}D")
            assert "passage: 4" in subject.description
