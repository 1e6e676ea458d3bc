"""What a parameter may be, and the one text of it that is the same everywhere."""

from __future__ import annotations

import json
import math
from hashlib import sha256
from typing import Any, Final

from cl._values.numbers import kind

_TAKES: Final = "a parameter is a number, a text, a bool, None, or a tuple of these"


def parameter(value: Any, where: str) -> Any:
    """Return a parameter as plain Python: numpy's scalars as numbers, enumerations as what they stand for.

    TypeError for what is not hashable or no JSON, ValueError for NaN and infinities; `where` names it.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, tuple):
        return tuple(parameter(item, f"{where}[{at}]") for at, item in enumerate(value))
    if hasattr(value, "dtype") and getattr(value, "shape", None) == ():
        return parameter(value.item(), where)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{where} is {value!r}: a parameter is a finite number")
        return float(value)
    raise TypeError(f"{where} is {kind(value)}{_unhashable(value)}: {_TAKES}")


def _unhashable(value: Any) -> str:
    try:
        hash(value)
    except TypeError:
        return ", which is not hashable"
    return ""


def from_json(value: Any) -> Any:
    """Return a parameter that JSON has given back: its lists are tuples."""
    return tuple(map(from_json, value)) if isinstance(value, list) else value


def canonical(value: Any) -> str:
    """Return the JSON of plain values: keys in order, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: Any) -> str:
    """Return the first 16 hex digits of the SHA-256 of plain values."""
    return sha256(canonical(value).encode()).hexdigest()[:16]
