"""Ending a recording that was never ended: what `python -m cl recover FILE` does."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .view import RecordingView

if TYPE_CHECKING:
    import h5py

BACKUP_SUFFIX: Final = ".backup"
_LAST: Final = 100_000
"""Events at the end of a table among which those beyond the recording's end are."""
_NUMBERS: Final = ("duration_frames", "duration_seconds", "end_timestamp")
_TEXTS: Final = ("ended_localtime", "ended_utc")


def recover(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """End a recording in place, from what is in it; return the attributes that were added.

    Returns None if it was ended already. A copy, `<file>.backup`, is kept beside it until the
    result was read back; if anything fails it takes the file's place again. Raises as `RecordingView` does,
    FileExistsError if there is such a copy, and OSError if there is no room for one.
    """
    file = Path(path)
    with RecordingView(file) as view:
        if view.complete:
            return None
        found = {name: view.attributes[name] for name in (*_NUMBERS, *_TEXTS)}
    if not found["ended_utc"]:
        found["ended_utc"] = found["ended_localtime"] = "unknown"
    file = file.resolve()  # not a link to it, which the backup would replace
    with file.open("rb+"):
        pass  # rather this error than one that names the copy
    backup = file.with_name(file.name + BACKUP_SUFFIX)
    _copy(file, backup)
    try:
        _end(file, found)
        _read_back(file, found)
    except BaseException:
        os.replace(backup, file)
        raise
    backup.unlink()
    return found


def _copy(file: Path, backup: Path) -> None:
    """Copy the file, on the disk to the last byte."""
    if backup.exists():
        raise FileExistsError(
            f"{backup} exists: an earlier recovery was interrupted; it is the file as it was"
        )
    part = backup.with_name(backup.name + ".part")
    try:
        shutil.copy2(file, part)
        with part.open("rb+") as copy:
            os.fsync(copy.fileno())
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    os.replace(part, backup)


def _end(file: Path, found: dict[str, Any]) -> None:
    import h5py

    try:
        recording = h5py.File(file, "r+")
    except BlockingIOError as error:
        raise BlockingIOError(error.errno, "another program has it open", str(file)) from error
    with recording:
        if "samples" in recording:
            _trim(recording, len(recording["samples"]))
        for name in _NUMBERS:
            kind = np.float64 if name == "duration_seconds" else np.int64
            recording.attrs[name] = kind(found[name])
        for name in _TEXTS:
            _set_text(recording, name, found[name])
    with file.open("rb+") as written:
        os.fsync(written.fileno())


def _trim(recording: h5py.File, frames: int) -> None:
    """Drop the events beyond the end: earlier versions could be killed between them and their frames."""
    for table, companions in (("spikes", ()), ("stims", ("stim_designs",))):
        events = recording.get(table)
        if events is None:
            continue
        count = len(events)
        timestamps = events.fields("timestamp")[max(0, count - _LAST) :]
        kept = count - int((timestamps >= frames).sum())
        if kept < count:
            for name in (table, *companions):
                _shorten(recording[name], kept)


def _shorten(table: h5py.Dataset, rows: int) -> None:
    table.resize(min(rows, len(table)), axis=0)
    if "NROWS" in table.attrs:
        table.attrs["NROWS"] = np.int64(table.shape[0])


def _set_text(recording: h5py.File, name: str, text: str) -> None:
    import h5py

    data = text.encode()
    recording.attrs.create(name, data, dtype=h5py.string_dtype("utf-8", len(data)))


def _read_back(file: Path, found: dict[str, Any]) -> None:
    with RecordingView(file) as view:
        if not view.complete or any(view.attributes[name] != value for name, value in found.items()):
            raise ValueError(f"{file} could not be ended: what was written does not read back")
