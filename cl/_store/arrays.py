"""Arrays from bytes that were read from a file."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGEST_ITEM: Final = 16 << 20
"""Bytes of the largest item: numpy allocates one even for an array without items."""
_LARGEST_CHARACTER: Final = 0x10FFFF


_PLAIN: Final = (np.ndarray, np.memmap, np.recarray, np.matrix)
"""Arrays that are their elements and nothing more."""


def check_meaning(array: np.ndarray[Any, Any], what: str) -> None:
    """Raise TypeError for an array that means more than its elements: with a mask, with units."""
    if type(array) not in _PLAIN:
        raise TypeError(
            f"{what} is a {type(array).__module__}.{type(array).__qualname__}, of which only the elements "
            f"could be kept: give a plain array, np.asarray(...), or what it means as well"
        )


def array_of(
    data: bytes | bytearray | memoryview, dtype: np.dtype[Any], shape: Sequence[int], fortran: bool = False
) -> np.ndarray[Any, Any]:
    """Return an array with its own memory.

    Raises ValueError unless the bytes are as many as dtype and shape say, all items are plain
    data, and texts are of characters that exist (numpy fails badly on others).
    """
    if dtype.hasobject or dtype.itemsize > LARGEST_ITEM:
        raise ValueError(f"an array of {dtype} is not plain data")
    if any(length < 0 for length in shape) or math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError(f"an array {tuple(shape)} of {dtype} does not have {len(data)} bytes")
    array = np.ndarray(tuple(shape), dtype, bytearray(data), order="F" if fortran else "C")
    if not _characters_exist(array):
        raise ValueError(f"an array {tuple(shape)} of {dtype} has characters that do not exist")
    return array


def _characters_exist(array: np.ndarray[Any, Any]) -> bool:
    if array.dtype.names is not None:
        return all(_characters_exist(array[name]) for name in array.dtype.names)
    if array.dtype.kind != "U" or not array.size or not array.dtype.itemsize:
        return True
    codes = np.ascontiguousarray(array).reshape(-1).view(np.dtype("u4").newbyteorder(array.dtype.byteorder))
    return bool(codes.max() <= _LARGEST_CHARACTER)
