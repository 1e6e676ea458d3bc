"""Data-stream values on their way to a page: bounded, and nothing that JSON cannot hold."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

_TEXT: Final = 2_000
_DEPTH: Final = 8
_ELEMENTS: Final = 20_000
_PREVIEW: Final = 240
_FIELDS: Final = 6


class _Budget:
    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left


def to_json(value: Any, elements: int = _ELEMENTS) -> Any:
    """Return a value that JSON can hold: what is too much is cut, what is unknown becomes its text.

    At most `elements` elements, 8 levels and 2000 characters a string. NaN and infinities become
    null, bytes {"bytes": n}, arrays nested lists (large ones {"shape", "dtype", "head"}).
    """
    return _convert(value, _Budget(elements), _DEPTH)


def _convert(value: Any, budget: _Budget, depth: int) -> Any:
    budget.left -= 1
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, str):
        return value if len(value) <= _TEXT else value[: _TEXT - 1] + "…"
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"bytes": len(value)}
    if depth == 0 or budget.left <= 0:
        return "…"
    if isinstance(value, Mapping):
        return _mapping(value, budget, depth)
    if isinstance(value, (list, tuple, set, frozenset)):
        return _sequence(value, budget, depth)
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        return _array(value, budget, depth)
    return _text_of(value)


def _mapping(value: Mapping[Any, Any], budget: _Budget, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    # The program may be changing it just now: a copy is as close as one gets to a moment.
    for key, item in tuple(value.items()):
        if budget.left <= 0:
            found["…"] = f"{len(value) - len(found)} more"
            break
        found[_text_of(key)] = _convert(item, budget, depth - 1)
    return found


def _sequence(value: Any, budget: _Budget, depth: int) -> list[Any]:
    found: list[Any] = []
    for item in tuple(value):
        if budget.left <= 0:
            found.append("…")
            break
        found.append(_convert(item, budget, depth - 1))
    return found


def _array(value: Any, budget: _Budget, depth: int) -> Any:
    if not value.shape:
        item = value.item()
        if isinstance(item, np.longdouble):  # numpy has no Python number for it
            item = float(item)
        return _convert(item, budget, depth - 1)
    if value.size <= budget.left:
        return _sequence(value.tolist(), budget, depth)
    head = _sequence(value.reshape(-1)[:16].tolist(), _Budget(32), 2)
    return {"shape": list(value.shape), "dtype": str(value.dtype), "head": head}


def _text_of(value: Any) -> str:
    try:
        text = str(value)
    except Exception as error:  # it is the program's own class
        text = f"<{type(value).__name__}: {type(error).__name__}>"
    return text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"


def preview(value: Any) -> str:
    """Return one line of text about a value, at most 240 characters."""
    if isinstance(value, str):
        text = value
    elif _is_array(value) and value.shape:
        text = f"{value.dtype} {'×'.join(map(str, value.shape))}  {_short(to_json(value.reshape(-1)[:12]))}"
    else:
        text = _short(to_json(value, 64))
    text = " ".join(text.split())
    return text if len(text) <= _PREVIEW else text[: _PREVIEW - 1] + "…"


def _is_array(value: Any) -> bool:
    return hasattr(value, "dtype") and hasattr(value, "shape")


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.5g}"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_short(item)}" for key, item in value.items()) or "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(_short, value))}]"
    return "–" if value is None else str(value)


def numbers(value: Any) -> Iterator[tuple[str, float]]:
    """Give the numbers that can be drawn as curves: the value itself (named ""), or a mapping's first six."""
    found = _number(value)
    if found is not None:
        yield "", found
    elif isinstance(value, Mapping):
        count = 0
        for key, item in tuple(value.items()):
            found = _number(item)
            if found is None:
                continue
            yield _text_of(key), found
            count += 1
            if count == _FIELDS:
                return


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return float(value)
    if _is_array(value) and not value.shape:
        value = value.item()
    if not isinstance(value, (int, float, np.longdouble)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
