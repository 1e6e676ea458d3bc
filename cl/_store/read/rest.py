"""Whether a file is being written to, by a look at it and another: no clock but a monotonic one is asked.

The file's times come from the clock of the machine that writes it, which may be any time away from that of
this one.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from pathlib import Path

REST_S: Final = 1.5
"""A recording that still runs is written to more often than this, whatever its device does."""
_LOOK_S: Final = 0.05
_HEAD: Final = 4096

_Look: TypeAlias = "tuple[int, int, int, bytes]"


def is_written_to(path: Path, rest_s: float = REST_S) -> bool:
    """Look for a while whether the file changes; return True as soon as it has."""
    first, begin = _look(path), time.monotonic()
    while time.monotonic() - begin < rest_s:
        threading.Event().wait(_LOOK_S)
        if _look(path) != first:
            return True
    return _look(path) != first


def _look(path: Path) -> _Look:
    """Return what a write changes: where file systems keep times coarsely, perhaps only the content."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns, head
