"""What others show of an application: its page and its description, from its folder or its zip.

A zip comes from elsewhere: nothing is written to the disk, names that lead out of it and links are refused,
and no file is unpacked beyond what it may have.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cl._values.archives import checked_entries
from cl._values.printing import printable

from .project import Project

_MOST_BYTES: Final = 16 << 20
"""Of a file that is read."""
_Read = Callable[[str], str | None]


@dataclass(frozen=True)
class Packed:
    """An application's id, the object of its info.json, and the files of its page; None: not there."""

    id: str
    info: dict[str, Any] | None
    page: str | None
    script: str | None
    style: str | None


def open_packed(path: str | os.PathLike[str]) -> Packed:
    """Read an application's folder or zip; `OSError` or `ValueError` where it is none."""
    if Path(path).is_dir():
        project = Project(path)
        return _packed(project.id, lambda name: _in_folder(project, name))
    try:
        with zipfile.ZipFile(path) as archive:
            entries = checked_entries(archive)
            (top,) = {name.split("/")[0] for name in entries} or {""}
            return _packed(top, lambda name: _in_zip(archive, entries.get(f"{top}/{name}")))
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is no zip of an application: {error}") from None


def _packed(identity: str, read: _Read) -> Packed:
    text = read("info.json")
    try:
        info = None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        info = None
    files = (read(f"web/{name}") for name in ("vis.html", "vis.mjs", "vis.css"))
    return Packed(identity, info if isinstance(info, dict) else None, *files)


def _in_folder(project: Project, name: str) -> str | None:
    path = project.folder / name
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return _text(name, file.read(_MOST_BYTES + 1))


def _in_zip(archive: zipfile.ZipFile, entry: zipfile.ZipInfo | None) -> str | None:
    if entry is None:
        return None
    with archive.open(entry) as file:
        return _text(entry.filename, file.read(_MOST_BYTES + 1))


def _text(name: str, data: bytes) -> str:
    if len(data) > _MOST_BYTES:
        raise ValueError(f"{printable(name)} has more than {_MOST_BYTES >> 20} MiB")
    return data.decode("utf-8")
