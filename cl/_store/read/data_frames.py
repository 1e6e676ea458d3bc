"""Tables and data streams of a recording as pandas' data frames (the extra `cl-aio[pandas]`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from .design_rows import designs_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas
    from numpy.typing import NDArray

_PHASES: Final = 3
_MOST_COLUMNS: Final = 1024
"""Keys of a stream's entries that become columns each; where there are more, the entries stay whole."""


class Rows(Protocol):
    """A table of a recording."""

    @property
    def colnames(self) -> list[str]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    def __len__(self) -> int: ...
    def col(self, name: str) -> NDArray[Any]: ...
    def read(self, start: int | None = None, stop: int | None = None) -> NDArray[Any]: ...


def of_table(table: Rows, designs: Rows | None, arrays: bool) -> pandas.DataFrame:
    """Return a data frame of a table: a column for each of single numbers, and those of `designs`.

    With `arrays`, columns that hold several numbers in a row (spikes' `samples`) hold one array in each.
    """
    made = _pandas()
    columns: dict[str, Any] = {}
    for name in table.colnames:
        if not table.dtype[name].shape:
            columns[name] = table.col(name)
        elif arrays:
            columns[name] = list(table.col(name))
    if designs is not None:
        columns |= _designs(designs, len(table))
    return made.DataFrame(columns)


def _designs(designs: Rows, count: int) -> dict[str, Any]:
    """Return the columns of `count` stims' designs: NaN in phases that there are not, None if not known."""
    rows = designs.read(0, count)
    phases = rows["phases"].astype(np.int64)
    found: dict[str, Any] = {"design": designs_of(rows), "phases": phases}
    for number in range(_PHASES):
        there = number < phases
        found[f"duration_us_{number + 1}"] = np.where(there, rows["duration_us"][:, number], np.nan)
        found[f"current_uA_{number + 1}"] = np.where(there, rows["current_uA"][:, number], np.nan)
    return found


def of_stream(stream: Mapping[int, Any]) -> pandas.DataFrame:
    """Return a data frame of a data stream, with timestamps as its index.

    Where every entry is a dictionary with texts as keys, each key is a column (NaN where an entry has
    it not); else there is one column, `value`.
    """
    made = _pandas()
    entries = list(stream.values())
    index = made.Index(np.array(list(stream), np.int64), name="timestamp")
    keys = _keys(entries)
    if keys is None:
        values = np.empty(len(entries), object)
        values[:] = entries
        return made.DataFrame({"value": made.Series(values, index).infer_objects()}, index)
    return made.DataFrame(entries, index, keys)


def _keys(entries: list[Any]) -> list[str] | None:
    """Return the keys of all entries in order of appearance; None where they cannot be columns."""
    keys: dict[str, None] = {}
    for entry in entries:
        if not isinstance(entry, dict) or not all(isinstance(key, str) for key in entry):
            return None
        keys |= dict.fromkeys(entry)
    return list(keys) if 0 < len(keys) <= _MOST_COLUMNS else None


def _pandas() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            "to_pandas needs pandas: install the extra, pip install 'cl-aio[pandas]'"
        ) from error
    return pandas
