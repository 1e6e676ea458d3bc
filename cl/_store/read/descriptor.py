"""A file that is read at places."""

from __future__ import annotations

import os
from contextlib import suppress

from cl._values.descriptors import keep_opened


class Descriptor:
    """An open file. It is closed once no read is under way: none can meet another file in its place."""

    def __init__(self, path: str | os.PathLike[str], flags: int = 0) -> None:
        """Open a file for reading; `flags` are further ones of `os.open`."""
        flags |= os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        self._open: _Open | None = _Open()
        keep_opened(self._open, "number", path, flags)

    @property
    def number(self) -> int:
        """The system's number of it; ValueError after `close`."""
        return self._opened().number

    def read_into(self, view: memoryview, address: int) -> None:
        """Fill `view` with what lies from the address on; OSError if the file ends before."""
        held = self._opened()
        done = 0
        while done < len(view):
            got = _read_at(held.number, view[done:], address + done)
            if not got:
                raise OSError(f"the file ends before byte {address + len(view)}: it was truncated")
            done += got

    def _opened(self) -> _Open:
        held = self._open
        if held is None:
            raise ValueError("the recording is closed")
        return held

    def close(self) -> None:
        """Close it; nothing happens if it is closed."""
        self._open = None


class _Open:
    """Owns a descriptor: it is closed with the last reference to this."""

    number = -1

    def __del__(self) -> None:
        if self.number >= 0:
            with suppress(OSError):  # It is closed all the same, and nothing was written.
                os.close(self.number)


def _read_at(number: int, view: memoryview, address: int) -> int:
    if hasattr(os, "preadv"):
        return os.preadv(number, [view], address)
    os.lseek(number, address, os.SEEK_SET)
    data = os.read(number, len(view))
    view[: len(data)] = data
    return len(data)
