"""Tables and samples of a view: they are used as PyTables' are."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import tables
from hypothesis import given, settings
from hypothesis import strategies as st
from store_files import write_recording

from cl import RecordingView


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write_recording(tmp_path / "r.h5")


@pytest.fixture(params=["reference", "ours"])
def any_recording(request: pytest.FixtureRequest, recording: Path) -> Path:
    if request.param != "reference":
        return recording
    shared_data: Path = request.getfixturevalue("shared_data")
    return shared_data / "reference_recording.h5"


# -- tables


def test_tables_are_indexed_like_pytables(any_recording: Path) -> None:
    with RecordingView(any_recording) as view, tables.open_file(str(any_recording)) as other:
        for name in ("spikes", "stims"):
            ours, theirs = getattr(view, name), getattr(other.root, name)
            rows = len(ours)
            for key in (
                0,
                -1,
                np.int64(3),
                slice(5, 20),
                slice(None, None, 7),
                slice(-5, None),
                [3, 1, 1, -1],
            ):
                assert ours[key].tobytes() == theirs[key].tobytes(), key
            assert ours[[]].shape == (0,)
            mask = np.arange(rows) % 3 == 0
            assert ours[mask].tobytes() == theirs[:][mask].tobytes()
            assert ours[::-1].tobytes() == theirs[:][::-1].tobytes()
            assert ours.read(3, 30, 4).tobytes() == theirs.read(3, 30, 4).tobytes()
            assert (ours.read(field="channel") == theirs.read(field="channel")).all()
            assert (ours.col("timestamp") == theirs.col("timestamp")).all()
            assert (ours.cols.channel[4:9] == theirs.cols.channel[4:9]).all()
            assert len(ours.cols.channel) == rows and list(ours.cols.channel) == ours["channel"].tolist()
            assert [row["channel"] for row in ours] == [row["channel"] for row in theirs]
            assert [r["timestamp"] for r in ours.iterrows(2, 9)] == [
                r["timestamp"] for r in theirs.iterrows(2, 9)
            ]
            for mine, other_row in zip(ours.iterrows(2, 9), theirs.iterrows(2, 9), strict=True):
                assert type(mine["channel"]) is type(other_row["channel"]) is int
                assert mine["channel"] * 1000 == other_row["channel"] * 1000, "no byte overflows"
            assert np.asarray(ours).tobytes() == theirs[:].tobytes()
            assert ours.shape == theirs.shape
            for column in ours.colnames:
                mine, other_column = getattr(ours.cols, column), getattr(theirs.cols, column)
                assert (mine.dtype.base, mine.shape[0]) == (other_column.dtype.base, other_column.shape[0])
                assert mine.shape == mine[:].shape
                for key in (0, -1, 7, slice(5, 20), slice(None, None, 7), slice(-5, None)):
                    assert mine[key].tobytes() == other_column[key].tobytes()
            for wrong in (rows, -rows - 1, [rows], np.ones(rows + 1, bool)):
                with pytest.raises(IndexError):
                    ours[wrong]
            with pytest.raises(KeyError, match="nothing"):
                ours.col("nothing")
            with pytest.raises(AttributeError, match="nothing"):
                ours.cols.nothing  # noqa: B018


def test_rows_that_are_iterated_over_stay(recording: Path) -> None:
    """They are values, and reading something else meanwhile changes neither them nor their order."""
    with RecordingView(recording) as view:
        table, rows = view.spikes, []
        for number, row in enumerate(table):
            assert table[number].tobytes() == row.tobytes()
            assert type(row["timestamp"]) is int and row["samples"].shape == (75,)
            rows.append(row)
        assert [row.tobytes() for row in rows] == [row.tobytes() for row in table[:]]
        assert [type(row["channel"]) for row in table.where("channel == 7")] == [int] * 4
        assert row[1] == row["channel"] and row.dtype == table.dtype


def test_an_element_of_a_column_is_read_alone(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour's waveforms are gigabytes."""
    with RecordingView(recording) as view:
        monkeypatch.setattr(view.spikes, "_column", None)
        assert view.spikes.cols.samples[3].tobytes() == view.spikes[3]["samples"].tobytes()
    with RecordingView(recording) as view:
        channels = view.spikes.cols.channel[:]
        channels[:] = 0
        assert view.spikes.cols.channel[1] == 7 and view.spikes.cols.samples[3, 0] == 3.0


CONDITIONS = [
    "isfinite(timestamp / 1.5) & ~isnan(timestamp * 1.0) & ~isinf(timestamp * 1.0)",
    "fmod(-timestamp, 7) < -3",
    "(maximum(channel, 8) == 8) | (minimum(channel, timestamp) > 40)",
    "log2(timestamp) > 7",
    "hypot(channel, timestamp) > 100",
    "(sign(channel - 8) < 0) & (trunc(timestamp / 2.0) == timestamp / 2.0)",
    "copysign(timestamp, -1) < -90",
    "channel - 200 < 0",
    "((channel==8) | (channel==9)) & (timestamp < 1000)",
    "channel == 9",
    "~(channel > 30)",
    "(timestamp >= 100) & (timestamp <= 100 + 50)",
    "(timestamp % 2 == 0) ^ (channel % 2 == 1)",
    "timestamp / 2 > channel * 3.5",
    "where(channel > 10, timestamp, -timestamp) > 50",
    "sqrt(timestamp) < 9",
    "(channel & 3) == 1",
    "-timestamp < -77",
    "timestamp ** 2 > 10000",
    "(channel << 2) > 100",
    "timestamp > 1e300",
    "channel < 0",
]


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("name", ["spikes", "stims"])
def test_conditions_are_pytables(any_recording: Path, condition: str, name: str) -> None:
    with RecordingView(any_recording) as view, tables.open_file(str(any_recording)) as other:
        ours, theirs = getattr(view, name), getattr(other.root, name)
        assert ours.get_where_list(condition).tolist() == theirs.get_where_list(condition, sort=True).tolist()
        assert ours.read_where(condition).tobytes() == theirs.read_where(condition).tobytes()
        assert [r["timestamp"] for r in ours.where(condition)] == ours.read_where(
            condition, field="timestamp"
        ).tolist()
        some = ours.get_where_list(condition, start=3, stop=40, step=2)
        assert some.tolist() == sorted(theirs.get_where_list(condition, start=3, stop=40, step=2).tolist())


def test_conditions_know_variables(recording: Path) -> None:
    wanted = 7  # noqa: F841 - the condition finds it
    limit = np.int64(100)  # noqa: F841
    with RecordingView(recording) as view:
        found = view.spikes.read_where("(channel == wanted) & (timestamp < limit)")
        assert found["channel"].tolist() == [7, 7]
        assert (
            len(
                view.spikes.read_where(
                    "(channel == wanted) & (timestamp < limit)", {"wanted": 14, "limit": 3}
                )
            )
            == 1
        )
        assert [row["channel"] for row in view.spikes.where("channel == wanted")] == [7] * 4
        with pytest.raises(NameError, match="unheard"):
            view.spikes.read_where("channel == unheard")


@pytest.mark.parametrize(
    ("condition", "error"),
    [
        ("channel ==", SyntaxError),
        ("channel = 8", SyntaxError),
        ("", SyntaxError),
        ("(" * 9000, SyntaxError),
        ("x" * 20_000, ValueError),
        ("channel == 8 and timestamp > 1", TypeError),
        ("not channel", TypeError),
        ("1 < channel < 9", TypeError),
        ("channel + 1", TypeError),
        ("channel", TypeError),
        ("samples > 1", NotImplementedError),
        ("channel.tofile('/tmp/x') == 1", TypeError),
        ("__import__('os').system('true') == 0", TypeError),
        ("(lambda: 1)() == 1", TypeError),
        ("[1][0] == 1", TypeError),
        ("sin.__class__ == 1", TypeError),
        ("evaluate('1') == 1", TypeError),
        ("load('x') == 1", TypeError),
        ("channel == f'{1}'", TypeError),
        ("sqrt(timestamp, out=channel) > 1", TypeError),
        (7, TypeError),
    ],
)
def test_conditions_that_are_none(recording: Path, condition: Any, error: type[Exception]) -> None:
    with RecordingView(recording) as view, pytest.raises(error):
        view.spikes.read_where(condition)


def test_errors_name_the_condition_or_row_that_is_wrong(recording: Path) -> None:
    with RecordingView(recording) as view:
        with pytest.raises(SyntaxError, match=r"'channel = 8' cannot be read.*like '\(channel == 8\) &"):
            view.spikes.read_where("channel = 8")
        for rows, wrong in ((250, 250), ([0, 300], 300), ([-251, 3], -251)):
            with pytest.raises(IndexError, match=f"there is no row {wrong}: there are 250"):
                view.spikes[rows]


def test_conditions_cannot_be_made_to_take_for_ever(recording: Path) -> None:
    with RecordingView(recording) as view:
        assert view.spikes.get_where_list("timestamp > 10 ** 10 ** 10 ** 10").size <= 250
        assert view.spikes.get_where_list("timestamp > (1 << 10000000000)").size <= 250


# -- samples


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_samples_are_indexed_like_an_array(shared_data: Path, data: st.DataObject) -> None:
    with RecordingView(shared_data / "reference_recording.h5") as view:
        expected = view.samples.read(0, 200)
        bound = st.one_of(st.none(), st.integers(-210, 210))
        step = st.one_of(st.none(), st.integers(-5, 5).filter(bool))
        key = data.draw(
            st.one_of(
                st.builds(slice, bound, bound, step),
                st.integers(-200, 199),
                st.lists(st.integers(-200, 199), min_size=1),
            )
        )
        columns = data.draw(
            st.one_of(st.just(()), st.just((5,)), st.just((slice(3, 9),)), st.just(([1, 4],)))
        )
        view.samples._rows = 200
        at_once = data.draw(st.integers(1, 250))
        key = (key, *columns) if columns else key
        with patch("cl._store.read.data.ROWS_AT_ONCE", at_once):
            try:
                wanted = expected[key]
            except IndexError:  # two lists, and not of the same length
                with pytest.raises(IndexError):
                    view.samples[key]
            else:
                np.testing.assert_array_equal(view.samples[key], wanted)


@pytest.mark.parametrize(
    "key", [np.s_[:, 5], np.s_[..., 5], np.s_[:, 3:5], np.s_[::-1, [1, 2]], np.s_[::1000], np.s_[::-25, 5]]
)
def test_a_part_of_the_samples_takes_only_its_own_memory(shared_data: Path, key: Any) -> None:
    """Channel by channel a long recording fits, however many are kept."""
    with RecordingView(shared_data / "reference_recording.h5") as view:
        whole = view.samples.read()
        tracemalloc.start()
        try:
            found = view.samples[key]
            kept, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        np.testing.assert_array_equal(found, whole[key])
        assert kept < found.nbytes + 100_000, "the whole is 3.2 MB"
        assert most < found.nbytes + 1_500_000


def test_samples(recording: Path) -> None:
    with RecordingView(recording) as view:
        samples = view.samples
        assert (len(samples), samples.shape, samples.nrows) == (3700, (3700, 64), 3700)
        assert samples.dtype == np.int16
        whole = samples.read()
        assert (samples[...] == whole).all() and (samples[..., 3] == whole[:, 3]).all()
        assert (np.asarray(samples) == whole).all()
        assert (np.array([row[0] for row in samples]) == whole[:, 0]).all()
        assert samples[10, 3] == whole[10, 3]
        assert (samples[[5, 900, 5]] == whole[[5, 900, 5]]).all()
        assert (samples[[5, 900], [3, 4]] == whole[[5, 900], [3, 4]]).all()
        mask = np.arange(3700) % 1850 == 0
        assert (samples[mask, np.array([3, 4])] == whole[mask, [3, 4]]).all()
        assert "3700" in repr(samples)
        with pytest.raises(IndexError):
            samples[3700]
