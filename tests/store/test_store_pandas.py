"""Recordings as pandas' data frames: every row and entry, and the designs beside the stims."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from extras import need_extra

from cl import RecordingView, StimDesign
from cl._store.packing import pack
from cl._store.write.writer import RecordingWriter

need_extra("pandas", "pandas")

DESIGNS = [StimDesign(160, -1.0, 160, 1.0), StimDesign(20, 0.5), None, StimDesign(160, -1.0, 160, 1.0)]


def written(path: Path, entries: dict[str, list[Any]] | None = None) -> Path:
    writer = RecordingWriter(path)
    writer.append_spikes([3, 5, 5], [8, 1, 60], np.arange(225, dtype=np.float32).reshape(3, 75))
    writer.append_stims([1, 2, 2, 9], [20, 5, 30, 20], DESIGNS)
    for name, values in (entries or {}).items():
        writer.add_stream(name, {})
        for number, value in enumerate(values):
            writer.append_stream(name, number * 5, pack(value))
    writer.finish()
    return path


def test_spikes_have_their_numbers_and_their_samples_where_asked_for(tmp_path: Path) -> None:
    with RecordingView(written(tmp_path / "r.h5")) as view:
        assert view.spikes is not None
        frame = view.spikes.to_pandas()
        whole = view.spikes.to_pandas(arrays=True)
    assert list(frame) == ["timestamp", "channel"]
    assert frame["timestamp"].tolist() == [3, 5, 5] and frame["channel"].tolist() == [8, 1, 60]
    assert frame["timestamp"].dtype == np.int64
    assert list(whole) == ["timestamp", "channel", "samples"]
    np.testing.assert_array_equal(np.stack(whole["samples"]), np.arange(225).reshape(3, 75))


def test_stims_have_their_designs(tmp_path: Path) -> None:
    with RecordingView(written(tmp_path / "r.h5")) as view:
        assert view.stims is not None
        frame = view.stims.to_pandas()
    assert frame["design"].tolist() == DESIGNS
    assert frame["phases"].tolist() == [2, 1, 0, 2]
    np.testing.assert_array_equal(frame["duration_us_1"], [160, 20, np.nan, 160])
    np.testing.assert_array_equal(frame["current_uA_2"], [1.0, np.nan, np.nan, 1.0])
    assert frame["duration_us_3"].isna().all()
    assert frame[frame["design"] == DESIGNS[0]].index.tolist() == [0, 3]
    assert frame.groupby("design", sort=False).size().to_dict() == {DESIGNS[0]: 2, DESIGNS[1]: 1}


def test_stims_without_designs_are_a_frame_of_two_columns(shared_data: Path) -> None:
    with RecordingView(shared_data / "reference_recording.h5") as view:
        assert view.stim_designs is None and view.stims is not None and view.spikes is not None
        assert list(view.stims.to_pandas()) == ["timestamp", "channel"]
        assert len(view.spikes.to_pandas()) == len(view.spikes)


@pytest.mark.parametrize(
    ("entries", "columns"),
    [
        ([{"a": 1, "b": 2.5}, {"b": 3.5, "c": "x"}], ["a", "b", "c"]),
        ([1, 2, 3], ["value"]),
        ([[1, 2], {"a": 1}, None, "text", b"\0"], ["value"]),
        ([{"a": 1}, {2: 3}], ["value"]),
        ([{}, {}], ["value"]),
        ([{f"k{n}": n for n in range(2000)}], ["value"]),
        ([], ["value"]),
    ],
)
def test_entries_of_streams_are_rows_by_timestamp(
    tmp_path: Path, entries: list[Any], columns: list[str]
) -> None:
    with RecordingView(written(tmp_path / "r.h5", {"game": entries})) as view:
        assert view.data_streams is not None
        frame = view.data_streams["game"].to_pandas()
    assert frame.index.name == "timestamp"
    assert frame.index.tolist() == [5 * n for n in range(len(entries))]
    assert list(frame) == columns
    if columns == ["value"]:
        assert frame["value"].tolist() == entries
    else:
        np.testing.assert_array_equal(frame["a"], [1, np.nan])
        assert frame["c"].tolist()[1] == "x"


def test_a_missing_pandas_is_an_import_error_that_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with RecordingView(written(tmp_path / "r.h5", {"game": [1]})) as view:
        assert view.spikes is not None and view.data_streams is not None
        for ask in (view.spikes.to_pandas, view.data_streams["game"].to_pandas):
            with pytest.raises(ImportError, match=r"cl-aio\[pandas\]"):
                ask()
