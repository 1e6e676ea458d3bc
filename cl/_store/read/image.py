"""A file as HDF5's library is to see it: at one moment, and read at places, without a common position."""

from __future__ import annotations

import os
from bisect import bisect_right
from typing import Any, Final

from .descriptor import Descriptor


class Image:
    """What h5py takes for a file object: the blocks of a snapshot, all else as it is in the file.

    Its position is its own: processes that were forked, and other views, share the descriptor, not that.
    """

    def __init__(self, path: str, descriptor: Descriptor, blocks: dict[int, bytes]) -> None:
        self.descriptor: Final = descriptor
        self.blocks: Final = blocks
        self._path = path
        self._at = 0
        # Of the same moment. HDF5's library asks for it where no error of a file object gets through.
        self._size = os.fstat(descriptor.number).st_size
        self._addresses = sorted(blocks)

    def __repr__(self) -> str:
        """Return the path, by which HDF5 calls it."""
        return self._path

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = (0, self._at, self._size)[whence] + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer from where it stands; OSError where the file has ended before."""
        view = memoryview(buffer).cast("B")
        self.descriptor.read_into(view, self._at)
        self._lay_over(view)
        self._at += len(view)
        return len(view)

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            size = max(0, self._size - self._at)
        found = bytearray(size)
        self.readinto(found)
        return bytes(found)

    def _lay_over(self, view: memoryview) -> None:
        """Put the snapshot's blocks over what was read."""
        start, stop = self._at, self._at + len(view)
        for i in range(bisect_right(self._addresses, stop - 1) - 1, -1, -1):
            address = self._addresses[i]
            block = self.blocks[address]
            if address + len(block) <= start:  # and so do all before it: blocks do not overlap
                break
            low, high = max(start, address), min(stop, address + len(block))
            if low < high:
                view[low - start : high - start] = block[low - address : high - address]

    def write(self, data: bytes) -> int:
        raise OSError(f"{self._path} is open for reading only")

    def truncate(self, size: int | None = None) -> int:
        raise OSError(f"{self._path} is open for reading only")

    def flush(self) -> None:
        """Do nothing: nothing is written."""
