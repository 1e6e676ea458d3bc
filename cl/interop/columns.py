"""The entries of a data stream as the columns of a table.

Where every entry is a mapping with texts as keys, each key is a column, else there is one, `value`. A column
has a type that holds each of its values exactly, or it has their JSON.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .texts import as_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_COLUMNS: Final = 1024
_EXACT: Final = 1 << 53
"""Integers up to here are floats without a loss."""
WORDS: Final = {
    "bool": "truth values",
    "int64": "integers",
    "uint64": "integers",
    "float64": "numbers",
    "text": "texts",
    "json": "values as JSON",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: the key of the entries that it has (None: the whole entries), and how it holds the values."""

    key: str | None
    kind: str
    """One of `WORDS`, or the dtype of arrays."""
    shape: tuple[int, ...] = ()
    has_all: bool = True
    """Whether every entry has the key; else NaN, or an empty text, stands where one has not."""

    @property
    def words(self) -> str:
        """What a column holds, and what stands for nothing."""
        nothing = "empty" if self.is_text else "NaN"
        return WORDS.get(self.kind, "arrays") + (
            "" if self.has_all else f"; {nothing} where an entry has none"
        )

    @property
    def is_text(self) -> bool:
        """Whether its values are texts."""
        return self.kind in ("text", "json")

    def dtype(self) -> np.dtype[Any]:
        """Return numpy's type of an element; object for texts."""
        return np.dtype(object) if self.is_text else np.dtype(self.kind)

    def values(self, entries: list[Any]) -> NDArray[Any]:
        """Return the column's values of these entries."""
        found = np.empty((len(entries), *self.shape), self.dtype())
        for row, entry in enumerate(entries):
            found[row] = self._value(entry)
        return found

    def _value(self, entry: Any) -> Any:
        if self.key is not None:
            if self.key not in entry:
                return "" if self.is_text else math.nan
            entry = entry[self.key]
        return as_json(entry) if self.kind == "json" else entry


def columns_of(entries: Iterable[Any], *, arrays: bool) -> list[Column]:
    """Return the columns for all of the entries, in order of appearance; `arrays`: those of arrays, too."""
    whole = _Seen()
    seen: dict[str, _Seen] | None = {}
    for entry in entries:
        whole.take(entry)
        if seen is not None:
            seen = _with(entry, seen)
    if not seen:
        return [whole.column(None, whole.count, arrays)]
    return [found.column(key, whole.count, arrays) for key, found in seen.items()]


def _with(entry: Any, seen: dict[str, _Seen]) -> dict[str, _Seen] | None:
    """Take what an entry has under each key; None where entries cannot be columns."""
    if not isinstance(entry, dict) or not all(isinstance(key, str) for key in entry):
        return None
    for key, value in entry.items():
        if key not in seen:
            seen[key] = _Seen()
        seen[key].take(value)
    return seen if len(seen) <= _MOST_COLUMNS else None


@dataclass(slots=True)
class _Seen:
    """Which values a column is to hold."""

    count: int = 0
    kinds: set[Any] = field(default_factory=set)
    least: int = 0
    most: int = 0
    is_ambiguous: bool = False
    """Whether a value is what stands for none: NaN, or an empty text."""

    def take(self, value: Any) -> None:
        """Note a value."""
        self.count += 1
        kind = _kind(value)
        self.kinds.add(kind)
        if kind is int:
            self.least, self.most = min(self.least, int(value)), max(self.most, int(value))
        elif kind is float:
            self.is_ambiguous |= math.isnan(value)
        elif kind is str:
            self.is_ambiguous |= not value

    def column(self, key: str | None, count: int, arrays: bool) -> Column:
        """Return the column of a key for `count` entries."""
        has_all = self.count == count
        if len(self.kinds) == 1:
            (kind,) = self.kinds
            if isinstance(kind, tuple) and has_all and arrays:
                return Column(key, *kind)
            if kind is bool and has_all:
                return Column(key, "bool")
            if kind is str and (has_all or not self.is_ambiguous):
                return Column(key, "text", has_all=has_all)
        kind = self._number(has_all) if self.kinds and self.kinds <= {int, float} else "json"
        return Column(key, kind, has_all=has_all)

    def _number(self, has_all: bool) -> str:
        if self.kinds == {int} and has_all:
            if self.most < 1 << 63:
                return "int64"
            return "uint64" if self.least >= 0 else "json"
        fits = self.least >= -_EXACT and self.most <= _EXACT
        return "float64" if fits and (has_all or not self.is_ambiguous) else "json"


def _kind(value: Any) -> Any:
    """Return bool, int, float, str, the dtype and shape of an array of numbers, or None for all else."""
    if isinstance(value, (bool, np.bool_)):
        return bool
    if isinstance(value, int) or (isinstance(value, np.integer) and value.dtype.kind in "iu"):
        return int
    if isinstance(value, (float, np.floating)):
        return float if not isinstance(value, np.longdouble) else None
    if isinstance(value, str):
        return str if "\0" not in value else None
    if isinstance(value, np.ndarray) and value.dtype.str[1:] in ("f4", "f8", "i4", "i8") and value.size:
        return (value.dtype.newbyteorder("=").str, value.shape) if 0 < value.ndim <= 3 else None
    return None
