"""What an emulator prints, and what its source does: it waits for nobody to read it."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

from cl._values.saying import write_at_once

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


def never_wait() -> None:
    """Have stdout and stderr drop what they cannot take at once, or at all.

    A device that waits within a `print`, since nobody empties the pipe, shows no sign of life.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            continue
        raw = io.BufferedWriter(_Dropping(stream.fileno()), 1)
        setattr(sys, name, io.TextIOWrapper(raw, stream.encoding, "backslashreplace", write_through=True))


class _Dropping(io.RawIOBase):
    """A file that writes what its descriptor takes at once."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def fileno(self) -> int:
        return self._fd

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer) -> int:
        data = bytes(data)
        try:
            return write_at_once(self._fd, data)
        except OSError:  # a broken pipe, a full disk
            return len(data)
