"""The path of a device's socket: the system keeps it in a field of fixed size."""

from __future__ import annotations

import errno
import os
from typing import Final

LONGEST_PATH: Final = 107
"""Bytes, on Linux: `sun_path` of unix(7) less the zero that ends it."""


def fits(path: str | os.PathLike[str]) -> bool:
    """Return whether a socket can be at a path."""
    return len(os.fsencode(path)) <= LONGEST_PATH


def check_path(path: str) -> None:
    """Raise `OSError` that says what to do about a path where no socket can be."""
    if not fits(path):
        raise OSError(
            errno.ENAMETOOLONG,
            f"its path has {len(os.fsencode(path))} bytes, and a UNIX socket's at most {LONGEST_PATH}: "
            "choose a shorter one, or a symbolic link to its folder",
        )
