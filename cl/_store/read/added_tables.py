"""The tables that recordings did not have from the beginning: `/stim_designs`, `/clock` and `/log`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from . import reader
from .log_table import LogTable
from .table import Table

if TYPE_CHECKING:
    import h5py

# The kind and the shape of what a row has in each column.
_Columns: TypeAlias = "dict[str, tuple[str, tuple[int, ...]]]"
_DESIGNS: Final[_Columns] = {"phases": ("iu", ()), "duration_us": ("iu", (3,)), "current_uA": ("f", (3,))}
_LOG: Final[_Columns] = {
    **dict.fromkeys(("timestamp", "kind", "command", "plan", "refused", "channels", "count"), ("iu", ())),
    **dict.fromkeys(("interval_us", "lead_us", "at", "value"), ("iu", ())),
    **dict.fromkeys(("data_index", "text_bytes", "fields_bytes"), ("iu", ())),
    **_DESIGNS,
}
_CLOCK: Final[_Columns] = dict.fromkeys(("timestamp", "monotonic_ns", "utc_ns"), ("iu", ()))


def stim_designs(file: h5py.File, stims: int) -> Table | None:
    """Return the table of the designs of so many stims, or None where there is none."""
    found = _table(file, "stim_designs", _DESIGNS)
    # A recording that is being written may have got some since its stims were looked at.
    return None if found is None else Table(found, stims)


def clock(file: h5py.File) -> Table | None:
    """Return the table that relates frames to the host's clocks, or None where there is none."""
    found = _table(file, "clock", _CLOCK)
    return None if found is None else Table(found)


def log(file: h5py.File) -> LogTable | None:
    """Return the table of what has happened, or None where there is none."""
    found = _table(file, "log", _LOG)
    if found is None:
        return None
    data = _dataset(file, "log_data")
    has_bytes = data is not None and data.ndim == 1 and data.dtype == "u1"
    return LogTable(found, data if has_bytes else None)


def _table(file: h5py.File, name: str, columns: _Columns) -> h5py.Dataset | None:
    """Return the table of a name; None where there is none, or another program's thing of that name."""
    found = _dataset(file, name)
    return found if found is not None and _has(found, columns) else None


def _dataset(file: h5py.File, name: str) -> h5py.Dataset | None:
    """Return the dataset of a name, None where that is something else."""
    import h5py

    found = reader.anything(file, name)
    if not isinstance(found, h5py.Dataset):
        return None
    reader.check_held(found)
    return found


def _has(table: h5py.Dataset, columns: _Columns) -> bool:
    dtype = table.dtype
    if len(table.shape) != 1 or not set(columns) <= set(dtype.names or ()):
        return False
    types = ((dtype[name], *column) for name, column in columns.items())
    return all(found.base.kind in kinds and found.shape == shape for found, kinds, shape in types)
