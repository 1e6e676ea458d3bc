"""Paths where the working directory may be gone."""

from __future__ import annotations

import os
from pathlib import Path


def absolute(path: str | os.PathLike[str]) -> Path:
    """Return an absolute path; `FileNotFoundError` that names it where it is relative to nothing.

    A program may have removed its working directory: of temporary files, of a test, of a network's share.
    """
    try:
        return Path(path).absolute()
    except FileNotFoundError as error:
        raise FileNotFoundError(
            error.errno,
            "No such file or directory: the working directory is gone, and this path is relative to it",
            os.fspath(path),
        ) from None
