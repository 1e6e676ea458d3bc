"""Regions of shared memory: made and sealed by a device, checked and mapped by a client."""

from __future__ import annotations

import fcntl
import mmap
import os
from typing import TYPE_CHECKING, Final

from .layout import WORD

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_F_SEAL_FUTURE_WRITE: Final = 0x0010
"""linux/fcntl.h; the fcntl module does not name it before Python 3.13."""
SEALS_SIZE: Final = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW


class Region:
    """A mapped region. `words` is the whole of it as aligned native 64-bit words.

    A load or store of one word is a single machine access: a memoryview of format "Q" copies eight
    bytes at once, so that a counter can never be seen half written.
    """

    __slots__ = ("_map", "size", "words", "writable")

    def __init__(self, fd: int, size: int, writable: bool) -> None:
        """Map `size` bytes of `fd`, which stays the caller's to close."""
        prot = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
        self._map: mmap.mmap | None = mmap.mmap(fd, size, flags=mmap.MAP_SHARED, prot=prot)
        self.size = size
        self.writable = writable
        self.words: memoryview[int] = memoryview(self._map).cast("Q")

    def array(self, dtype: str, offset: int, count: int) -> NDArray[np.generic]:
        """Return `count` items of `dtype` from byte `offset` on, as a view."""
        import numpy as np

        assert self._map is not None
        return np.frombuffer(self._map, dtype, count, offset)

    def view(self, offset: int, size: int) -> memoryview[int]:
        """Return bytes as a view."""
        assert self._map is not None
        return memoryview(self._map)[offset : offset + size]

    def close(self) -> None:
        """Unmap now, or, where a reader is still copying from a view, as soon as it lets go."""
        held, self._map = self._map, None
        if held is None:
            return
        try:
            self.words.release()
            held.close()
        except BufferError:
            pass  # The last view that goes away unmaps it.


def create_region(name: str, size: int, client_writes: bool) -> tuple[int, Region]:
    """Return a new memfd and its mapping, zeroed, for a device to hand out.

    The size is sealed, so that no client can be killed by a mapping that loses its pages. Where
    the client is to read only, writable mappings beyond this first one are sealed off too.
    """
    fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(fd, size)
        region = Region(fd, size, writable=True)
        seals = SEALS_SIZE | fcntl.F_SEAL_SEAL | (0 if client_writes else _F_SEAL_FUTURE_WRITE)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    except BaseException:
        os.close(fd)
        raise
    return fd, region


def map_region(fd: int, size: int, writable: bool) -> Region:
    """Map a region that came from the other side, after making sure that its size is so and stays so.

    Raises ValueError where it is not.
    """
    try:
        actual = os.fstat(fd).st_size
        seals = fcntl.fcntl(fd, fcntl.F_GET_SEALS)
    except OSError as error:
        raise ValueError(f"a region is not shared memory ({error.strerror})") from None
    if actual != size:
        raise ValueError(f"a region was announced with {size} bytes and has {actual}")
    if size % WORD:
        raise ValueError(f"a region of {size} bytes, which are no whole words")
    if seals & SEALS_SIZE != SEALS_SIZE:
        raise ValueError("a region's size is not sealed")
    try:
        return Region(fd, size, writable)
    except (OSError, ValueError, OverflowError) as error:
        raise ValueError(f"a region of {size} bytes cannot be mapped ({error})") from None
