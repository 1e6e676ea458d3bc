"""Who lies in the dish: what a program, or the file that CL_CULTURE names, says of the culture."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

KNOWN: Final = ("species", "cell_line", "plating_date", "chip", "medium", "licence", "remarks")
"""Keys that have a meaning to exports and pages: texts, `plating_date` a date. All others are free."""
_LARGEST: Final = 64 << 10
"""Characters of everything in it, about."""
_DEEPEST: Final = 8


def checked_culture(culture: Any, called: str = "culture") -> dict[str, Any]:
    """Return a copy of what is said of a culture, in types that JSON has; dates as ISO 8601 texts.

    TypeError for what is no mapping of names to numbers, texts, dates, and lists and mappings of these,
    ValueError for a `plating_date` that is none, a number that is not finite and for more than 64 KiB.
    """
    if not isinstance(culture, Mapping):
        raise TypeError(f"{called} must be a mapping of names to values, not {culture!r}")
    found: dict[str, Any] = _plain(culture, called, 0)
    for name in KNOWN:
        if name in found and not isinstance(found[name], str):
            raise TypeError(f"{called}: {name} must be a text, not {culture[name]!r}")
    if "plating_date" in found:
        try:
            datetime.fromisoformat(found["plating_date"])
        except ValueError:
            text = found["plating_date"]
            raise ValueError(f"{called}: plating_date must be a date as 2026-11-30, not {text!r}") from None
    if len(repr(found)) > _LARGEST:
        raise ValueError(f"{called} takes {len(repr(found))} characters; at most {_LARGEST} are possible")
    return found


def read_culture(path: str) -> dict[str, Any]:
    """Return what a TOML file says of a culture; ValueError, to follow "it takes", if it does not."""
    import tomllib

    try:
        with Path(path).open("rb") as file:
            return checked_culture(tomllib.load(file), "the culture")
    except OSError as error:
        raise ValueError(f"a TOML file that says who lies in the dish: {error.strerror}") from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"a TOML file that says who lies in the dish: {error}") from None


def _plain(value: Any, where: str, depth: int) -> Any:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        if value - value != 0:
            raise ValueError(f"{where} must be finite, not {value!r}")
        return value
    if isinstance(value, date):
        return value.isoformat()
    if depth < _DEEPEST and isinstance(value, (list, tuple)):
        return [_plain(item, f"{where}[{i}]", depth + 1) for i, item in enumerate(value)]
    if depth < _DEEPEST and isinstance(value, Mapping):
        return {_name(key, where): _plain(item, f"{where}: {key}", depth + 1) for key, item in value.items()}
    raise TypeError(f"{where} must be a number, a text, a date, or a list or mapping of these, not {value!r}")


def _name(key: Any, where: str) -> str:
    if not isinstance(key, str) or not key.strip():
        raise TypeError(f"{where}: a name must be a text that is not empty, not {key!r}")
    return key
