"""Where recordings go: their folders and names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cl._core.host_clock import utc_stamp
from cl._values.paths import absolute

from . import folders

if TYPE_CHECKING:
    from cl._core.device import DeviceInfo
    from cl._store.write.header import RecordingHeader
    from cl._store.write.writer import RecordingWriter

    from .plan import RecordingPlan

_DEVICE_FOLDER: Final = Path("/data/recordings")


def checked_suffix(suffix: str | None) -> str:
    """Return what the name of the file ends with; `ValueError` for what cannot be part of a name."""
    if suffix is None or suffix == "":
        return "recording"
    if not isinstance(suffix, str):
        raise TypeError(f"file_suffix must be a string, not {suffix!r}")
    if any(c in suffix for c in "/\\\0"):
        raise ValueError(f"file_suffix={suffix!r} is part of a file's name: it cannot hold a path")
    # The name of a file gets one end, also where the program gave it.
    return suffix.removesuffix(".h5") or "recording"


def choose_folder(folder: str | os.PathLike[str] | None, is_simulator: bool) -> Path:
    """Return the folder that was asked for, or the usual one: the device's own, or the current."""
    if folder is not None:
        return absolute(folder)
    if not is_simulator and _DEVICE_FOLDER.is_dir() and os.access(_DEVICE_FOLDER, os.W_OK):
        return _DEVICE_FOLDER
    return absolute(".")


def create(
    plan: RecordingPlan, info: DeviceInfo, has_clock: bool, sync_seconds: float
) -> tuple[RecordingWriter, list[Path]]:
    """Make a file with a name that nobody has taken, in UTC, and its folder where there is none.

    `has_clock` and `sync_seconds` are those of `plan.header`. Returned with the folders that were made. The
    first of several files has its number at the end of the name.
    """
    folder = choose_folder(plan.folder, info.is_simulator)
    part = None if plan.frames_per_file is None else _part(1, "")
    header = plan.header(info, has_clock, sync_seconds, part)
    with folders.made(folder) as new:
        name = f"{utc_stamp()}_{plan.suffix}"
        return _file_of(folder, name, "" if part is None else _number(1), header), new


def create_next(
    first: Path,
    previous: Path,
    number: int,
    plan: RecordingPlan,
    info: DeviceInfo,
    has_clock: bool,
    sync_seconds: float,
) -> RecordingWriter:
    """Make the file that follows another of its recording, from `plan.begin` on, named as the first."""
    header = plan.header(info, has_clock, sync_seconds, _part(number, previous.name))
    name = first.stem.removesuffix(_number(1))
    return _file_of(first.parent, name, _number(number), header, nameless=True)


def _number(number: int) -> str:
    return f"_part{number:04d}"


def _part(number: int, previous: str) -> dict[str, Any]:
    """Return what a file says of its place among those of its recording (the attribute `part`)."""
    return {"number": number, "previous": previous}


def _file_of(
    folder: Path, name: str, number: str, header: RecordingHeader, nameless: bool = False
) -> RecordingWriter:
    from cl._store.write.writer import RecordingWriter

    taken = 1
    while True:
        path = folder / f"{name}{'' if taken == 1 else f'_{taken}'}{number}.h5"
        try:
            return RecordingWriter(path, header, nameless=nameless)
        except FileExistsError:
            taken += 1
