"""Stretches of a large file, read past the system's cache where that does not hold them.

Through the cache every byte is copied once more, and what others have there is pushed out by a file that is
read once.
"""

from __future__ import annotations

import mmap
import os
import threading
from contextlib import suppress
from typing import Final

from cl._store.read.descriptor import Descriptor

_ALIGNED: Final = 4096
"""Reads past the cache begin and end at multiples of this, in the file and in memory."""
_LARGE: Final = 1 << 17
"""What is smaller is read through the cache: it may be asked for in time, and is looked at again."""


class Spans:
    """Reads a file at places, for several threads, each with a buffer that it uses again."""

    def __init__(self, descriptor: Descriptor) -> None:
        self._descriptor = descriptor
        self._direct: Descriptor | None = None
        self._held = threading.local()
        self._foresees = hasattr(os, "posix_fadvise")
        if self._foresees:
            # The system would read megabytes beyond each table's chunk: all of the file, and once more.
            os.posix_fadvise(descriptor.number, 0, 0, os.POSIX_FADV_RANDOM)
        if hasattr(os, "O_DIRECT") and hasattr(os, "RWF_NOWAIT"):
            # By its number: the name may be another file's by now. Not every file system can.
            with suppress(OSError):
                self._direct = Descriptor(f"/proc/self/fd/{descriptor.number}", os.O_DIRECT)

    def expect(self, address: int, size: int) -> None:
        """Take note that this will be read soon."""
        if self._foresees and size < _LARGE:
            os.posix_fadvise(self._descriptor.number, address, size, os.POSIX_FADV_WILLNEED)

    def read(self, address: int, size: int) -> memoryview:
        """Return what lies there, until the thread's next read; OSError where the file ends before."""
        skipped = address % _ALIGNED
        view = self._buffer(skipped + size)
        found = view[skipped : skipped + size]
        if (
            self._direct is None
            or size < _LARGE
            or not (
                self._is_cached(found, address) or self._is_read_past(view, address - skipped, skipped + size)
            )
        ):
            self._descriptor.read_into(found, address)
        return found

    def _buffer(self, size: int) -> memoryview:
        size = max(_ALIGNED, size + -size % _ALIGNED)
        held: mmap.mmap | None = getattr(self._held, "buffer", None)
        if held is None or len(held) < size:
            held = self._held.buffer = mmap.mmap(-1, size)
        return memoryview(held)[:size]

    def _is_cached(self, found: memoryview, address: int) -> bool:
        """Fill `found`, if the cache has all of it."""
        try:
            return os.preadv(self._descriptor.number, [found], address, os.RWF_NOWAIT) == len(found)
        except OSError:
            return False

    def _is_read_past(self, view: memoryview, address: int, size: int) -> bool:
        """Fill at least so many bytes of `view` past the cache, if that can be done."""
        assert self._direct is not None
        try:
            return os.preadv(self._direct.number, [view], address) >= size
        except OSError:
            return False
