"""Where recordings go: their folders and names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

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

    `has_clock` and `sync_seconds` are those of `plan.header`. Returned with the folders that were made.
    """
    folder = choose_folder(plan.folder, info.is_simulator)
    header = plan.header(info, has_clock, sync_seconds)
    with folders.made(folder) as new:
        return _file_in(folder, plan.suffix, header), new


def _file_in(folder: Path, suffix: str, header: RecordingHeader) -> RecordingWriter:
    from cl._store.write.writer import RecordingWriter

    stamp = utc_stamp()
    number = 1
    while True:
        path = folder / f"{stamp}_{suffix}{'' if number == 1 else f'_{number}'}.h5"
        try:
            return RecordingWriter(path, header)
        except FileExistsError:
            number += 1
