"""A file that ends too early, for HDF5's library, which refuses those: zeros stand for what is missing."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any, Final

import h5py

from cl._store.read.descriptor import Descriptor

_END_OF_FILE_FIELD: Final = 40
_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n\0"


class Padded:
    """What h5py takes for a file object, as long as the file says it is."""

    def __init__(self, descriptor: Descriptor, size: int) -> None:
        self._descriptor = descriptor
        self._size = size
        self._at = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        view[:] = bytes(len(view))
        there = os.fstat(self._descriptor.number).st_size - self._at
        if there > 0:
            self._descriptor.read_into(view[:there], self._at)
        self._at += len(view)
        return len(view)

    def read(self, size: int = -1) -> bytes:
        found = bytearray(self._size - self._at if size < 0 else size)
        self.readinto(found)
        return bytes(found)

    def write(self, data: bytes) -> int:
        raise OSError("the file is open for reading only")

    def truncate(self, size: int | None = None) -> int:
        raise OSError("the file is open for reading only")

    def flush(self) -> None:
        """Do nothing: nothing is written."""


def open_truncated(path: Path) -> tuple[h5py.File, Descriptor, int] | None:
    """Return a file that ends too early, with how many bytes are missing; None for any other.

    OSError or RuntimeError where what tells the places of things is among what is missing.
    """
    descriptor = Descriptor(path)
    try:
        with path.open("rb") as file:
            head = file.read(96)
        there = os.stat(path).st_size
        if len(head) < 96 or not head.startswith(_SIGNATURE):
            return None
        (size,) = struct.unpack_from("<Q", head, _END_OF_FILE_FIELD)
        if not there < size < 1 << 48:
            return None
        return h5py.File(Padded(descriptor, size), "r"), descriptor, size - there
    except BaseException:
        descriptor.close()
        raise
