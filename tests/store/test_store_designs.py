"""The designs of stims, and the clock, in a recording's file: what goes in comes out, in step."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tables
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_files import DESIGNS, Filler, check_designs, check_tables, check_view, stim_designs

from cl import RecordingView, StimDesign
from cl._store.read.design_rows import design_of
from cl._store.read.info import format_info, info
from cl._store.read.recover import recover
from cl._store.write import layout, ordered_file, stim_tables
from cl._store.write.header import RecordingHeader
from cl._store.write.writer import RecordingWriter

durations = st.integers(1, 50).map(lambda n: 20 * n)
currents = st.floats(0.001, 3.0)


@st.composite
def designs(draw: st.DrawFn) -> StimDesign:
    """Any design there can be: of one to three phases of alternating polarity."""
    sign = draw(st.sampled_from((1, -1)))
    numbers: list[float] = []
    for phase in range(draw(st.integers(1, 3))):
        numbers += [draw(durations), sign * (-1) ** phase * draw(currents)]
    return StimDesign(*numbers)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.none() | designs(), max_size=8), max_size=6))
def test_designs_come_out_as_they_went_in(tmp_path: Path, batches: list[list[StimDesign | None]]) -> None:
    path = tmp_path / "r.h5"
    writer = RecordingWriter(path)
    wanted: list[StimDesign | None] = []
    for batch in batches:
        rows = range(len(wanted), len(wanted) + len(batch))
        writer.append_stims(list(rows), [row % 64 for row in rows], batch)
        wanted += batch
        writer.flush()
    writer.finish()
    try:
        with RecordingView(path) as view:
            assert view.stims is not None and view.stim_designs is not None
            assert view.stims.col("timestamp").tolist() == list(range(len(wanted)))
            assert [design_of(row) for row in view.stim_designs] == wanted
        with tables.open_file(str(path)) as file:
            assert [design_of(row) for row in file.root.stim_designs[:]] == wanted
    finally:
        path.unlink()


def test_the_tables_are_as_documented(tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    writer = RecordingWriter(
        path, RecordingHeader(include_clock=True, simulation={"seed": 7, "source": "random"})
    )
    writer.append_stims([3, 5], [8, 9], [StimDesign(160, -1.5, 320, 0.5), None])
    writer.append_clock(0, 1_000, 2_000)
    writer.append_clock(25, 1_001_000, 1_002_000)
    writer.finish()
    with h5py.File(path) as file:
        assert file["stims"].dtype == np.dtype([("timestamp", "<i8"), ("channel", "u1")])
        assert file["stim_designs"].dtype == np.dtype(
            [("phases", "u1"), ("duration_us", "<u4", (3,)), ("current_uA", "<f8", (3,))]
        )
        assert file["stim_designs"][:].tolist()[1][0] == 0
        assert file["clock"].dtype == np.dtype(
            [(name, "<i8") for name in ("timestamp", "monotonic_ns", "utc_ns")]
        )
    with tables.open_file(str(path)) as file:
        root = file.root
        assert all(isinstance(part, tables.Table) for part in (root.stims, root.stim_designs, root.clock))
        assert root.stim_designs[0]["duration_us"].tolist() == [160, 320, 0]
        assert root.stim_designs.read_where("phases == 2")["current_uA"].tolist() == [[-1.5, 0.5, 0.0]]
        assert root.clock.col("utc_ns").tolist() == [2_000, 1_002_000]
        assert root._v_attrs.simulation == {"seed": 7, "source": "random"}
    with RecordingView(path) as view:
        assert view.clock is not None and view.clock.col("monotonic_ns").tolist() == [1_000, 1_001_000]
        assert view.attributes["simulation"] == {"seed": 7, "source": "random"}


def test_a_phase_too_long_for_a_row_is_not_known(tmp_path: Path) -> None:
    longest = (1 << 32) // 20 * 20
    writer = RecordingWriter(tmp_path / "r.h5")
    writer.append_stims([1, 2], [3, 4], [StimDesign(longest - 20, 0.0), StimDesign(longest + 20, 0.0)])
    writer.finish()
    with RecordingView(tmp_path / "r.h5") as view:
        assert [design_of(row) for row in view.stim_designs] == [StimDesign(longest - 20, 0.0), None]


def test_more_designs_than_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Designs that go get new ones in their places in memory: identities come again."""
    monkeypatch.setattr(stim_tables, "_KEPT_DESIGNS", 5)
    monkeypatch.setattr(stim_tables, "PENDING_STIMS", 7)
    writer = RecordingWriter(tmp_path / "r.h5")
    for row in range(100):
        writer.append_stims([row], [8], [StimDesign(20 + 20 * row, 0.5)])
    writer.finish()
    with RecordingView(tmp_path / "r.h5") as view:
        assert view.stim_designs.col("duration_us")[:, 0].tolist() == [20 + 20 * row for row in range(100)]


def test_stims_without_a_design_each_are_refused(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "r.h5")
    with pytest.raises(ValueError, match="2 timestamps, 2 channels and 1 designs"):
        writer.append_stims([1, 2], [3, 4], [None])
    writer.finish()
    with RecordingView(tmp_path / "r.h5") as view:
        assert len(view.stims) == len(view.stim_designs) == 0


def test_both_lengths_are_written_in_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = RecordingWriter(tmp_path / "r.h5")
    filler = Filler(writer)
    assert writer._stims is not None
    pages = {t.header_address // ordered_file.PAGE for t in (writer._stims.stims, writer._stims.designs)}
    assert len(pages) == 1
    writes: list[int] = []
    write = ordered_file._write_at
    monkeypatch.setattr(
        ordered_file, "_write_at", lambda fd, data, at: (writes.append(at), write(fd, data, at))[1]
    )
    filler.add(stims=5)
    assert not writes, "they are gathered"
    writer.flush()
    assert writes.count(writer._stims.stims.header_address) == 1
    assert writer._stims.designs.header_address not in writes
    writer.abort()


def test_a_disk_that_fails_at_any_write_leaves_the_tables_in_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails once, and goes on: the stims of that flush are written with the next, in both tables."""
    monkeypatch.setattr(layout, "STIM_CHUNK", 2)
    monkeypatch.setattr(layout, "STIM_DESIGN_CHUNK", 3)
    write = ordered_file._write_at
    left = -1

    def failing(descriptor: int, data: Any, address: int) -> int:
        nonlocal left
        left -= 1
        if left == 0:
            raise OSError(errno.ENOSPC, "no space")
        return write(descriptor, data, address)

    monkeypatch.setattr(ordered_file, "_write_at", failing)
    failed = 0
    for at in range(1, 60):
        path = tmp_path / "r.h5"
        filler = Filler(RecordingWriter(path))
        left = at
        for count in (4, 0, 3, 8, 4):
            try:
                filler.add(stims=count)
                filler.writer.flush()
            except OSError:
                failed += 1
            assert filler.writer._stims is not None
            assert filler.writer._stims.stims.rows == filler.writer._stims.designs.rows
        left = -1
        filler.writer.finish()
        check_view(path, filler.counts).close()
        check_tables(path, filler.counts)
        path.unlink()
    assert failed > 25


def test_a_view_of_a_recording_that_grows_takes_the_designs_of_its_stims(tmp_path: Path) -> None:
    """As they may be found where the stims were looked at before a flush, and the designs after it."""
    path = tmp_path / "r.h5"
    filler = Filler(RecordingWriter(path))
    filler.add(stims=10)
    filler.writer.finish()
    with h5py.File(path, "r+") as file:
        file["stims"].resize((6,))
    with RecordingView(path) as view:
        assert len(view.stims) == 6 == len(view.stim_designs)
        check_designs(view.stim_designs[:], 6)
        assert len(view.stim_designs.col("phases")) == 6
    with h5py.File(path, "r+") as file:
        file["stim_designs"].resize((4,))
    with RecordingView(path) as view:
        assert (len(view.stims), len(view.stim_designs)) == (6, 4)


def test_a_recording_that_was_never_ended_recovers_with_its_designs(tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    filler = Filler(RecordingWriter(path, RecordingHeader(include_clock=True)))
    filler.add(100, 5, 9)
    filler.writer.append_clock(0, 10, 20)
    filler.writer.flush()
    filler.writer.abort()
    recover(path)
    with check_view(path, filler.counts) as view:
        assert view.complete and view.clock is not None and view.clock[:].tolist() == [(0, 10, 20)]
    check_tables(path, filler.counts)


def test_parts_that_were_not_asked_for_are_not_there(tmp_path: Path) -> None:
    RecordingWriter(tmp_path / "r.h5", RecordingHeader(include_stims=False)).finish()
    with RecordingView(tmp_path / "r.h5") as view:
        assert view.stims is view.stim_designs is view.clock is None
        assert "simulation" not in view.attributes


def test_a_recording_of_the_reference_has_neither(shared_data: Path) -> None:
    with RecordingView(shared_data / "reference_recording.h5") as view:
        assert len(view.stims) == 45
        assert view.stim_designs is view.clock is None


@pytest.mark.parametrize("name", ["stim_designs", "clock"])
@pytest.mark.parametrize("kind", ["group", "array", "another table", "two dimensions"])
def test_what_another_program_keeps_under_the_name_is_left_alone(
    tmp_path: Path, name: str, kind: str
) -> None:
    path = tmp_path / "r.h5"
    Filler(RecordingWriter(path)).writer.finish()
    with h5py.File(path, "r+") as file:
        if name in file:
            del file[name]
        if kind == "group":
            file.create_group(name)
        elif kind == "array":
            file[name] = np.arange(5)
        elif kind == "another table":
            file[name] = np.zeros(3, [("phases", "u1"), ("timestamp", "f8"), ("duration_us", "u4")])
        else:
            row = layout.CLOCK if name == "clock" else layout.STIM_DESIGN
            file[name] = np.zeros((3, 3), row)
    with RecordingView(path) as view:
        assert getattr(view, name) is None and view.stims is not None


@pytest.mark.parametrize("name", ["stim_designs", "clock"])
def test_a_table_that_lies_in_another_file_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "r.h5"
    Filler(RecordingWriter(path)).writer.finish()
    with h5py.File(path, "r+") as file:
        if name in file:
            del file[name]
        file[name] = h5py.ExternalLink("other.h5", "/x")
    with pytest.raises(ValueError, match=f"{name} is a link to another file"):
        RecordingView(path)


@pytest.mark.parametrize(
    ("row", "why"), [((4, (20,) * 3, (1.0,) * 3), "4 phases"), ((1, (30, 0, 0), (1.0,) * 3), "20 µs")]
)
def test_a_row_of_no_design(row: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        design_of(np.array([row], layout.STIM_DESIGN)[0])


def test_info_tells_the_designs_and_the_clock(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "r.h5", RecordingHeader(include_clock=True))
    known = [StimDesign(160, -1.0, 160, 1.0), None, *(StimDesign(20 * n, 0.5) for n in range(1, 10))]
    writer.append_stims(range(13), [8] * 13, [known[0], known[0], *known])  # type: ignore[arg-type]
    writer.append_clock(0, 10, 20)
    writer.append_clock(7, 11, 21)
    writer.finish()
    summary = info(tmp_path / "r.h5")
    assert summary["stim_designs"][0] == {"count": 3, "duration_us": [160, 160], "current_uA": [-1.0, 1.0]}
    assert {"count": 1, "duration_us": [], "current_uA": []} in summary["stim_designs"]
    assert len(summary["stim_designs"]) == 11
    assert summary["clock"] == {"count": 2, "timestamp": [0, 7], "monotonic_ns": [10, 11], "utc_ns": [20, 21]}
    text = format_info(summary)
    assert "3: 160, -1.0, 160, 1.0" in text and "1: not known" in text and "and 3 more" in text
    assert stim_designs(0, 4) == list(DESIGNS)
