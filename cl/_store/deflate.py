"""CRC-32 and inflating, by ISA-L where it is installed, else by zlib, which takes several times as long."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable


def _library() -> Any:
    try:
        from isal import isal_zlib
    except ImportError:  # There is none for this processor.
        return zlib
    return isal_zlib


_LIBRARY: Final = _library()
crc32: Callable[[bytes | memoryview, int], int] = _LIBRARY.crc32
"""Return the CRC-32 of data that follow those of a given CRC-32, 0 if none do."""


def inflated(data: bytes | memoryview, size: int) -> bytes | None:
    """Return what was deflated, probably so many bytes; None if the data are not whole."""
    try:
        found: bytes = _LIBRARY.decompress(data, bufsize=size)
    except _LIBRARY.error:
        return None
    return found
