"""Where two results differ first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from cl.events import DetectionResult, Stim


def first_difference(one: Any, other: Any, where: str = "result") -> str | None:
    """Return a text that says where and how two values differ first, or None if they are identical.

    Looks into dicts, lists, tuples, dataclasses, detection results and numpy arrays, which must agree in
    every bit, and stims, which must agree in their designs too. Other objects are compared by `==`, and
    NaN is equal to itself.
    """
    if type(one) is not type(other):
        return f"{where}: {_short(one)} in one, {_short(other)} in the other"
    if isinstance(one, Mapping):
        return _of_mappings(one, other, where)
    if isinstance(one, list | tuple):
        return _of_sequences(one, other, where)
    if isinstance(one, DetectionResult):
        return _of_parts(one, other, where, DetectionResult.__slots__)
    if is_dataclass(one):
        return _of_parts(one, other, where, tuple(field.name for field in fields(one)))
    if hasattr(one, "dtype") and hasattr(one, "shape"):
        return _of_arrays(one, other, where)
    if isinstance(one, Stim) and one == other:
        # The same stim with another current is no part of its equality, and is another run.
        return first_difference(one.design, other.design, f"{where}.design")
    same = one == other or (one != one and other != other)
    return None if same else f"{where}: {_short(one)} in one, {_short(other)} in the other"


def _of_sequences(one: Any, other: Any, where: str) -> str | None:
    for i, (a, b) in enumerate(zip(one, other, strict=False)):
        if found := first_difference(a, b, f"{where}[{i}]"):
            return found
    if len(one) == len(other):
        return None
    longer = one if len(one) > len(other) else other
    at = min(len(one), len(other))
    more = f"{where}[{at}] is {_short(longer[at])}"
    return f"{where}: {len(one)} entries in one, {len(other)} in the other; {more}"


def _of_mappings(one: Any, other: Any, where: str) -> str | None:
    if list(one) != list(other):
        return f"{where}: the keys {_short(list(one))} in one, {_short(list(other))} in the other"
    for key in one:
        if found := first_difference(one[key], other[key], f"{where}[{key!r}]"):
            return found
    return None


def _of_parts(one: Any, other: Any, where: str, names: tuple[str, ...]) -> str | None:
    for name in names:
        if found := first_difference(getattr(one, name), getattr(other, name), f"{where}.{name}"):
            return found
    return None


def _of_arrays(one: Any, other: Any, where: str) -> str | None:
    import numpy as np

    if one.shape != other.shape or one.dtype != other.dtype:
        return f"{where}: {one.dtype}{one.shape} in one, {other.dtype}{other.shape} in the other"
    if one.tobytes() == other.tobytes():
        return None
    if one.dtype.hasobject or one.dtype.names:
        return first_difference(one.tolist(), other.tolist(), where)
    # Bytes rather than values: -0.0 is not 0.0 here, and a NaN is itself.
    width = one.dtype.itemsize
    bytes_of = [np.frombuffer(array.tobytes(), f"V{width}") for array in (one, other)]
    at = int(np.flatnonzero(bytes_of[0] != bytes_of[1])[0])
    index = tuple(int(i) for i in np.unravel_index(at, one.shape))
    place = f"{where}[{', '.join(map(str, index))}]"
    return f"{place}: {one[index]} in one, {other[index]} in the other"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:197]}..."
