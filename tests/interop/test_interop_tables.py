"""Tables of recordings as CSV and Parquet: what was recorded is what other readers find."""

from __future__ import annotations

import csv
import json
import math
import os
import resource
import sys
from pathlib import Path
from typing import Any

import pytest
from extras import need_extra
from hypothesis import given, settings
from hypothesis import strategies as st
from interop_files import Content, example

from cl import StimDesign
from cl.__main__ import main
from cl.interop.tables import export
from cl.interop.texts import as_json


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_parquet(path: Path) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Return the rows, and what each column says of itself."""
    from pyarrow import parquet

    table = parquet.read_table(path)
    return table.to_pylist(), {field.name: field.metadata[b"description"].decode() for field in table.schema}


def test_spikes(tmp_path: Path) -> None:
    content = Content(frames=100, spikes=[(3, 8), (3, 9), (70, 60)])
    out = export(content.write(tmp_path / "one.h5"), "spikes")
    assert out.name == "one_spikes.csv"
    assert out.read_bytes().splitlines()[:2] == [b"timestamp,seconds,channel", b"3,0.00012,8"]
    assert [(int(row["timestamp"]), int(row["channel"])) for row in read_csv(out)] == content.spikes


def test_stims_with_their_designs(tmp_path: Path) -> None:
    stims = [(1, 8, StimDesign(160, -1.0, 320, 0.5)), (2, 9, None)]
    rows = read_csv(export(Content(frames=10, stims=stims).write(tmp_path / "one.h5"), "stims"))
    assert [list(row.values())[2:] for row in rows] == [
        ["8", "2", "160.0", "-1.0", "320.0", "0.5", "", ""],
        ["9", "0", "", "", "", "", "", ""],
    ]


DESIGNS = st.sampled_from([None, StimDesign(20, 2.5), StimDesign(160, -1.0, 320, 0.5, 40, -0.1)])
EVENTS = st.lists(st.tuples(st.integers(0, 99), st.integers(0, 63), DESIGNS), max_size=12).map(
    lambda rows: sorted(rows, key=lambda row: row[:2])
)


@settings(max_examples=15)
@given(events=EVENTS, what=st.sampled_from(["spikes", "stims"]), start=st.integers(0, 1 << 40))
def test_random_events(
    tmp_path_factory: pytest.TempPathFactory, events: list[Any], what: str, start: int
) -> None:
    need_extra("parquet", "pyarrow")
    content = Content(frames=100, start=start)
    content.spikes = [event[:2] for event in events] if what == "spikes" else []
    content.stims = events if what == "stims" else []
    path = content.write(tmp_path_factory.mktemp("events") / "one.h5", include_raw_samples=False)
    rows, _ = read_parquet(export(path, what, form="parquet"))
    texts = read_csv(export(path, what))
    for row, text, (at, channel, design) in zip(rows, texts, events, strict=True):
        wanted: dict[str, Any] = {"timestamp": at, "seconds": at / 25_000, "channel": channel}
        if what == "stims":
            durations = () if design is None else design.phase_durations_us
            currents = () if design is None else design.phase_currents_uA
            wanted["phases"] = len(durations)
            for number, (duration, current) in enumerate(zip(durations, currents, strict=True), 1):
                wanted |= {f"duration_us_{number}": duration, f"current_uA_{number}": current}
        assert {name: value for name, value in row.items() if value is not None} == wanted
        assert {name: float(value) for name, value in text.items() if value} == wanted


VALUES = (
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 64) - 1) | st.floats() | st.text(max_size=5)
)
KEYS = st.sampled_from(["x", "timestamp", "a,b", "µ\n"])
ENTRIES = st.lists(st.dictionaries(KEYS, VALUES | st.lists(VALUES, max_size=2)), min_size=1, max_size=6)


@settings(max_examples=25)
@given(ENTRIES | st.lists(VALUES, min_size=1, max_size=6))
def test_a_stream_in_parquet(tmp_path_factory: pytest.TempPathFactory, values: list[Any]) -> None:
    need_extra("parquet", "pyarrow")
    content = Content(frames=10, streams={"s": [(2 * n, value) for n, value in enumerate(values)]})
    path = content.write(tmp_path_factory.mktemp("stream") / "one.h5", include_raw_samples=False)
    rows, words = read_parquet(export(path, "s", form="parquet"))
    assert [row.pop("timestamp") for row in rows] == [2 * n for n in range(len(values))]
    for row, value in zip(rows, values, strict=True):
        held = {
            name: _back(row[name], words[name]) for name in row if name != "seconds" and row[name] is not None
        }
        if "timestamp_2" in held:
            held["timestamp"] = held.pop("timestamp_2")
        wanted = value if isinstance(value, dict) and "value" not in row else {"value": value}
        assert held.keys() == wanted.keys()
        assert all(as_json(held[k]) == as_json(wanted[k]) or held[k] == wanted[k] for k in held)


def _back(value: Any, words: str) -> Any:
    return json.loads(value) if words.startswith("values as JSON") else value


def test_a_stream_in_csv(tmp_path: Path) -> None:
    entries = [
        {"n": 1 << 62, "x": math.nan, "who": 'a "b",\nµ', "ok": True, "l": [1, {"a": None}]},
        {"n": -1, "x": 0.1, "who": "", "ok": False, "l": "", "rare": 0.5},
    ]
    content = Content(frames=10, streams={"a/b".replace("/", " "): [(1, entries[0]), (4, entries[1])]})
    out = export(content.write(tmp_path / "one.h5"), "a b")
    assert out.name == "one_a_b.csv"
    first, second = read_csv(out)
    assert first == {
        "timestamp": "1",
        "seconds": "4e-05",
        "n": str(1 << 62),
        "x": "nan",
        "who": 'a "b",\nµ',
        "ok": "true",
        "l": '[1, {"a": null}]',
        "rare": "",
    }
    assert (second["who"], second["ok"], second["l"], second["rare"]) == ("", "false", '""', "0.5")


def test_several_recordings_and_names_that_are_taken(tmp_path: Path) -> None:
    parts = [
        Content(frames=100, spikes=[(5, 8)], streams={"spikes": [(1, 1)]}),
        Content(frames=100, start=500, spikes=[(5, 9)], streams={"spikes": [(1, 2)]}),
    ]
    paths = [part.write(tmp_path / f"{i}.h5") for i, part in enumerate(parts)]
    rows = read_csv(export(paths, "spikes", tmp_path / "both.csv"))
    assert [(row["timestamp"], row["channel"]) for row in rows] == [("5", "8"), ("505", "9")]
    rows = read_csv(export(paths, "stream:spikes", tmp_path / "stream.csv"))
    assert [(row["timestamp"], row["value"]) for row in rows] == [("1", "1"), ("501", "2")]


def test_what_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = example(3000).write(tmp_path / "one.h5", include_stims=False)
    with pytest.raises(ValueError, match="has no stims: they were not recorded"):
        export(path, "stims")
    with pytest.raises(ValueError, match=r"no data stream 'nothing', it has \['empty', 'game'\]"):
        export(path, "nothing")
    with pytest.raises(ValueError, match="form must be 'csv' or 'parquet', not 'xls'"):
        export(path, "spikes", form="xls")  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"cl-aio\[parquet\]"):
        export(path, "spikes", form="parquet")
    assert os.listdir(tmp_path) == ["one.h5"]
    assert read_csv(export(path, "empty")) == []


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_disk_that_fills_up_leaves_nothing(tmp_path: Path, form: Any) -> None:
    if form == "parquet":
        need_extra("parquet", "pyarrow")
    path = example(20_000).write(tmp_path / "one.h5")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            export(path, "spikes", form=form)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.listdir(tmp_path) == ["one.h5"]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = example(3000).write(tmp_path / "one.h5")
    command = ["export", "csv", str(path), "--what", "game"]
    assert main(command) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'one_game.csv'}\n"
    assert main(command) == 1
    assert "one_game.csv exists" in capsys.readouterr().err
    assert main([*command, "--overwrite"]) == 0
    assert len(read_csv(tmp_path / "one_game.csv")) == 12
