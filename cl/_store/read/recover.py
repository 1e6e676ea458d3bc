"""Ending a recording that was never ended: what `python -m cl recover FILE` does."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np

from cl._values.progress import Progress

from .view import RecordingView

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import h5py
    from numpy.typing import NDArray

    from cl._store.write import hdf5

    from .table import Table

BACKUP_SUFFIX: Final = ".backup"
_NUMBERS: Final = ("duration_frames", "duration_seconds", "end_timestamp")
_TEXTS: Final = ("ended_localtime", "ended_utc")
RECOVERED: Final = "recovered_utc"
"""When a recording was ended by `recover`: its checksums are of what was there then."""
_BLOCK: Final = 4 << 20


def recover(
    path: str | os.PathLike[str], is_written_to: Callable[[], bool] = lambda: False
) -> dict[str, Any] | None:
    """End a recording in place, from what is in it; return the attributes that were added.

    Returns None if it was ended already; one that a full disk has ended lacks only the checksums, and gets
    them. A copy, `<file>.backup`, is kept beside it until the
    result was read back; if anything fails it takes the file's place again. Raises as `RecordingView` does,
    FileExistsError if there is such a copy, OSError if there is no room for one, and RuntimeError, before
    anything has changed, for a file that `is_written_to` says is still being written.
    """
    file = Path(path)
    with RecordingView(file) as view:
        if view.complete and not _lacks_checksums(view):
            return None
        found = {name: view.attributes[name] for name in (*_NUMBERS, *_TEXTS)}
        lengths = {name: len(table) for name, table in _tables(view)}
    if is_written_to():
        raise RuntimeError(f"{file} is being written to: it can be recovered once it is no longer recorded")
    if not found["ended_utc"]:
        found["ended_utc"] = found["ended_localtime"] = "unknown"
    found[RECOVERED] = datetime.now(UTC).isoformat()
    file = file.resolve()  # not a link to it, which the backup would replace
    with file.open("rb+"):
        pass  # rather this error than one that names the copy
    backup = file.with_name(file.name + BACKUP_SUFFIX)
    _copy(file, backup)
    try:
        _end(file, found, lengths)
        _add_checksums(file)
        _read_back(file, found)
    except BaseException:
        os.replace(backup, file)
        raise
    backup.unlink()
    return found


def _lacks_checksums(view: RecordingView) -> bool:
    """Return whether there is a place for checksums, and none: at the end the disk was full."""
    from cl._store.write import checksums

    file = view._h5
    return file is not None and checksums.NAME in file and not len(file[checksums.NAME])


def _copy(file: Path, backup: Path) -> None:
    """Copy the file, on the disk to the last byte."""
    if backup.exists():
        raise FileExistsError(
            f"{backup} exists: an earlier recovery was interrupted; it is the file as it was"
        )
    part = backup.with_name(backup.name + ".part")
    try:
        with file.open("rb") as source, part.open("wb") as target:
            _copy_bytes(source, target)
        shutil.copystat(file, part)
        with part.open("rb+") as copy:
            os.fsync(copy.fileno())
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    os.replace(part, backup)
    if os.name == "posix":
        # A power cut must not leave a file that is half changed, and no backup.
        folder = os.open(backup.parent, os.O_RDONLY)
        try:
            with suppress(OSError):  # some file systems cannot
                os.fsync(folder)
        finally:
            os.close(folder)


def _copy_bytes(source: BinaryIO, target: BinaryIO) -> None:
    with Progress("keeping a copy", os.fstat(source.fileno()).st_size) as progress:
        while block := source.read(_BLOCK):
            target.write(block)
            progress.step(len(block))


def _tables(view: RecordingView) -> Iterator[tuple[str, Table]]:
    """Yield the tables of which a flush may have been left unfinished."""
    for name, table in (
        ("spikes", view.spikes),
        ("stims", view.stims),
        ("stim_designs", view.stim_designs),
    ):
        if table is not None:
            yield name, table


def _shorten(table: h5py.Dataset, rows: int) -> None:
    """Take from a table what a view does not show: events of frames that are not there."""
    if len(table) > rows and table.maxshape[0] is None:
        table.resize(rows, axis=0)
        if "NROWS" in table.attrs:
            table.attrs.modify("NROWS", np.int64(rows))


def _end(file: Path, found: dict[str, Any], lengths: dict[str, int]) -> None:
    import h5py

    try:
        recording = h5py.File(file, "r+")
    except BlockingIOError as error:
        raise BlockingIOError(error.errno, "another program has it open", str(file)) from error
    with recording:
        for name, rows in lengths.items():
            _shorten(recording[name], rows)
        for name in _NUMBERS:
            kind = np.float64 if name == "duration_seconds" else np.int64
            recording.attrs[name] = kind(found[name])
        for name in (*_TEXTS, RECOVERED):
            _set_text(recording, name, found[name])
    _to_disk(file)


def _to_disk(file: Path) -> None:
    with file.open("rb+") as written:
        os.fsync(written.fileno())


def _add_checksums(file: Path) -> None:
    """Give a recording the checksums that it would have got at its end."""
    import h5py

    from cl._store.write import checksums, layout

    from . import reader
    from .verify import digests

    try:
        with reader.open_file(file) as recording:
            found = digests.of_file(recording, recording.descriptor)
    except (OSError, RuntimeError, ValueError, KeyError):
        return  # What is damaged is ended all the same.
    rows, names = checksums.rows_of(found)
    with h5py.File(file, "r+") as recording:
        _put(recording, checksums.NAME, rows, layout.table_attributes(layout.CHECKSUM))
        _put(recording, checksums.DATA, np.frombuffer(names, np.uint8), layout.array_attributes())
    _to_disk(file)


def _put(
    recording: h5py.File, name: str, content: NDArray[Any], attributes: Iterable[hdf5.Attribute]
) -> None:
    """Put a dataset in the place of one that was to get its content at the end, which HDF5 cannot fill."""
    if name in recording:
        del recording[name]
    dataset = recording.create_dataset(name, data=content, chunks=(len(content),), maxshape=(None,))
    for attribute in attributes:
        if attribute.name == "NROWS":
            dataset.attrs[attribute.name] = np.int64(len(content))
        elif attribute.name == "EXTDIM":
            dataset.attrs[attribute.name] = np.int32(0)
        elif not attribute.name.endswith("_FILL"):  # zeros without them, too
            _set_text(dataset, attribute.name, attribute.data.decode())


def _set_text(holder: h5py.File | h5py.Dataset, name: str, text: str) -> None:
    import h5py

    data = text.encode()
    holder.attrs.create(name, data, dtype=h5py.string_dtype("utf-8", max(1, len(data))))


def _read_back(file: Path, found: dict[str, Any]) -> None:
    with RecordingView(file) as view:
        if not view.complete or any(view.attributes[name] != value for name, value in found.items()):
            raise ValueError(f"{file} could not be ended: what was written does not read back")
