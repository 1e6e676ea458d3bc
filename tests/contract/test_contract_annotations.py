"""Remarks: in every recording that runs, in playback, in exports; on a device as on the simulator."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from extras import need_extra

import cl
from cl.analysis import open_many
from cl.interop import tables
from cl.sim import Simulator
from cl.visualisation.server.player import Player, Recorded

NOTES: list[tuple[int, str, dict[str, Any]]] = [
    (0, "medium changed", {"by": "Ada", "ml": 0.5}),
    (30_000, "<b>a</b> bubble", {}),
    (30_000, "gone", {"channels": [8, 9]}),
]


def record(neurons: cl.Neurons) -> list[str]:
    """Annotate while two recordings run, one of them in several files; return their paths."""
    one = neurons.record("one")
    several = neurons.record("several", new_file_every_seconds=1)
    begin = one.start_timestamp
    for at, text, fields in NOTES:
        neurons.read(at - (neurons.timestamp() - begin)) if at > neurons.timestamp() - begin else None
        assert neurons.annotate(text, **fields) >= begin + at
    neurons.read(30_000)
    one.stop()
    several.stop()
    return [one.file["path"], *(file["path"] for file in several.files)]


def test_they_are_in_every_recording(tmp_path: Path) -> None:
    with cl.open(device=Simulator(seed=1, accelerated=True)) as neurons:
        neurons.annotate("nothing is recorded")
        neurons.read(100)
        path, *parts = record(neurons)
        assert neurons.annotation_url is None
    with cl.RecordingView(path) as view:
        assert [tuple(note) for note in view.annotations] == NOTES
    found = []
    for part in parts:
        with cl.RecordingView(part) as view:
            found += [(part, note.timestamp, note.text) for note in view.annotations]
    assert found == [
        (parts[0], 0, "medium changed"),
        (parts[1], 5_000, NOTES[1][1]),
        (parts[1], 5_000, "gone"),
    ]
    shown = Recorded(path)
    start = shown.start
    assert Player(shown).annotations(1) == ([[start + at, text, fields] for at, text, fields in NOTES[1:]], 3)
    with pytest.raises(ValueError, match="nothing can be added"):
        Player(shown).annotate("late")
    shown.view.close()


def test_bad_ones_are_refused(accelerated: None, tmp_path: Path) -> None:
    with cl.open() as neurons:
        recording = neurons.record()
        for bad, error in ((5, TypeError), ("", ValueError), (" ", ValueError), ("x" * 70_000, ValueError)):
            with pytest.raises(error, match="annotation"):
                neurons.annotate(bad)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            neurons.annotate("x", what=object())
        neurons.read(100)
        recording.stop()
    with recording.open() as view:
        assert view.annotations == []
    with pytest.raises(cl.error.DeviceDisconnectedError):
        neurons.annotate("closed")


def test_exports_have_them(tmp_path: Path) -> None:
    with cl.open(device=Simulator(seed=1, accelerated=True)) as neurons:
        path, *parts = record(neurons)
    out = tables.export(path, "annotations", tmp_path / "a.csv")
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(int(row["timestamp"]), row["text"]) for row in rows] == [note[:2] for note in NOTES]
    assert rows[0]["fields"] == '{"by": "Ada", "ml": 0.5}' and float(rows[1]["seconds"]) == 1.2
    from cl.interop.recordings import export

    cut = export(parts, tmp_path / "joined.h5")
    with cl.RecordingView(cut) as view:
        assert [tuple(note) for note in view.annotations] == NOTES
    with open_many(parts) as joined:
        out = tables.export(joined, "annotations", tmp_path / "b.csv")
    assert out.read_text() == (tmp_path / "a.csv").read_text()


def test_nwb_has_them(tmp_path: Path) -> None:
    need_extra("nwb", "pynwb")
    import pynwb

    from cl.interop import nwb

    with cl.open(device=Simulator(seed=1, accelerated=True)) as neurons:
        path, *_ = record(neurons)
    with pynwb.NWBHDF5IO(nwb.export(path, tmp_path / "a.nwb"), "r") as io:
        found = io.read().get_events_table("annotations")
        assert found["timestamp"][:].tolist() == [0.0, 1.2, 1.2]
        assert list(found["annotation"][:]) == ["medium changed", "<b>a</b> bubble", "gone"]
        assert list(found["details"][:]) == ['{"by": "Ada", "ml": 0.5}', "{}", '{"channels": [8, 9]}']


@pytest.fixture
def device() -> Iterator[str]:
    if not hasattr(os, "eventfd"):
        pytest.skip("devices need Linux")
    from cl.hw.emulator import EmulatorProcess

    with EmulatorProcess("--liveness-ms", "1000") as emulator:
        yield emulator.address


def test_on_a_device(device: str, tmp_path: Path) -> None:
    with cl.open(device=device) as neurons:
        recording = neurons.record(stop_after_seconds=0.3)
        at = neurons.annotate("here", n=1)
        recording.wait_until_stopped()
    with recording.open() as view:
        assert [tuple(note) for note in view.annotations] == [
            (at - recording.start_timestamp, "here", {"n": 1})
        ]
