"""What a pickle may call: how the builtins and plain numpy scalars and arrays are pickled.

Each function here stands for one that Python's machine would import and call. It takes what the real one
is given by a pickle of a plain value, and refuses all else before anything reaches numpy: a dtype's
flags and sizes are believed by numpy, so wrong ones would have it read memory that is not there.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cl._store.arrays import LARGEST_ITEM, array_of
from cl.error import UnsafeOperationError

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST_VALUE: Final = 64 << 20
"""Limit on what a pickle stands for: characters, bytes and items, shared ones as often as they occur."""


class Named:
    """Something a pickle may name: what it is called, and the function that stands for it."""

    __slots__ = ("call", "name")

    def __init__(self, name: str, call: Callable[..., Any]) -> None:
        self.name = name
        self.call = call


_PLAIN_TYPE: Final = re.compile(r"[<>|=]?[biufcSUVMm]\d{1,7}")
_OBJECT_FLAGS: Final = 0x07
"""Of numpy's dtype flags: items are references, are pickled as a list, are pointers."""
_ALIGNED_FLAG: Final = 0x80


def _encode(text: str, encoding: str = "utf-8") -> bytes:
    if type(text) is not str or encoding not in ("latin1", "latin-1", "utf-8", "utf8", "ascii"):
        raise UnsafeOperationError(f"a pickle encodes {type(text).__name__} as {encoding!r}")
    return text.encode(encoding)


def _bytes(*arguments: Any) -> bytes:
    if arguments and type(arguments[0]) not in (list, bytes):
        raise UnsafeOperationError(f"a pickle makes bytes of {type(arguments[0]).__name__}")
    return bytes(*arguments[:1])


def _bytearray(*arguments: Any) -> bytearray:
    if len(arguments) == 2:
        return bytearray(_encode(*arguments))
    return bytearray(_bytes(*arguments))


def _complex(real: float, imaginary: float) -> complex:
    return complex(float(real), float(imaginary))


def _set(items: Any = ()) -> set[Any]:
    return set(_items(items))


def _frozenset(items: Any = ()) -> frozenset[Any]:
    return frozenset(_items(items))


def _items(items: Any) -> Any:
    if type(items) not in (list, tuple):
        raise UnsafeOperationError(f"a pickle makes a set of {type(items).__name__}")
    return items


class Dtype:
    """A numpy dtype that BUILD may still complete."""

    __slots__ = ("value",)

    def __init__(self, value: np.dtype[Any]) -> None:
        self.value = value

    def complete(self, state: Any) -> None:
        """Apply the state that numpy pickles: version, byte order, subarray, names, fields, size, ..."""
        if type(state) is not tuple or not 8 <= len(state) <= 9:
            raise UnsafeOperationError("a pickle sets up a dtype in an unknown way")
        version, order, subarray, names, fields, size, alignment, flags = state[:8]
        if version not in (3, 4) or order not in ("<", ">", "=", "|") or type(flags) is not int:
            raise UnsafeOperationError(f"a pickle sets up a dtype of version {version!r}, order {order!r}")
        if subarray is not None:
            self.value = _subarray(subarray)
        elif names is not None:
            self.value = _structure(names, fields, size, flags)
        elif len(state) == 9:
            self.value = _datetime(self.value, state[8])
        if order in "<>":
            self.value = self.value.newbyteorder(order)
        if size not in (-1, self.value.itemsize) or alignment not in (-1, 1, 2, 4, 8, 16):
            raise UnsafeOperationError(f"a pickle gives {self.value} a size of {size!r}, align {alignment!r}")
        if flags & _OBJECT_FLAGS or self.value.hasobject or self.value.itemsize > LARGEST_ITEM:
            raise UnsafeOperationError(f"a pickle gives {self.value} the flags {flags!r}")


def _dtype(name: Any, *options: Any) -> Dtype:
    if type(name) is not str or not _PLAIN_TYPE.fullmatch(name):
        raise UnsafeOperationError(f"a pickle asks for a dtype {name!r}")
    return Dtype(np.dtype(name))


def _plain(dtype: Any) -> np.dtype[Any]:
    if type(dtype) is not Dtype:
        raise UnsafeOperationError(f"a pickle uses {type(dtype).__name__} as a dtype")
    return dtype.value


def _shape(shape: Any) -> tuple[int, ...]:
    if type(shape) is not tuple or len(shape) > 64 or not all(type(n) is int and n >= 0 for n in shape):
        raise UnsafeOperationError(f"a pickle gives an array the shape {shape!r}")
    return shape


def _subarray(subarray: Any) -> np.dtype[Any]:
    if type(subarray) is not tuple or len(subarray) != 2:
        raise UnsafeOperationError("a pickle sets up a subarray dtype in an unknown way")
    return np.dtype((_plain(subarray[0]), _shape(subarray[1])))


def _structure(names: Any, fields: Any, size: Any, flags: int) -> np.dtype[Any]:
    if type(names) is not tuple or type(fields) is not dict or set(names) != set(fields):
        raise UnsafeOperationError("a pickle sets up a structured dtype in an unknown way")
    formats, offsets = [], []
    for name in names:
        field = fields[name]
        if type(name) is not str or type(field) is not tuple or len(field) != 2 or type(field[1]) is not int:
            raise UnsafeOperationError("a pickle sets up a structured dtype in an unknown way")
        formats.append(_plain(field[0]))
        offsets.append(field[1])
    description = {"names": list(names), "formats": formats, "offsets": offsets, "itemsize": size}
    aligned = bool(flags & _ALIGNED_FLAG)
    return np.dtype(description, align=aligned)  # type: ignore[call-overload, no-any-return]


def _datetime(dtype: np.dtype[Any], metadata: Any) -> np.dtype[Any]:
    if dtype.kind not in "mM" or type(metadata) is not tuple or len(metadata) != 2 or metadata[0]:
        raise UnsafeOperationError(f"a pickle gives {dtype} the metadata {metadata!r}")
    unit, count, *rest = metadata[1]
    if type(unit) is not bytes or type(count) is not int or rest != [1, 1]:
        raise UnsafeOperationError(f"a pickle gives {dtype} the unit {unit!r}")
    return np.dtype(f"{dtype.kind}8[{count}{unit.decode()}]" if unit != b"generic" else f"{dtype.kind}8")


def _scalar(dtype: Any, data: Any = None) -> Any:
    return _array(data, _plain(dtype), (), False)[()]


def _array(data: Any, dtype: np.dtype[Any], shape: tuple[int, ...], fortran: bool) -> np.ndarray[Any, Any]:
    if type(data) not in (bytes, bytearray) or math.prod(shape) > LARGEST_VALUE:
        raise UnsafeOperationError(f"a pickle makes an array {shape} of {type(data).__name__}")
    return array_of(data, dtype, shape, fortran)


def _reconstruct(kind: Any, shape: Any, code: Any) -> np.ndarray[Any, Any]:
    if type(kind) is not Named or kind.name != "ndarray" or shape != (0,) or code not in ("b", b"b"):
        raise UnsafeOperationError("a pickle makes an array of an unknown kind")
    return np.empty(0, "b")


def fill(array: np.ndarray[Any, Any], state: Any) -> None:
    """Give the array that `_reconstruct` made its content: version, shape, dtype, order, bytes."""
    if type(state) is not tuple or len(state) != 5 or state[0] != 1 or array.size:
        raise UnsafeOperationError("a pickle fills an array in an unknown way")
    data = state[4].encode("latin-1") if type(state[4]) is str else state[4]  # pickled by Python 2
    content = _array(data, _plain(state[2]), _shape(state[1]), bool(state[3]))
    array.__setstate__((1, content.shape, content.dtype, bool(state[3]), content.tobytes("A")))  # type: ignore[arg-type]


def _from_buffer(data: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray[Any, Any]:
    if order not in ("C", "F"):
        raise UnsafeOperationError(f"a pickle makes an array in the order {order!r}")
    return _array(data, _plain(dtype), _shape(shape), order == "F")


def _not_callable(*arguments: Any) -> Any:
    raise UnsafeOperationError("a pickle calls what it may only name")


def _allowed() -> dict[str, Named]:
    table: dict[str, Callable[..., Any]] = {
        "_codecs encode": _encode,
        "numpy dtype": _dtype,
        "numpy ndarray": _not_callable,
    }
    for module in ("__builtin__", "builtins"):
        for function in (_bytes, _bytearray, _complex, _set, _frozenset):
            table[f"{module} {function.__name__[1:]}"] = function
    for core in ("numpy.core", "numpy._core"):
        table[f"{core}.multiarray _reconstruct"] = _reconstruct
        table[f"{core}.multiarray scalar"] = _scalar
        table[f"{core}.numeric _frombuffer"] = _from_buffer
    return {name: Named(name.split(" ")[1], call) for name, call in table.items()}


ALLOWED: Final = _allowed()
"""By "module name", as pickletools gives it."""
