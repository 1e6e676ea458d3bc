"""The zip of an application: made of its folder, or read without being unpacked."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from .project import Project

_LEFT_OUT: Final = (
    *("__pycache__", "*.pyc", "*.pyo", "*.pyd", "*.swp", "*.swo", "Thumbs.db", "thumbs.db", "Desktop.ini"),
    *("desktop.ini", "ehthumbs.db", "ehthumbs_vista.db", "__MACOSX"),
)


def files_of(folder: Path, above: frozenset[tuple[int, int]] = frozenset()) -> Iterator[Path]:
    """Yield the files that are packed, in order of their names.

    Links are followed, those back to a folder that they lie in are not; what is no file (a socket, a pipe) is
    no part of an application.
    """
    status = folder.stat()
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or any(fnmatchcase(path.name, pattern) for pattern in _LEFT_OUT):
            continue
        if path.is_dir():
            yield from files_of(path, above | {here})
        elif path.is_file():
            yield path


def write_archive(project: Project, files: list[Path]) -> Path:
    """Write the zip beside the folder, in the place of an older one once it is whole; return its path."""
    target = project.folder.parent / f"{project.id}.zip"
    part = target.with_name(f".{project.id}.zip.{os.getpid()}.tmp")
    try:
        with (
            part.open("xb") as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive,
        ):
            for path in files:
                archive.write(path, f"{project.id}/{path.relative_to(project.folder).as_posix()}")
        os.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return target
