"""Values as msgpack and as JSON, numpy's arrays and the attributes of objects among them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgpack
import numpy as np

from cl._store.packing import encode, unpack


def to_msgpacked(obj: Any) -> bytes:
    """Return a value as msgpack, numpy by msgpack-numpy's convention.

    An object becomes a map of its attributes, by `__dict__` or `__slots__`. TypeError for sets and other
    containers that msgpack does not have.
    """
    packed: bytes = msgpack.packb(obj, default=_encode, use_bin_type=True)
    return packed


def from_msgpacked(data: bytes) -> Any:
    """Return what `to_msgpacked` packed: tuples come back as lists, objects as dicts.

    ValueError for what is no msgpack, UnsafeOperationError for an array of Python objects.
    """
    return unpack(data)


def to_json(obj: Any, prettyish: bool = False) -> str:
    """Return a value as JSON without spaces; `prettyish` has one between the items of a list.

    Arrays and other iterables become lists, objects maps of their attributes, NaN stays NaN, and what is
    left its text.
    """
    text = json.dumps(obj, default=_plain, separators=(",", ":"))
    return _spaced(json.loads(text)) if prettyish else text


def _encode(value: Any) -> Any:
    try:
        return encode(value)
    except TypeError:
        attributes = None if isinstance(value, Iterable) else _attributes(value)
        if attributes is None:
            raise
        return attributes


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic) and not isinstance(value, np.void):
        return value.tolist()
    if isinstance(value, Iterable):
        return list(value)
    attributes = _attributes(value)
    return str(value) if attributes is None else attributes


def _attributes(value: Any) -> dict[str, Any] | None:
    """Return the attributes of an object by their names; None for what has none of its own."""
    if hasattr(value, "__dict__"):
        return dict(vars(value))
    names = [name for kind in reversed(type(value).__mro__) for name in _slots(kind)]
    return {name: getattr(value, name) for name in names if hasattr(value, name)} or None


def _slots(kind: type) -> tuple[str, ...]:
    slots = vars(kind).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _spaced(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{_spaced(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_spaced, value)) + "]"
    return json.dumps(value)
