"""`python -m cl verify`: nothing is wrong with what was recorded, and what has changed is found."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path
from random import Random
from typing import Any

import h5py
import numpy as np
import pytest
from reference_data import RECORDING
from store_files import SYSTEM, Filler, frames

import cl
from cl.__main__ import main
from cl._core.device_log import Happening, LogKind
from cl._store.read.verify.checking import verify
from cl._store.write.header import RecordingHeader
from cl._store.write.writer import RecordingWriter
from cl.sim import Simulator

FLIPS = int(os.environ.get("CL_VERIFY_FLIPS", "42"))
"""How many bits are flipped, one at a time."""


HEADER = RecordingHeader(application={"a": 1}, system=SYSTEM, include_clock=True, include_log=True)


def write(path: Path, *, level: int = 0, ended: bool = True, **header: Any) -> Path:
    """A recording of 3 s of 25 frames each, so to speak: blocks of checksums are a second."""
    about = RecordingHeader(
        application={"a": 1}, system=SYSTEM, include_clock=True, compression=level, **header
    )
    filler = Filler(RecordingWriter(path, about))
    filler.add_stream("one", {"gain": 2})
    for i in range(4):
        filler.add(1_700, 40, 30, 6)
        filler.writer.append_clock(i * 1_700, 10 * i, 20 * i)
        filler.writer.flush()
    if ended:
        filler.writer.finish()
    else:
        filler.writer.abort()
    return path


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cl._store.write.checksums.SAMPLE_BLOCK", 1_000)


@pytest.mark.parametrize("level", [0, 4])
def test_nothing_is_wrong_with_what_was_recorded(tmp_path: Path, level: int) -> None:
    report = verify(write(tmp_path / "r.h5", level=level))
    assert (report.faults, report.notes) == ([], [])
    assert (
        "samples: all 6800 frames" in report.readable
        and "data_stream/one/index: all 24 rows" in report.readable
    )
    unended = verify(write(tmp_path / "killed.h5", level=level, ended=False))
    assert [fault[:21] for fault in unended.faults] == ["it was never ended, o"]
    assert f"samples: all {6800} frames" in unended.readable


def test_whole_programs(tmp_path: Path) -> None:
    """Everything that there is in a recording, in one file and in several."""
    with cl.open(device=Simulator("cl.sim.culture:create", seed=2, accelerated=True)) as neurons:
        stream = neurons.create_data_stream("ticks", {"a": 1})
        one = neurons.record("one", from_frames_ago=0, stop_after_seconds=2.3, compression="gzip")
        several = neurons.record("several", stop_after_seconds=2.3, new_file_every_seconds=1)
        for tick in neurons.loop(50, stop_after_seconds=2.3):
            neurons.stim(8 + tick.iteration % 9, 1.0)
            stream.append(tick.iteration_timestamp, tick.iteration)
        one.wait_until_stopped()
        several.wait_until_stopped()
    names = [one.file["path"], *(file["path"] for file in several.files)]
    assert main(["verify", *names]) == 0
    for name in names:
        assert verify(name).notes == []
    Path(names[2]).unlink()
    assert main(["verify", names[1], names[3]]) == 0  # of what is not given nothing is said
    with h5py.File(names[3], "r+") as file:
        file.attrs["start_timestamp"] = np.int64(file.attrs["start_timestamp"] + 1)
    assert main(["verify", names[3]]) == 1


def test_files_of_others_and_of_earlier_versions(tmp_path: Path) -> None:
    path = write(tmp_path / "r.h5")
    with h5py.File(path, "r+") as file:
        del file["checksums"]
    report = verify(path)
    assert report.is_whole and report.notes == ["it has no checksums: what was recorded cannot be compared"]
    if not RECORDING.is_file():
        pytest.skip("needs the reference recording")
    assert verify(RECORDING).is_whole


def contents(path: Path) -> dict[str, Any]:
    """Return all that can be read of a file."""
    found: dict[str, Any] = {}
    with h5py.File(path) as file:

        def note(name: str, item: Any) -> None:
            found[name] = item[:].tobytes() if isinstance(item, h5py.Dataset) else None
            found[f"{name} attributes"] = sorted((str(key), str(value)) for key, value in item.attrs.items())

        file.visititems(note)
        note("root", file)
    return found


@pytest.mark.parametrize("level", [0, 4])
def test_flipped_bits_are_found(tmp_path: Path, level: int) -> None:
    """Wherever they are: of what is not told of, everything reads as it was recorded."""
    path = write(tmp_path / "r.h5", level=level)
    whole, data, random = contents(path), path.read_bytes(), Random(level)
    with h5py.File(path) as file:
        chunks = [file["samples"].id.get_chunk_info(i) for i in range(13)]
    mutant = tmp_path / "mutant.h5"
    harmless = 0
    for i in range(FLIPS):
        place = random.randrange(len(data))
        if i % 3 == 0:  # in the samples' first 13 chunks, of which all rows are there
            chunk = random.choice(chunks)
            place = chunk.byte_offset + random.randrange(chunk.size)
        elif i % 6 == 1:  # among what tells where things are
            place = random.randrange(20_000)
        changed = bytearray(data)
        changed[place] ^= 1 << random.randrange(8)
        mutant.write_bytes(changed)
        report = verify(mutant)
        if not report.is_whole:
            continue
        assert i % 3, f"a bit of the samples at {place}"
        harmless += 1
        now = contents(mutant)
        own = {name for name in whole if not name.endswith("attributes") or name in ("root attributes",)}
        assert {name: now[name] for name in own} == {name: whole[name] for name in own}, place
    assert harmless < FLIPS / 2


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "r.h5")
    with h5py.File(path) as file:
        chunk = file["samples"].id.get_chunk_info(5)  # rows 2560 to 3071
    data = bytearray(path.read_bytes())
    data[chunk.byte_offset + 100 * 128] ^= 4
    path.write_bytes(data)
    report = verify(path)
    assert report.faults == ["samples: frames 2000 to 2999 are not what was recorded"]
    assert "samples: frames 0 to 1999, 3000 to 6799" in report.readable


@pytest.mark.parametrize("level", [0, 4])
def test_truncated_files(tmp_path: Path, level: int) -> None:
    path = write(tmp_path / "r.h5", level=level)
    data = path.read_bytes()
    told = 0
    for size in (0, 50, 300, *np.linspace(20_000, len(data) - 1, 12).astype(int).tolist()):
        cut = tmp_path / "cut.h5"
        cut.write_bytes(data[:size])
        report = verify(cut)
        assert not report.is_whole
        if size < 20_000:
            continue
        assert report.faults[0] == f"it was truncated: its last {len(data) - size} bytes are missing"
        for line in report.readable:
            for first, last in (
                re.findall(r"(\d+) to (\d+)", line) if line.startswith("samples: frames") else ()
            ):
                told += int(last) + 1 - int(first)
    assert told > 6_800  # in sum over all of them: some of it is there in most


def test_disorder_is_found_without_checksums_too(tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    filler = Filler(RecordingWriter(path, HEADER))
    filler.add_stream("one", {"gain": 2})
    for i in range(4):
        filler.add(1_700, 40, 30, 6)
        filler.writer.append_clock(i * 1_700, 10 * i, 20 * i)
        filler.writer.append_log([Happening(i * 1_700, LogKind.ANNOTATION, f"remark {i}", fields=b"\x80")])
    filler.writer.finish()
    with h5py.File(path, "r+") as file:
        del file["checksums"]
    assert verify(path).is_whole
    cases: list[tuple[str, str, int, Any, str]] = [
        ("spikes", "timestamp", 17, 0, "spikes: rows 17 come before the one in front of them"),
        ("spikes", "channel", 17, 64, "spikes: rows 17 are of channels that are not below 64"),
        ("spikes", "samples", 3, np.nan, "spikes: rows 3 have samples that are no numbers"),
        ("stims", "timestamp", 119, 1 << 40, "stims: 1 are at or beyond the recording's end, frame 6800"),
        ("stim_designs", "phases", 2, 9, "stim_designs: rows 2 have phases that no design has"),
        ("log", "text_bytes", 2, 19, "log: rows 2 have texts beyond those of /log_data"),
        ("log", "fields_bytes", 3, 2, "log: rows 3 have texts beyond those of /log_data"),
        ("log", "data_index", 1, (1 << 64) - 1, "log: rows 1 have texts beyond those of /log_data"),
        ("log", "phases", 1, 4, "log: rows 1 have phases that no design has"),
        ("clock", "monotonic_ns", 2, 0, "clock: rows 2 do not come after"),
        ("data_stream/one/index", "timestamp", 4, 0, "data_stream/one: rows 4 do not come after"),
        ("data_stream/one/index", "end_index", 4, 1 << 50, "data_stream/one: rows 4 end before"),
    ]
    for name, column, row, value, expected in cases:
        mutant = tmp_path / "mutant.h5"
        shutil.copy(path, mutant)
        with h5py.File(mutant, "r+") as file:
            rows = file[name][:]
            rows[column][row] = value
            file[name][:] = rows
        faults = verify(mutant).faults
        assert any(fault.startswith(expected) for fault in faults), (faults, expected)
    with h5py.File(path, "r+") as file:
        file.attrs["duration_frames"] = np.int64(5)
    assert len(verify(path).faults) >= 3


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "r.h5")
    assert main(["verify", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: nothing is wrong\n"
    (tmp_path / "b.h5").write_bytes(b"nothing of the kind")
    assert main(["verify", str(path), str(tmp_path / "b.h5"), str(tmp_path / "c.h5"), "--json"]) == 1
    whole, bad, gone = json.loads(capsys.readouterr().out)
    assert (whole["whole"], bad["whole"], gone["whole"]) == (True, False, False)
    assert "is not an HDF5 file" in bad["faults"][0] and bad["readable"] == ["nothing"]
    assert "No such file" in gone["faults"][0]
    assert main(["verify", str(tmp_path / "b.h5")]) == 1
    assert "1 fault\n  fault: " in capsys.readouterr().out
    assert np.array_equal(frames(0, 5), h5py.File(path)["samples"][:5])


@pytest.mark.parametrize("level", [0, 4])
def test_a_terminal_is_told_how_far_the_command_has_come(
    level: int, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [str(write(tmp_path / f"{name}.h5", level=level)) for name in "ab"]
    monkeypatch.delenv("CL_PROGRESS", raising=False)
    assert main(["verify", *paths]) == 0 and capsys.readouterr().err == ""
    monkeypatch.setattr("cl._values.progress._EVERY_S", 0)  # every step
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(["verify", paths[0], str(tmp_path / "none.h5"), paths[1]]) == 1
    told = capsys.readouterr()
    assert "\r" not in told.out and told.err.endswith(" \r"), "the line is left on the screen"
    parts = [int(part) for part in re.findall(r"verifying \[[#.]+\] +(\d+)%", told.err)]
    assert parts == sorted(parts) and {0, 50, 100} <= set(parts) and len(set(parts)) > 12
