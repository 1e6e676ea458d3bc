"""What an experiment returns: as JSON, with its arrays beside it."""

from __future__ import annotations

import json
import os
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from cl._values.numbers import kind

RESULT: Final = "result.json"
"""Written last: where it is, the run has ended."""
FAILURE: Final = "failure.json"
ARRAYS: Final = "arrays.npz"
ARRAY: Final = "$array"
"""The one key of what stands in JSON in the place of an array."""


class Arrays:
    """Takes the arrays out of a result, by the names of the places where they were."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}

    def plain(self, value: Any, path: str = "result", name: str = "") -> Any:
        """Return a value as JSON has it. TypeError that names the path of what JSON cannot hold."""
        if value is None or isinstance(value, (bool, str)):
            return value
        if hasattr(value, "dtype"):
            return self._from_numpy(value, path, name)
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float):
            return float(value)
        if isinstance(value, Mapping):
            return {key: self._member(value, key, path, name) for key in value}
        if isinstance(value, (list, tuple)):
            return [self.plain(item, f"{path}[{at}]", f"{name}[{at}]") for at, item in enumerate(value)]
        raise TypeError(f"{path} is {_short(value)}, which JSON cannot hold")

    def _member(self, mapping: Mapping[Any, Any], key: Any, path: str, name: str) -> Any:
        if not isinstance(key, str) or key == ARRAY:
            raise TypeError(f"{path} has the key {_short(key)}, which JSON cannot hold")
        return self.plain(mapping[key], f"{path}[{json.dumps(key)}]", f"{name}.{key}" if name else key)

    def _from_numpy(self, value: Any, path: str, name: str) -> Any:
        if getattr(value.dtype, "kind", "?") not in "biufU" or not hasattr(value, "shape"):
            raise TypeError(f"{path} is an array of {value.dtype}, which no file can hold")
        if value.shape == ():
            return self.plain(value.item(), path, name)
        if name in self.found:
            raise ValueError(f"{path} has the name of another array, {name!r}")
        self.found[name] = value
        return {ARRAY: name}


def checked(
    result: Any, params: Mapping[str, Any], columns: tuple[str, ...]
) -> tuple[dict[str, Any], Arrays]:
    """Return a result as JSON has it, and its arrays; TypeError and ValueError for what cannot be a row."""
    if result is None:
        result = {}
    if not isinstance(result, Mapping):
        raise TypeError(f"the experiment returned {_short(result)}: a mapping of results, or None")
    arrays = Arrays()
    plain = arrays.plain(result)
    for name in plain:
        if name in params or name in columns:
            raise ValueError(f"result has {name!r}, which is the name of a parameter or of every row")
    names = [name for name, _ in flat(plain)]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"result has {name!r} twice, by itself and in a mapping")
    return plain, arrays


def flat(result: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the results that are no arrays, of mappings in mappings by names with dots."""
    for name, value in result.items():
        if not isinstance(value, dict):
            yield f"{before}{name}", value
        elif value.keys() != {ARRAY}:
            yield from flat(value, f"{before}{name}.")


def save_arrays(folder: Path, arrays: Mapping[str, Any]) -> None:
    """Write the arrays, all or none."""
    import numpy as np

    part = folder / f"{ARRAYS}.part"
    # Not by np.savez, which takes names as keywords, and has some of its own.
    with zipfile.ZipFile(part, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asarray(array), allow_pickle=False)
    os.replace(part, folder / ARRAYS)


def load_arrays(folder: Path) -> dict[str, Any]:
    """Return the arrays of a run by their names; empty where it has none."""
    path = folder / ARRAYS
    if not path.exists():
        return {}
    import numpy as np

    with np.load(path, allow_pickle=False) as found:
        return dict(found)


def write_json(path: Path, value: Any) -> None:
    """Write a file, whole or not at all."""
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.part")
    part.write_text(json.dumps(value, indent=1))
    os.replace(part, path)


def read_json(path: Path) -> dict[str, Any] | None:
    """Return what a file holds; None where it is not there, or was cut short by the end of its machine."""
    try:
        found = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _short(value: Any) -> str:
    text = kind(value)
    return text if len(text) < 200 else f"{text[:150]} ... ({type(value).__name__})"
