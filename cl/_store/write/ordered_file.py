"""A file in which every state on disk between two writes can be read.

Killing the process keeps what the kernel has been given, so what counts is the
order of the writes and that each write to something reachable is whole:

1. new blocks are written where nothing refers to yet (`write`);
2. `commit` makes the end-of-file field cover them, then performs the links: writes to
   reachable blocks, in the order in which they were asked for. A link that makes something
   reachable comes after everything it leads to. It crosses no page (except where its parts may well be
   seen apart), and the kernel does not stop inside a page, so a link is there or not. There are few:
   each is a moment at which the interpreter's lock is given back and has to be got again;
3. a block that is no longer reachable is free for new blocks only after the commit.

Nothing is ever moved, and an error (a full disk) leaves the last commit as it was.
"""

from __future__ import annotations

import os
import struct
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from cl._values.descriptors import let_go

from . import hdf5

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE: Final = 4096
LARGEST_WRITE: Final = 1 << 20


class OrderedFile:
    """Space in a file, ordered writes to it, and the commit."""

    def __init__(self, descriptor: int) -> None:
        self.end = hdf5.SUPERBLOCK_SIZE
        self._descriptor = descriptor
        self._links: deque[tuple[int, bytes]] = deque()
        self._free: list[tuple[int, int]] = []
        self._freed: list[tuple[int, int]] = []
        self._committed_end = 0
        self.failed = False
        """Whether the disk has failed. No block is used again then: what replaced it may be lost."""

    def allocate(self, size: int, whole: bool = False) -> int:
        """Return the address of `size` bytes of space, a multiple of 8.

        A whole block lies in one page, so that a link can change all of it. Raises OSError if the
        file cannot grow.
        """
        if not self.failed:
            for i, (address, capacity) in enumerate(self._free):
                if size <= capacity <= 2 * size and not (whole and _crosses_page(address, size)):
                    del self._free[i]
                    return address
        address = self.end + -self.end % 8
        if whole and _crosses_page(address, size):
            address += -address % PAGE
        with self._noting_failure():
            os.ftruncate(self._descriptor, address + size)
        self.end = address + size
        return address

    @contextmanager
    def _noting_failure(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            self.failed = True
            raise

    def free(self, address: int, size: int) -> None:
        """Give space back, which the next commit makes unreachable."""
        self._freed.append((address, size))

    def write(self, address: int, data: bytes | memoryview) -> None:
        """Write bytes to space that nothing reachable refers to yet."""
        with self._noting_failure():
            self._write_all(address, data)

    def _write_all(self, address: int, data: bytes | memoryview) -> None:
        with memoryview(data) as view:
            start = 0
            while start < len(view):
                part = view[start : start + LARGEST_WRITE]
                start += _write_at(self._descriptor, part, address + start)

    def link(self, address: int, data: bytes) -> None:
        """Have the next commit write a few bytes that change what is reachable."""
        self._links.append((address, data))

    def link_address(self, address: int, target: int) -> None:
        """Have the next commit write an address."""
        self._links.append((address, struct.pack("<Q", target)))

    def commit(self) -> None:
        """Make everything written so far reachable. After an error it can be tried again."""
        with self._noting_failure():
            if self.end != self._committed_end:
                self._write_all(hdf5.END_OF_FILE_FIELD, struct.pack("<Q", self.end))
                self._committed_end = self.end
            while self._links:
                self._write_all(*self._links[0])
                self._links.popleft()
        self._free += self._freed
        self._freed.clear()

    def disown(self) -> None:
        """Let go of the file, in a fork: it is kept open by nobody but the process that writes it."""
        let_go(self._descriptor)

    def close(self) -> None:
        """Close the file without a commit."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _crosses_page(address: int, size: int) -> bool:
    return address // PAGE != (address + size - 1) // PAGE


def _write_at(descriptor: int, data: bytes | memoryview, address: int) -> int:
    if hasattr(os, "pwrite"):
        return os.pwrite(descriptor, data, address)
    os.lseek(descriptor, address, os.SEEK_SET)
    return os.write(descriptor, data)
