"""Tables of a recording, as users know them from PyTables."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from . import conditions, data
from .data import Data
from .errors import damaged
from .rows import as_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import h5py
    import pandas
    from numpy.typing import NDArray


class Column:
    """One column of a table: `table.cols.channel[:]`."""

    def __init__(self, table: Table, name: str) -> None:
        self._table = table
        self.name = name

    def __len__(self) -> int:
        return len(self._table)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of an element."""
        return self._table.dtype[self.name]

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows, and what an element consists of."""
        return (len(self), *self.dtype.shape)

    def __getitem__(self, key: Any) -> Any:
        if self.dtype.shape and not isinstance(key, tuple):
            return self._table._rows_of(key)[self.name]
        found = self._table._column(self.name)[key]
        return found.copy() if isinstance(found, np.ndarray) else found

    def __iter__(self) -> Iterator[Any]:
        return iter(self._table.col(self.name))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self._table.col(self.name), dtype)

    def __repr__(self) -> str:
        return f"Column({self.name!r}, {len(self)} rows)"


class Columns:
    """The columns of a table by attribute."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def __getattr__(self, name: str) -> Column:
        if name not in self._table.colnames:
            raise AttributeError(f"there is no column {name!r}, there are {self._table.colnames}")
        return Column(self._table, name)

    def __dir__(self) -> list[str]:
        return self._table.colnames


class Table(Data):
    """A table of a recording: rows with named columns.

    A row is a numpy record, `row["channel"]`; one that is iterated over has Python numbers. Conditions
    are strings such as
    `"((channel==8) | (channel==9)) & (timestamp < 1000)"`; besides columns they may name variables, from
    `condvars` or, without it, of the calling function.
    """

    def __init__(self, dataset: h5py.Dataset, most: int | None = None) -> None:
        super().__init__(dataset, most)
        self._cache: dict[str, NDArray[Any]] = {}
        self.designs: Table | None = None
        """Of stims: the table whose row i is the design of row i."""

    @property
    def colnames(self) -> list[str]:
        """The names of the columns."""
        return list(self.dtype.names or ())

    @property
    def cols(self) -> Columns:
        """The columns by attribute."""
        return Columns(self)

    def col(self, name: str) -> NDArray[Any]:
        """Return a whole column; KeyError if there is none of the name."""
        return self._column(name).copy()

    def _column(self, name: str) -> NDArray[Any]:
        """Return a column; those of single numbers are kept, as conditions need them again and again."""
        dataset = self._open()
        if name not in self.colnames:
            raise KeyError(f"there is no column {name!r}, there are {self.colnames}")
        if name in self._cache:
            return self._cache[name]
        values = self._whole_column(dataset, name)
        if values.ndim == 1:
            self._cache[name] = values
        return values

    def times_and_channels(self) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Return the columns `timestamp` and `channel`, read in one go and not kept.

        A channel beyond 255 is 255.
        """
        timestamps, channels = np.empty(self._rows, np.int64), np.empty(self._rows, np.uint8)
        for start in range(0, self._rows, data.ROWS_AT_ONCE):
            part = slice(start, min(start + data.ROWS_AT_ONCE, self._rows))
            rows = self._block(part.start, part.stop)
            timestamps[part], channels[part] = rows["timestamp"], np.clip(rows["channel"], 0, 255)
        return timestamps, channels

    def _whole_column(self, dataset: h5py.Dataset, name: str) -> NDArray[Any]:
        if self._stored is None:
            with damaged(f"{dataset.file.filename}: {dataset.name}, column {name!r},"):
                return dataset.fields(name)[: self._rows]  # type: ignore[no-any-return]
        kind = self.dtype[name]
        values = np.empty((self._rows, *kind.shape), kind.base)
        for start in range(0, self._rows, data.ROWS_AT_ONCE):
            stop = min(start + data.ROWS_AT_ONCE, self._rows)
            values[start:stop] = self._block(start, stop)[name]
        return values

    def read(
        self,
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
        field: str | None = None,
    ) -> NDArray[Any]:
        """Return rows, or one field of them, all by default; bounds are those of a slice."""
        if field is not None:
            return self.col(field)[start:stop:step]
        return super().read(start, stop, step)

    def __getitem__(self, key: Any) -> Any:
        return self.col(key) if isinstance(key, str) else self._rows_of(key)

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, self._rows, data.ROWS_AT_ONCE):
            yield from as_rows(self._block(start, min(start + data.ROWS_AT_ONCE, self._rows)))

    def iterrows(
        self, start: int | None = None, stop: int | None = None, step: int | None = None
    ) -> Iterator[Any]:
        """Iterate over rows; bounds are those of a slice."""
        if (start, stop, step) == (None, None, None):
            return iter(self)
        return iter(as_rows(self.read(start, stop, step)))

    def where(
        self,
        condition: str,
        condvars: Mapping[str, Any] | None = None,
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
    ) -> Iterator[Any]:
        """Iterate over the rows that fulfil the condition."""
        chosen = self._fulfilling(condition, condvars, slice(start, stop, step))
        return self._each(chosen)

    def read_where(
        self,
        condition: str,
        condvars: Mapping[str, Any] | None = None,
        field: str | None = None,
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
    ) -> NDArray[Any]:
        """Return the rows that fulfil the condition, or one field of them."""
        chosen = self._fulfilling(condition, condvars, slice(start, stop, step))
        return self.read_coordinates(chosen) if field is None else self._column(field)[chosen]

    def get_where_list(
        self,
        condition: str,
        condvars: Mapping[str, Any] | None = None,
        sort: bool = False,
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
    ) -> NDArray[np.int64]:
        """Return the numbers of the rows that fulfil the condition, in any case ascending."""
        return self._fulfilling(condition, condvars, slice(start, stop, step))

    def _each(self, rows: NDArray[np.int64]) -> Iterator[Any]:
        for start in range(0, len(rows), data.ROWS_AT_ONCE):
            yield from as_rows(self.read_coordinates(rows[start : start + data.ROWS_AT_ONCE]))

    def _fulfilling(
        self, condition: str, condvars: Mapping[str, Any] | None, rows: slice
    ) -> NDArray[np.int64]:
        """Return which rows fulfil the condition; called by what the user calls."""
        names = conditions.names_in(condition)
        if condvars is None:
            caller = sys._getframe(2)
            condvars = {n: v for n in names for v in _variable(caller, n)}
        values = dict(condvars)
        for name in names & set(self.colnames):
            values[name] = conditions.column(self._column(name), name)
        fulfilled = conditions.evaluate(condition, values, self._rows)
        numbers = np.arange(self._rows)[rows]
        return numbers[fulfilled[numbers]]

    def to_pandas(self, arrays: bool = False) -> pandas.DataFrame:
        """Return the table as a pandas data frame; needs the extra `cl-aio[pandas]`.

        A column for each of single numbers. Of stims also `design` (a `StimDesign`, None where it is not
        known), `phases`, and `duration_us_1`, `current_uA_1` … of its phases, NaN where there are fewer.
        With `arrays` also those columns that hold an array in each row: spikes' `samples`, 300 bytes a spike.
        """
        from . import data_frames

        return data_frames.of_table(self, self.designs, arrays)

    def __repr__(self) -> str:
        return f"Table({self._rows} rows of {', '.join(self.colnames)})"


def _variable(frame: Any, name: str) -> Sequence[Any]:
    """Return the value of a variable of a frame in a list; an empty one if there is none."""
    for space in (frame.f_locals, frame.f_globals):
        if name in space:
            return [space[name]]
    return []
