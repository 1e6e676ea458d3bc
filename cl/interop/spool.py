"""A file under HDF5's library that goes on when the disk is full.

The library can neither go on nor close a file of which a write has failed: what it holds back is tried again
at every turn, at last when the process ends. Here the first error is kept, for `check`, and writes
go nowhere from then on.
"""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer


class Spool(io.RawIOBase):
    """A file that h5py writes to, `h5py.File(spool, "w")`; a context manager."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._number = -1
        self._number = os.open(path, os.O_RDWR | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0))
        self._at = 0
        self._failure: OSError | None = None

    def check(self) -> None:
        """Raise the error of the disk, if there was one."""
        if self._failure is not None:
            failed = self._failure
            raise OSError(failed.errno, failed.strerror, str(self._path)) from failed

    def write(self, data: ReadableBuffer, /) -> int:
        """Write at the place; where the disk does not take it, keep the error."""
        view = memoryview(data).cast("B")
        size, at = len(view), self._at
        self._at += size
        while len(view) and self._failure is None:
            try:
                done = os.pwrite(self._number, view, at)
                if not done:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                view, at = view[done:], at + done
            except OSError as error:
                self._failure = error
        return size

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read from the place on; zeros where nothing is, as after an error."""
        view = memoryview(buffer).cast("B")
        found = os.pread(self._number, len(view), self._at)
        view[: len(found)] = found
        view[len(found) :] = bytes(len(view) - len(found))
        self._at += len(view)
        return len(view)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a place."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at}.get(whence)
        self._at = offset + (os.fstat(self._number).st_size if base is None else base)
        return self._at

    def tell(self) -> int:
        """Return the place."""
        return self._at

    def truncate(self, size: int | None = None, /) -> int:
        """Give the file a size; an error is kept."""
        wanted = self._at if size is None else size
        if self._failure is None:
            try:
                os.ftruncate(self._number, wanted)
            except OSError as error:
                self._failure = error
        return wanted

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def writable(self) -> bool:
        """Whether it can be written to: yes."""
        return True

    def seekable(self) -> bool:
        """Whether it has places: yes."""
        return True

    def close(self) -> None:
        """Close it; nothing happens if it is closed."""
        number, self._number = self._number, -1
        super().close()
        if number >= 0:
            os.close(number)
