"""A file in which every state on disk between two writes can be read, and after a power cut as well.

Killing the process keeps what the kernel has been given, so what counts is the
order of the writes and that each write to something reachable is whole:

1. new blocks are written where nothing refers to yet (`write`);
2. `commit` makes the end-of-file field cover them, then performs the links: writes to
   reachable blocks, first those that lead to what nothing counts yet, data (`link_ahead`) and then nodes
   (`link_node`), and last those that count it, in the order in which they were asked for. A link that makes
   something reachable comes after everything it leads to. It crosses no page (except where its parts may
   well be seen apart), and the kernel does not stop inside a page, so a link is there or not. There are
   few: each is a moment at which the interpreter's lock is given back and has to be got again;
3. a block that is no longer reachable is free for new blocks only after the commit.

A power cut leaves of what was written since the last sync any pages, each as any of the writes left it. With
`syncs` a commit has barriers, so that what is reachable is there: new blocks | the end of the file and what
leads to data | what leads to nodes, which libraries look at wherever they go through a file | what counts.
What was written behind a barrier may be missing, and nothing refers to it; the first barrier of the next
commit puts the last links on the disk, too. A block is free only after that.

Nothing is ever moved, and an error (a full disk) leaves the last commit as it was. After a sync that has
failed nothing is known of what was written since the one before: there are no more commits.
"""

from __future__ import annotations

import errno
import os
import struct
import sys
from collections import deque
from typing import TYPE_CHECKING, Final

from cl._values.descriptors import let_go, opened

from . import hdf5

if TYPE_CHECKING:
    from pathlib import Path

PAGE: Final = 4096
LARGEST_WRITE: Final = 1 << 20
_UNSYNCABLE: Final = errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EPERM


class OrderedFile:
    """Space in a file, ordered writes to it, and the commit."""

    def __init__(self, descriptor: int) -> None:
        self.end = hdf5.SUPERBLOCK_SIZE
        self.descriptor = descriptor
        self.syncs = False
        """Whether a power cut is provided for."""
        self.commits = 0
        self._settled = 0
        """As many commits are on the disk."""
        self._ahead: deque[tuple[int, bytes]] = deque()
        self._nodes: deque[tuple[int, bytes]] = deque()
        self._links: deque[tuple[int, bytes]] = deque()
        self._free: list[tuple[int, int]] = []
        self._freed: list[tuple[int, int]] = []
        self._unlinked: list[tuple[int, int]] = []
        """Blocks that the disk may still lead to."""
        self._committed_end = 0
        self._unsynced = False
        self.failed = False
        """Whether the disk has failed. No block is used again then: what replaced it may be lost."""
        self.sync_failure: OSError | None = None

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
        try:
            self._unsynced = True
            os.ftruncate(self.descriptor, address + size)
        except OSError:
            self.failed = True
            raise
        self.end = address + size
        return address

    def free(self, address: int, size: int) -> None:
        """Give space back, which the next commit makes unreachable."""
        self._freed.append((address, size))

    def write(self, address: int, data: bytes | memoryview) -> None:
        """Write bytes to space that nothing reachable refers to yet."""
        self._write_all(address, data)

    def _write_all(self, address: int, data: bytes | memoryview) -> None:
        self._unsynced = True
        start = 0
        with memoryview(data) as view:
            try:
                while start < len(view):
                    part = view[start : start + LARGEST_WRITE]
                    start += _write_at(self.descriptor, part, address + start)
            except OSError:
                self.failed = True
                raise

    def link_ahead(self, address: int, data: bytes) -> None:
        """Have the next commit write a few bytes that lead to data, which a `link` of it will count."""
        self._ahead.append((address, data))

    def link_node(self, address: int, data: bytes) -> None:
        """Have the next commit write a few bytes that lead to such bytes."""
        self._nodes.append((address, data))

    def link(self, address: int, data: bytes) -> None:
        """Have the next commit write a few bytes that change what is reachable."""
        self._links.append((address, data))

    def link_address(self, address: int, target: int) -> None:
        """Have the next commit write an address."""
        self._links.append((address, struct.pack("<Q", target)))

    def commit(self) -> None:
        """Make everything written so far reachable. After an error it can be tried again."""
        self.settle()
        if self.end != self._committed_end:
            self._write_all(hdf5.END_OF_FILE_FIELD, struct.pack("<Q", self.end))
            self._committed_end = self.end
        self._perform(self._ahead)
        for links in (self._nodes, self._links):
            if links:
                self._sync()
                self._perform(links)
        self.commits += 1
        self._unlinked += self._freed
        self._freed.clear()
        if not self.syncs:
            self._note_settled()

    @property
    def unfinished(self) -> bool:
        """Whether a commit was begun, or links were asked for, and not performed."""
        return bool(self._ahead or self._nodes or self._links)

    def _perform(self, links: deque[tuple[int, bytes]]) -> None:
        while links:
            self._write_all(*links[0])
            links.popleft()

    def settle(self) -> None:
        """Have everything on the disk that was written or committed before, where that is provided for."""
        self._sync()
        if self.syncs:
            self._note_settled()

    def is_settled(self, commits: int) -> bool:
        """Return whether the disk leads to nothing that was unlinked by the commit after so many."""
        return not self.syncs or self._settled > commits

    def _note_settled(self) -> None:
        self._settled = self.commits
        self._free += self._unlinked
        self._unlinked.clear()

    def _sync(self) -> None:
        if self.sync_failure is not None:
            raise self.sync_failure
        if not (self.syncs and self._unsynced):
            return
        try:
            _to_disk(self.descriptor)
        except OSError as error:
            self.failed = True
            self.sync_failure = OSError(
                error.errno, f"{error.strerror}, when it was synced: what was written last may be lost"
            )
            raise self.sync_failure from error
        self._unsynced = False

    def disown(self) -> None:
        """Let go of the file, in a fork: it is kept open by nobody but the process that writes it."""
        let_go(self.descriptor)

    def close(self) -> None:
        """Close the file without a commit."""
        descriptor, self.descriptor = self.descriptor, -1  # An error closes it as well.
        if descriptor >= 0:
            os.close(descriptor)


def _crosses_page(address: int, size: int) -> bool:
    return address // PAGE != (address + size - 1) // PAGE


def _write_at(descriptor: int, data: bytes | memoryview, address: int) -> int:
    if hasattr(os, "pwrite"):
        return os.pwrite(descriptor, data, address)
    os.lseek(descriptor, address, os.SEEK_SET)
    return os.write(descriptor, data)


def _to_disk(descriptor: int) -> None:
    """Wait until what a file holds, and how long it is, would survive a power cut."""
    if sys.platform == "darwin":
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)  # the other calls leave it in the disk's own memory
    elif sys.platform == "win32":
        os.fsync(descriptor)
    else:
        os.fdatasync(descriptor)


def entry_to_disk(path: Path) -> None:
    """Wait until a power cut would leave the name of a new file, and its folders that may be new as well.

    Folders that cannot be synced (on some file systems, or without the right to read them) are left to the
    system.
    """
    if sys.platform == "win32":
        return
    device = os.stat(path.parent).st_dev
    for folder in path.absolute().parents:
        if os.stat(folder).st_dev != device:
            return
        try:
            _sync_folder(folder)
        except OSError as error:
            if error.errno not in _UNSYNCABLE:
                raise


def _sync_folder(folder: Path) -> None:
    descriptor = opened(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
