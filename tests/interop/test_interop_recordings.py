"""Cuts of recordings, and several joined into one: they are recordings, and pieces make the whole again."""

from __future__ import annotations

import os
import resource
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from interop_files import CREATED, Content, example

import cl
from cl import StimDesign
from cl.__main__ import main
from cl._store.read.view import RecordingView
from cl.interop.recordings import export

RATE = 25_000


def contents(path: Path) -> dict[str, Any]:
    """Return all that is in a recording, to be compared."""
    with RecordingView(path) as view:
        assert view.complete
        return {
            "samples": None if view.samples is None else view.samples[:].tobytes(),
            "spikes": None if view.spikes is None else view.spikes[:].tobytes(),
            "stims": None if view.stims is None else view.stims[:].tobytes(),
            "designs": None if view.stim_designs is None else view.stim_designs[:].tobytes(),
            "clock": None if view.clock is None else view.clock[:].tolist(),
            "streams": {
                name: ([(at, repr(value)) for at, value in stream.items()], stream.attributes["application"])
                for name, stream in (view.data_streams or {}).items()
            },
            "attributes": {  # when a recording was ended is another moment than that of its last frame
                name: repr(view.attributes[name]) for name in view.attributes if not name.startswith("ended")
            },
        }


DESIGNS = st.sampled_from([None, StimDesign(20, 2.5), StimDesign(160, -1.0, 320, 0.5, 40, -0.1)])
AT = st.integers(0, 11).map(lambda number: 80 * number)  # often where a cut is
VALUES = st.recursive(
    st.none()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats()
    | st.text(max_size=4)
    | st.binary(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3) | st.integers(0, 9), inner)
    ),
    max_leaves=4,
)


@settings(max_examples=6, phases=[Phase.explicit, Phase.generate])
@given(
    spikes=st.lists(st.tuples(AT, st.integers(0, 63)), max_size=20, unique=True).map(sorted),
    stims=st.lists(st.tuples(AT, st.integers(0, 63), DESIGNS), max_size=20).map(
        lambda rows: sorted(rows, key=lambda row: row[:2])
    ),
    entries=st.dictionaries(AT, VALUES, max_size=6).map(
        lambda found: sorted(found.items(), key=lambda e: e[0])
    ),
    cuts=st.lists(AT.filter(bool), min_size=1, max_size=3, unique=True).map(sorted),
)
def test_pieces_make_the_whole_again(
    tmp_path_factory: pytest.TempPathFactory, spikes: Any, stims: Any, entries: Any, cuts: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("pieces")
    clock = [(at, 10**12 + at * 40_000, 10**18 + at * 40_000) for at in (0, 400, 1000)]
    content = Content(spikes=spikes, stims=stims, streams={"s": entries}, clock=clock, start=700)
    path = content.write(folder / "whole.h5", application={"dish": 7}, system={"hostname": "cl1"})
    pieces = []
    for first, last in zip([0, *cuts], [*cuts, content.frames], strict=True):
        out = export(path, folder / f"{first}.h5", from_seconds=first / RATE, to_seconds=last / RATE)
        pieces.append(out)
        with RecordingView(out) as view:
            np.testing.assert_array_equal(view.samples[:], content.samples()[first:last])
            assert len(view.spikes) == sum(first <= frame < last for frame, _ in spikes)
            assert view.attributes["start_timestamp"] == 700 + first
    wanted, found = contents(path), contents(export(pieces, folder / "joined.h5"))
    assert found == wanted


def test_a_cut_says_when_it_was(tmp_path: Path) -> None:
    path = example(30_000).write(tmp_path / "one.h5")
    out = export(path, from_seconds=0.4, to_seconds=1)
    assert out == tmp_path / "one_cut.h5"
    with RecordingView(out) as view, RecordingView(path) as whole:
        assert (len(view.samples), view.attributes["duration_frames"]) == (15_000, 15_000)
        assert view.attributes["created_utc"] == (CREATED + timedelta(seconds=0.4)).isoformat()
        assert view.attributes["ended_utc"] == (CREATED + timedelta(seconds=1)).isoformat()
        chosen = whole.spikes[:][
            (whole.spikes.col("timestamp") >= 10_000) & (whole.spikes.col("timestamp") < 25_000)
        ]
        np.testing.assert_array_equal(view.spikes.col("timestamp"), chosen["timestamp"] - 10_000)
        np.testing.assert_array_equal(view.spikes.col("samples"), chosen["samples"])


def test_gaps_are_zeros_and_counted(tmp_path: Path) -> None:
    first = Content(frames=100, spikes=[(9, 8)]).write(tmp_path / "a.h5")
    later = Content(frames=50, start=400, spikes=[(9, 8)]).write(tmp_path / "b.h5")
    with RecordingView(export([first, later], tmp_path / "both.h5")) as view:
        assert view.samples.shape == (450, 64)
        assert not view.samples[100:400].any() and view.samples[400:].any()
        assert view.attributes["frames_lost"] == 300
        assert view.spikes.col("timestamp").tolist() == [9, 409]
    with RecordingView(export([first, later], tmp_path / "bare.h5", samples=False)) as view:
        assert (view.samples, view.attributes["duration_frames"]) == (None, 450)


def test_a_cut_is_replayed_and_analysed(
    tmp_path: Path, accelerated: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cl.open() as neurons:
        recording = neurons.record()
        neurons.read(10_000)
        with RecordingView(recording.file["path"]) as growing:
            cut = export(growing, tmp_path / "cut.h5", to_seconds=0.1)
        recording.stop()
    monkeypatch.setenv("CL_SDK_REPLAY_PATH", str(cut))
    monkeypatch.setenv("CL_SDK_REPLAY_START_OFFSET", "0")
    with cl.open() as neurons, RecordingView(cut) as view:
        np.testing.assert_array_equal(neurons.read(2000), view.samples[:2000])
    assert main(["info", str(cut)]) == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"to_seconds": 2}, r"to_seconds must be at most 0\.04, where the recording ends, not 2"),
        ({"from_seconds": 0.04}, r"from_seconds must be below 0\.04, where the cut ends, not 0\.04"),
        ({"from_seconds": 0.03, "to_seconds": 0.02}, r"from_seconds must be below 0\.02"),
        ({"from_seconds": -1}, "from_seconds"),
        ({"to_seconds": float("nan")}, "to_seconds"),
    ],
)
def test_times_that_are_not_there(tmp_path: Path, arguments: Any, text: str) -> None:
    path = Content(frames=1000).write(tmp_path / "one.h5")
    with pytest.raises(ValueError, match=text):
        export(path, **arguments)
    assert os.listdir(tmp_path) == ["one.h5"]


def test_a_disk_that_fills_up_leaves_nothing(tmp_path: Path) -> None:
    path = example(20_000).write(tmp_path / "one.h5")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for size in (0, 1 << 16, 1 << 20):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            with pytest.raises(OSError, match="File too large"):
                export(path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert os.listdir(tmp_path) == ["one.h5"]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = example(3000).write(tmp_path / "one.h5")
    command = ["export", "h5", str(path), "--from", "0.02", "--to", "0.1", "--no-samples"]
    assert main(command) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'one_cut.h5'}\n"
    assert main(command) == 1
    assert "one_cut.h5 exists" in capsys.readouterr().err
    assert main([*command, "--overwrite"]) == 0
    assert main(["export", "h5", str(path), "--out", str(path), "--overwrite"]) == 1
    assert "is the recording itself" in capsys.readouterr().err
