"""Summaries, and ending what was not ended."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np
import pytest
import tables
from notebook_display import shown_in_a_notebook
from store_files import SYSTEM, Filler, check_tables, check_view, frames

import cl._store.read.recover as recovery
from cl import RecordingView
from cl._store.read.info import format_info, info
from cl._store.read.recover import recover
from cl._store.read.verify.checking import verify
from cl._store.write.header import RecordingHeader
from cl._store.write.writer import RecordingWriter
from cl._values import progress


@pytest.fixture
def unended(tmp_path: Path) -> tuple[Path, Filler]:
    path = tmp_path / "r.h5"
    filler = Filler(
        RecordingWriter(path, RecordingHeader(application={"dish": 7}, system=SYSTEM, start_timestamp=100))
    )
    filler.add_stream("game", {"score": 3})
    filler.add(2500, 200, 30, 20)
    filler.writer.flush()
    filler.writer.abort()
    return path, filler


def test_recovering(unended: tuple[Path, Filler], tmp_path: Path) -> None:
    path, filler = unended
    with RecordingView(path) as view:
        derived = dict(view.attributes)
        assert not view.complete
    added = recover(path)
    assert added is not None and added["duration_frames"] == 2500
    with check_view(path, filler.counts) as view:
        assert view.complete
        assert {name: view.attributes[name] for name in derived} == derived
        assert view.attributes["ended_utc"] > view.attributes["created_utc"]
    check_tables(path, filler.counts)
    with tables.open_file(str(path)) as other:
        assert other.root._v_attrs.end_timestamp == 2600
        assert other.root._v_attrs.ended_utc == derived["ended_utc"]
    assert [p.name for p in tmp_path.iterdir()] == ["r.h5"]
    assert recover(path) is None


@pytest.mark.parametrize("level", [0, 4])
def test_what_was_recovered_can_be_verified(tmp_path: Path, level: int) -> None:
    path = tmp_path / "r.h5"
    header = RecordingHeader(system=SYSTEM, compression=level, include_log=True, include_clock=True)
    filler = Filler(RecordingWriter(path, header))
    filler.add_stream("game", {"score": 3})
    filler.add(25_600, 40, 30, 20)
    filler.writer.flush()
    filler.writer.abort()
    with h5py.File(path) as file:
        chunk = file["samples"].id.get_chunk_info(1)  # frames 512 to 1023
    added = recover(path)
    assert added is not None
    report = verify(path)
    assert report.faults == []
    assert report.notes == [
        f"it was recovered, {added['recovered_utc']}: its checksums are of what was there then"
    ]
    with tables.open_file(str(path)) as other:
        assert other.root._v_attrs.recovered_utc == added["recovered_utc"]
        assert sum(other.root.checksums.col("dataset") == 0) >= 1
        names = json.loads(other.root.checksums_data[:].tobytes())
    assert {"samples", "spikes", "log", "data_stream/game", "data_stream/game/index", ""} <= set(names)
    with path.open("rb+") as written:
        written.seek(chunk.byte_offset + 100)
        written.write(b"other bytes")
    report = verify(path)
    assert [fault[:24] for fault in report.faults] == [
        "samples: frames 0 to 249" if not level else "samples: frames 512 to 1"
    ]
    with h5py.File(path, "r+") as file:
        file["log"].attrs["A"] = 1  # only the attributes of groups have checksums
        file["data_stream/game"].attrs["A"] = 1
    assert "the attributes of data_stream/game are not what was recorded" in verify(path).faults


def test_what_a_full_disk_has_ended_gets_its_checksums(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "r.h5"
    filler = Filler(RecordingWriter(path, RecordingHeader(system=SYSTEM)))
    filler.add(2_048, 40, 30)
    monkeypatch.setattr(filler.writer, "_add_checksums", lambda: None)
    filler.writer.finish()
    with RecordingView(path) as view:
        ended = view.attributes["ended_utc"]
    assert verify(path).notes == ["it has no checksums: what was recorded cannot be compared"]
    added = recover(path)
    assert added is not None and added["ended_utc"] == ended
    assert [note[:16] for note in verify(path).notes] == ["it was recovered"]
    with check_view(path, filler.counts) as view:
        assert view.complete and view.attributes["ended_utc"] == ended
    assert recover(path) is None


def test_what_could_not_be_read_is_still_told_of_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    filler = Filler(RecordingWriter(path, RecordingHeader(system=SYSTEM, compression=4)))
    filler.add(2_048)
    filler.writer.flush()
    filler.writer.abort()
    with h5py.File(path) as file:
        chunk = file["samples"].id.get_chunk_info(1)
    with path.open("rb+") as written:
        written.seek(chunk.byte_offset + 100)
        written.write(b"other bytes")
    recover(path)
    report = verify(path)
    assert report.faults == ["samples: frames 512 to 1023 cannot be read"]
    assert "samples: frames 0 to 511, 1024 to 2047" in report.readable


def test_events_beyond_the_last_frame_are_dropped(tmp_path: Path) -> None:
    """As earlier versions may have left them, killed in the midst of a commit."""
    path = tmp_path / "r.h5"
    filler = Filler(RecordingWriter(path, RecordingHeader(system=SYSTEM)))
    filler.add(2_000, 700, 300)
    filler.writer.flush(400)
    filler.writer.abort()
    with RecordingView(path) as view:
        assert (len(view.samples), len(view.spikes), len(view.stims)) == (400, 400, 134)
        assert (len(view._h5["spikes"]), len(view._h5["stims"])) == (700, 300)
    recover(path)
    counts = 400, 400, 134, {}
    with check_view(path, counts) as view:
        assert (len(view.samples), len(view.spikes), len(view.stims), view.spikes.nrows) == (*counts[:3], 400)
    check_tables(path, counts)
    with tables.open_file(str(path)) as other:
        assert (other.root.spikes.nrows, other.root.stim_designs.nrows) == (400, 134)


def test_recovering_what_is_complete_changes_nothing(shared_data: Path, tmp_path: Path) -> None:
    content = (shared_data / "reference_recording.h5").read_bytes()
    (tmp_path / "r.h5").write_bytes(content)
    assert recover(tmp_path / "r.h5") is None
    assert (tmp_path / "r.h5").read_bytes() == content


def test_recovering_a_file_of_another_writer(shared_data: Path, tmp_path: Path) -> None:
    """What PyTables wrote and never finished, as far as it can be opened."""
    path = tmp_path / "r.h5"
    path.write_bytes((shared_data / "reference_recording.h5").read_bytes())
    with tables.open_file(str(path), "a") as other:
        for name in ("duration_frames", "duration_seconds", "end_timestamp", "ended_utc", "ended_localtime"):
            del other.root._v_attrs[name]
    with RecordingView(path) as view:
        assert not view.complete and view.attributes["duration_frames"] == 25_000
    recover(path)
    with RecordingView(path) as view:
        assert view.complete
        assert view.attributes["ended_utc"] == "2026-11-22T08:27:08.801741+00:00"


def test_a_failure_brings_the_file_back(
    unended: tuple[Path, Filler], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = unended
    content = path.read_bytes()

    def fail(file: Path, found: object) -> None:
        assert (tmp_path / "r.h5.backup").read_bytes() == content
        raise OSError("the disk is gone")

    monkeypatch.setattr(recovery, "_read_back", fail)
    with pytest.raises(OSError, match="disk is gone"):
        recover(path)
    assert path.read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == ["r.h5"]


def test_a_link_stays_a_link(
    unended: tuple[Path, Filler], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = unended
    link = tmp_path / "link.h5"
    link.symlink_to(path.name)
    content = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(recovery, "_read_back", lambda file, found: int("the disk is gone"))
        with pytest.raises(ValueError, match="disk is gone"):
            recover(link)
    assert link.is_symlink()
    assert path.read_bytes() == content
    assert recover(link)
    assert link.is_symlink()
    with RecordingView(path) as view:
        assert view.complete


def test_a_file_that_must_not_be_written_to(
    unended: tuple[Path, Filler], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = unended
    path.chmod(0o400)
    content = path.read_bytes()
    opened = Path.open

    def strict(file: Path, mode: str = "r") -> Any:
        """As it is for everybody but root."""
        if "+" in mode and not file.stat().st_mode & 0o200:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))
        return opened(file, mode)

    monkeypatch.setattr(Path, "open", strict)
    with pytest.raises(PermissionError, match=r"r\.h5'$"):
        recover(path)
    assert path.read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == ["r.h5"]


def test_a_file_that_another_program_has_open(unended: tuple[Path, Filler], tmp_path: Path) -> None:
    path, _ = unended
    content = path.read_bytes()
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        with pytest.raises(BlockingIOError, match=r"another program has it open: '.*r\.h5'"):
            recover(path)
    assert path.read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == ["r.h5"]


def test_a_backup_is_not_overwritten(unended: tuple[Path, Filler], tmp_path: Path) -> None:
    path, _ = unended
    (tmp_path / "r.h5.backup").write_text("earlier")
    content = path.read_bytes()
    with pytest.raises(FileExistsError, match=r"r\.h5\.backup"):
        recover(path)
    assert path.read_bytes() == content
    assert (tmp_path / "r.h5.backup").read_text() == "earlier"


def test_no_room_for_a_backup(
    unended: tuple[Path, Filler], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = unended

    def full(source: BinaryIO, target: BinaryIO) -> None:
        target.write(b"some")
        raise OSError("no space")

    monkeypatch.setattr(recovery, "_copy_bytes", full)
    with pytest.raises(OSError, match="no space"):
        recover(path)
    assert [p.name for p in tmp_path.iterdir()] == ["r.h5"]
    with RecordingView(path) as view:
        assert not view.complete


def test_a_long_copy_says_how_far_it_is(
    unended: tuple[Path, Filler], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = shown_in_a_notebook(monkeypatch)
    monkeypatch.setattr(progress, "_EVERY_S", 0.0)
    recover(unended[0])
    assert "keeping a copy: 100% in 0:0" in shown[-2] and shown[-1] == ""


def test_what_cannot_be_recovered(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        recover(tmp_path / "none.h5")
    (tmp_path / "x.h5").write_text("hello")
    with pytest.raises(ValueError, match="not an HDF5 file"):
        recover(tmp_path / "x.h5")


def test_info(shared_data: Path) -> None:
    summary = info(shared_data / "reference_recording.h5")
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert summary["complete"] is True
    assert (summary["duration_frames"], summary["duration_seconds"]) == (25_000, 1.0)
    assert summary["samples"] == [25_000, 64]
    assert summary["spikes"]["count"] == 240 == sum(summary["spikes"]["count_by_channel"].values())
    assert summary["spikes"]["hz_by_channel"]["9"] == summary["spikes"]["count_by_channel"]["9"]
    assert summary["stims"]["count"] == 45
    game = summary["data_streams"]["game"]
    assert (game["count"], game["first_timestamp"]) == (20, 250)
    assert game["attributes"]["application"]["score"] == 7
    assert summary["data_streams"]["empty"]["first_timestamp"] is None
    assert summary["attributes"]["application"]["weights"] == [0.0, 1.0, 2.0, 3.0]
    text = format_info(summary)
    for part in ("1.000 s, 25000 frames", "240, on", "game: 20 entries", "dish 7", "complete", "4.0 MB"):
        assert part in text
    assert "INCOMPLETE" not in text


def test_info_of_odd_recordings(unended: tuple[Path, Filler], tmp_path: Path) -> None:
    text = format_info(info(unended[0]))
    assert "INCOMPLETE" in text and "recover" in text
    path = tmp_path / "bare.h5"
    odd = {
        "nan": float("nan"),
        "inf": np.float32("inf"),
        "bytes": b"\xff",
        "complex": 1j,
        "set": {2, 1},
        "when": np.array(["2026-01-01"], "M8[D]"),
        "void": np.zeros(2, [("a", "i4")]),
        "keys": {1: 2, None: 3},
        "long": "x" * 1000,
    }
    RecordingWriter(
        path,
        RecordingHeader(
            application=odd,
            include_raw_samples=False,
            include_spikes=False,
            include_stims=False,
            include_data_streams=False,
        ),
    ).finish()
    summary = info(path)
    json.dumps(summary, allow_nan=False)
    assert summary["samples"] is summary["spikes"] is summary["stims"] is summary["data_streams"] is None
    assert summary["attributes"]["application"]["nan"] == "nan"
    text = format_info(summary)
    assert text.count("not recorded") == 4
    assert max(map(len, text.splitlines())) < 250


def test_info_of_many_channels(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "r.h5")
    writer.append_samples(frames(0, 250))
    writer.append_spikes(list(range(62)), list(range(62)), np.zeros((62, 75)))
    writer.finish()
    text = format_info(info(tmp_path / "r.h5"))
    assert "62, on 62 channels" in text and "61: 100.00" in text
