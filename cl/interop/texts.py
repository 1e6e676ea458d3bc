"""Values as JSON: what fits no column of a table.

Arrays are nested lists, rows with names mappings; a mapping with other keys than texts is a list of pairs;
bytes are {"base64": …}. NaN and infinities are written as Python's `json` writes and reads them.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np


def as_json(value: Any) -> str:
    """Return a value as JSON; one that is nested too deep for it as the bytes that were recorded."""
    try:
        return json.dumps(_plain(value), ensure_ascii=False)
    except RecursionError:
        from cl._store.packing import pack

        return json.dumps({"msgpack": _base64(pack(value))})


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value):
            return {key: _plain(item) for key, item in value.items()}
        return [[_plain(key), _plain(item)] for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (bytes, bytearray)):
        return {"base64": _base64(bytes(value))}
    if isinstance(value, (np.ndarray, np.generic)):
        return _of_numpy(value)
    if isinstance(value, (set, frozenset)):
        return sorted((_plain(item) for item in value), key=repr)
    return str(value)


def _of_numpy(value: Any) -> Any:
    if value.dtype.names:
        if value.ndim:
            return [_of_numpy(row) for row in value]
        return {name: _plain(value[name]) for name in value.dtype.names}
    found = value.tolist()
    return str(value) if isinstance(found, np.generic) else _plain(found)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
