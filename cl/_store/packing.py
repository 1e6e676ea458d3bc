"""The values of data streams as bytes: msgpack, with numpy by msgpack-numpy's convention.

The convention: an array is a map of `nd` True, `type` (the dtype's string, or the
description of its fields), `kind` (`V` for those with fields, else empty), `shape` and `data`; a numpy
scalar one of `nd` False, `type` and `data`; a complex number one of `complex` True and
`data`, its repr. Keys are bytes. Arrays of Python objects, which the convention pickles, are refused.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgpack
import numpy as np

from cl.error import UnsafeOperationError

from .arrays import array_of, check_meaning


def pack(value: Any) -> bytes:
    """Return a value as bytes, a snapshot of what it is now.

    It may consist of None, bool, int (64 bits), float, complex, str, bytes, list, tuple
    (which comes back as a list), dict, numpy arrays and scalars, and msgpack's
    Timestamp and ExtType. Subclasses of Python's types come back as these. Raises TypeError for anything
    else, also for numpy arrays that mean more than their numbers, and ValueError for what does not fit.
    """
    try:
        packed: bytes = msgpack.packb(value, default=encode, use_bin_type=True)
    except TypeError as error:
        raise TypeError(f"a data stream cannot take this value: {error}") from None
    except (OverflowError, ValueError) as error:
        raise ValueError(f"a data stream cannot take this value: {error}") from None
    return packed


def unpack(data: bytes | memoryview) -> Any:
    """Return the value that was packed.

    Raises ValueError for bytes that are no msgpack, UnsafeOperationError for
    an array of Python objects, which would have to be unpickled.
    """
    try:
        return _unpacked(data)
    except (msgpack.UnpackException, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"a data stream entry cannot be unpacked: {error!r}") from error


def _unpacked(data: bytes | memoryview) -> Any:
    try:
        return msgpack.unpackb(data, object_hook=_decode, strict_map_key=False)
    except TypeError:  # a key that is a list: it was a tuple
        return msgpack.unpackb(data, object_pairs_hook=_decode_pairs, strict_map_key=False)


def encode(value: Any) -> dict[bytes, Any]:
    """Return the map that stands for a value of numpy; msgpack's `default`. TypeError for anything else."""
    if isinstance(value, np.ndarray):
        check_meaning(value, "a value")
    if isinstance(value, (np.ndarray, np.void)) and value.dtype.names:
        value = value.astype(_packed(value.dtype), copy=False)
    if isinstance(value, np.ndarray):
        return {
            b"nd": True,
            b"type": _description(value.dtype),
            b"kind": b"V" if value.dtype.names else b"",
            b"shape": value.shape,
            b"data": value.tobytes(),
        }
    if isinstance(value, np.generic):
        return {b"nd": False, b"type": _description(value.dtype), b"data": value.tobytes()}
    if isinstance(value, complex):
        return {b"complex": True, b"data": repr(value)}
    if isinstance(value, int):
        raise OverflowError(f"{value} has more than 64 bits")
    raise TypeError(f"{type(value).__name__} is neither msgpack's nor numpy's")


@lru_cache
def _packed(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype without room between its fields, for which the convention would make up fields."""
    from numpy.lib.recfunctions import repack_fields

    packed: np.dtype[Any] = repack_fields(dtype, recurse=True)
    return packed


def _description(dtype: np.dtype[Any]) -> Any:
    if dtype.hasobject:
        raise TypeError(f"numpy {dtype} holds Python objects")
    if dtype.names is None:
        return dtype.str
    return [list(field) if len(field) == 2 else [*field[:2], list(field[2])] for field in dtype.descr]


def _decode(value: dict[Any, Any]) -> Any:
    """Return what the convention says the map is; a map that only looks like it stays a map."""
    try:
        if b"nd" in value:
            return _array(value) if value[b"nd"] is True else _array({**value, b"shape": ()})[()]
        if value.get(b"complex") is True:
            text = value[b"data"]
            return complex(text.decode() if isinstance(text, bytes) else text)
    except (KeyError, TypeError, ValueError):
        pass
    return value


def _decode_pairs(pairs: list[tuple[Any, Any]]) -> Any:
    return _decode({_hashable(key): value for key, value in pairs})


def _hashable(key: Any) -> Any:
    return tuple(map(_hashable, key)) if isinstance(key, list) else key


def _array(value: dict[Any, Any]) -> Any:
    if value.get(b"kind") == b"O":
        raise UnsafeOperationError("a data stream entry holds an array of pickled objects")
    dtype = _dtype(value[b"type"])
    if dtype.hasobject:
        raise UnsafeOperationError(f"a data stream entry holds an array of {dtype}")
    return array_of(value[b"data"], dtype, value[b"shape"])


def _dtype(description: Any) -> np.dtype[Any]:
    if isinstance(description, bytes):
        description = description.decode()
    if isinstance(description, list):
        description = [_field(field) for field in description]
    dtype: np.dtype[Any] = np.dtype(description)
    return dtype


def _field(field: Any) -> tuple[Any, ...]:
    """Return a field's description; msgpack has made lists of the tuples in it."""
    name, kind = (part.decode() if isinstance(part, bytes) else part for part in field[:2])
    if isinstance(kind, list):
        kind = [_field(inner) for inner in kind]
    return (name, kind, *(tuple(shape) for shape in field[2:]))
