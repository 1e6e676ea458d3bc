"""Attributes as PyTables keeps them: what may be in one, and how it is written."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cl._store.arrays import check_meaning
from cl._store.read.pickles import DEEPEST_VALUE, loads

from . import hdf5

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LARGEST: Final = 16 << 20
"""Bytes that one set of attributes may take in the file."""

_INTEGER: Final = 0
_STRING: Final = 3
"""Classes of HDF5's datatypes, the low half of their first byte."""
_SCALARS: Final = (bool, int, float, complex, str, bytes)
_NUMPY_KINDS: Final = "biufcSUVMm"


def plain(value: Any, name: str = "attributes", depth: int = 0) -> Any:
    """Return a copy of a value in builtin types and plain numpy ones.

    Subclasses (an enumeration, an OrderedDict, a named tuple) become what they
    are derived from. Raises TypeError for what the reader would refuse, and
    ValueError for what is nested deeper than 200; both name where it is.
    """
    if value is None or type(value) in _SCALARS:
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain_numpy(value, name)
    if isinstance(value, (bytearray, *_SCALARS)):
        kind: Any = next(kind for kind in (bytearray, *_SCALARS) if isinstance(value, kind))
        return str.__str__(value) if kind is str else kind(value)
    if depth >= DEEPEST_VALUE - 10:
        raise ValueError(f"{name} is nested deeper than {DEEPEST_VALUE - 10}, or contains itself")
    return _plain_container(value, name, depth + 1)


def _plain_container(value: Any, name: str, depth: int) -> Any:
    if isinstance(value, dict):
        return {
            plain(key, f"a key of {name}", depth): plain(item, f"{name}[{key!r}]", depth)
            for key, item in value.items()
        }
    for kind in (list, tuple, set, frozenset):
        if isinstance(value, kind):
            return kind(plain(item, f"{name}[{i}]", depth) for i, item in enumerate(value))
    raise TypeError(
        f"{name} is of the type {type(value).__name__}; attributes take builtin numbers, texts, bytes and "
        f"containers, and numpy arrays and scalars"
    )


def _plain_numpy(value: Any, name: str) -> Any:
    if isinstance(value, np.ndarray) and not np.ma.isMaskedArray(value):
        check_meaning(value, name)
    if value.dtype.hasobject or value.dtype.kind not in _NUMPY_KINDS or np.ma.isMaskedArray(value):
        raise TypeError(f"{name} is a numpy {type(value).__name__} of {value.dtype}, which no reader takes")
    if value.dtype.names or value.dtype.metadata:
        plain_value = np.array(value, subok=False).view(_plain_dtype(value.dtype))
        return plain_value if isinstance(value, np.ndarray) else plain_value[()]
    return np.array(value, subok=False) if isinstance(value, np.ndarray) else value


def _plain_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype without what no reader takes: a class for rows (`np.record`), titles, metadata."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return np.dtype((_plain_dtype(base), shape))
    if dtype.names is None:
        return np.dtype(dtype.str)
    assert dtype.fields is not None
    fields = [dtype.fields[name] for name in dtype.names]
    description = {
        "names": list(dtype.names),
        "formats": [_plain_dtype(field[0]) for field in fields],
        "offsets": [field[1] for field in fields],
        "itemsize": dtype.itemsize,
    }
    return np.dtype(description)  # type: ignore[call-overload, no-any-return]


def plain_dict(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a copy of an application's attributes, checked.

    Raises TypeError for what is no mapping, for keys that are no strings and
    for values as `plain` does.
    """
    if attributes is None:
        return {}
    try:
        items = dict(attributes)
    except (TypeError, ValueError):
        raise TypeError(f"attributes should be a dict, not {attributes!r}") from None
    for key in items:
        if not isinstance(key, str):
            raise TypeError(f"the name of an attribute should be a string, not {key!r}")
    copied: dict[str, Any] = plain(items)
    return copied


def value_of(attribute: hdf5.Attribute) -> Any:
    """Return what a number, a text or a pickle of plain values stands for, as readers take it."""
    data, kind = attribute.data, attribute.datatype
    if kind[0] & 0x0F == _STRING:
        is_pickle = kind == hdf5.string_type(len(data), hdf5.ASCII) and data.endswith(b".")
        return loads(data) if is_pickle else data.decode()
    return np.frombuffer(data, "<i8" if kind[0] & 0x0F == _INTEGER else "<f8")[0].item()


def values_of(attributes: Iterable[hdf5.Attribute], besides: Iterable[hdf5.Attribute]) -> dict[str, Any]:
    """Return what attributes stand for, by their names, without some of them."""
    others = {attribute.name for attribute in besides}
    return {each.name: value_of(each) for each in attributes if each.name not in others}


def pickled(name: str, value: Any) -> hdf5.Attribute:
    """Return an attribute that holds a plain value as a pickle of protocol 0, which is text without zeros.

    Raises ValueError if it would take more than 16 MiB.
    """
    data = pickle.dumps(value, 0)
    if len(data) > LARGEST:
        raise ValueError(f"the attributes {name!r} take {len(data)} bytes; at most {LARGEST} are possible")
    return hdf5.raw(name, data)
