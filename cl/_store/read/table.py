"""Tables and arrays of a recording, as users know them from PyTables."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from . import conditions
from .errors import damaged
from .faces import ShownRows
from .rows import as_rows
from .stored_rows import stored_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import h5py
    import pandas
    from numpy.typing import ArrayLike, NDArray

    from .stored_rows import StoredRows

_ROWS_AT_ONCE: Final = 4096
_GAP: Final = 4
"""Chunks that are read for nothing rather than to read twice."""


class Data(ShownRows):
    """What tables and arrays have in common: rows of a dataset that is read when asked for."""

    def __init__(self, dataset: h5py.Dataset, most: int | None = None) -> None:
        """Take all rows, or at most so many."""
        self._dataset = dataset
        self._rows = int(dataset.shape[0]) if most is None else min(int(dataset.shape[0]), most)

    @cached_property
    def _stored(self) -> StoredRows | None:
        """Where the rows lie; what tells it is looked at with the first of them: many views read none."""
        return stored_rows(self._dataset, getattr(self._dataset, "descriptor", None), self._rows)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of a row (of a number, in an array)."""
        return self._open().dtype  # type: ignore[no-any-return]

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and what a row consists of."""
        return (self._rows, *self._open().shape[1:])

    @property
    def nrows(self) -> int:
        """How many rows there are."""
        return self._rows

    def __len__(self) -> int:
        return self._rows

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self.read(), dtype)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"the {type(self).__name__} of a recording has no {name!r}; PyTables' own object of it, with all "
            f"that PyTables has, is in `view.file.root`"
        )

    def _open(self) -> h5py.Dataset:
        if not self._dataset:
            raise ValueError("the recording is closed")
        return self._dataset

    def _block(self, start: int, stop: int) -> NDArray[Any]:
        dataset = self._open()
        with damaged(f"{dataset.file.filename}: {dataset.name}, rows {start} to {stop},"):
            found = None if self._stored is None else self._stored.read(start, stop)
            return dataset[start:stop] if found is None else found

    def read(
        self, start: int | None = None, stop: int | None = None, step: int | None = None
    ) -> NDArray[Any]:
        """Return rows, all of them by default; bounds are those of a slice."""
        return self._slice(slice(start, stop, step))

    def _slice(self, rows: slice) -> NDArray[Any]:
        wanted = range(self._rows)[rows]
        if wanted.step == 1:
            return self._block(wanted.start, max(wanted.start, wanted.stop))
        return self._picked(wanted)

    def _picked(self, wanted: range, *rest: Any) -> NDArray[Any]:
        """Return these rows, or what `rest` picks of each, with little more in memory than that."""
        count = max(1, _ROWS_AT_ONCE // abs(wanted.step))
        if len(wanted) <= count:
            return self._piece(wanted, *rest).copy()
        first = self._piece(wanted[:1], *rest)
        found = np.empty((len(wanted), *first.shape[1:]), first.dtype)
        for start in range(0, len(wanted), count):
            found[start : start + count] = self._piece(wanted[start : start + count], *rest)
        return found

    def _piece(self, wanted: range, *rest: Any) -> NDArray[Any]:
        """Return what `rest` picks of these rows, out of one block."""
        if not wanted:
            return self._block(0, 0)[(slice(None), *rest)]
        block = self._block(min(wanted[0], wanted[-1]), max(wanted[0], wanted[-1]) + 1)
        return block[(slice(None, None, wanted.step), *rest)]

    def read_coordinates(self, rows: ArrayLike) -> NDArray[Any]:
        """Return the rows of these numbers, in their order; IndexError for one that there is not."""
        wanted = np.asarray(rows)
        if wanted.size == 0:
            return self._block(0, 0)
        if wanted.ndim != 1 or wanted.dtype.kind not in "iu":
            raise IndexError(f"rows are chosen by a list of their numbers, not by {rows!r}")
        if wanted.min() < -self._rows or wanted.max() >= self._rows:
            beyond = wanted.max() if wanted.max() >= self._rows else wanted.min()
            raise IndexError(f"there is no row {beyond}: there are {self._rows}")
        wanted = np.where(wanted < 0, wanted + self._rows, wanted).astype(np.int64)
        order = np.argsort(wanted, kind="stable")
        found = np.empty((len(wanted), *self.shape[1:]), self.dtype)
        for part in self._runs(wanted[order]):
            places = order[part]
            first = int(wanted[places[0]])
            found[places] = self._block(first, int(wanted[places[-1]]) + 1)[wanted[places] - first]
        return found

    def _runs(self, rows: NDArray[np.int64]) -> Iterator[slice]:
        """Divide ascending row numbers where reading on would read much for nothing."""
        gap = _GAP * (self._dataset.chunks or (_ROWS_AT_ONCE,))[0]
        cuts = [*(np.flatnonzero(np.diff(rows) > gap) + 1).tolist(), len(rows)]
        start = 0
        for cut in cuts:
            while start < cut:
                stop = min(cut, int(np.searchsorted(rows, rows[start] + _ROWS_AT_ONCE)))
                yield slice(start, stop)
                start = stop

    def _rows_of(self, key: Any) -> Any:
        """Return the rows that an index (a number, slice, list of numbers, or mask) stands for."""
        if isinstance(key, slice):
            return self._slice(key)
        if isinstance(key, (int, np.integer)) and not isinstance(key, bool):
            if not -self._rows <= key < self._rows:
                raise IndexError(f"there is no row {key}: there are {self._rows}")
            row = int(key) % self._rows
            return self._block(row, row + 1)[0]
        if key is Ellipsis:
            return self.read()
        chosen = np.asarray(key)
        if chosen.dtype == np.bool_:
            if chosen.shape != (self._rows,):
                raise IndexError(f"a mask of shape {chosen.shape} for {self._rows} rows")
            chosen = np.flatnonzero(chosen)
        return self.read_coordinates(chosen)

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, self._rows, _ROWS_AT_ONCE):
            yield from self._block(start, min(start + _ROWS_AT_ONCE, self._rows))


class Array(Data):
    """The samples of a recording: rows are frames, columns channels; indexed like a numpy array."""

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, tuple):
            return self._rows_of(key)
        rows, *rest = key or (Ellipsis,)
        if rows is Ellipsis and len(rest) == 1:
            rows = slice(None)
        if rows is Ellipsis and rest:
            return self.read()[key]
        if isinstance(rows, slice) and rest:
            return self._picked(range(len(self))[rows], *rest)
        if isinstance(rows, (int, np.integer)):
            return self._rows_of(rows)[tuple(rest)]
        chosen = self._rows_of(rows)
        if not isinstance(rows, slice) and any(np.ndim(part) for part in rest if not isinstance(part, slice)):
            return chosen[(np.arange(len(chosen)), *rest)]  # two lists: element by element, as numpy does
        return chosen[(slice(None), *rest)]

    def __repr__(self) -> str:
        return f"Array(shape={self.shape}, dtype={self.dtype})"


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
        for start in range(0, self._rows, _ROWS_AT_ONCE):
            part = slice(start, min(start + _ROWS_AT_ONCE, self._rows))
            rows = self._block(part.start, part.stop)
            timestamps[part], channels[part] = rows["timestamp"], np.clip(rows["channel"], 0, 255)
        return timestamps, channels

    def _whole_column(self, dataset: h5py.Dataset, name: str) -> NDArray[Any]:
        if self._stored is None:
            with damaged(f"{dataset.file.filename}: {dataset.name}, column {name!r},"):
                return dataset.fields(name)[: self._rows]  # type: ignore[no-any-return]
        kind = self.dtype[name]
        values = np.empty((self._rows, *kind.shape), kind.base)
        for start in range(0, self._rows, _ROWS_AT_ONCE):
            stop = min(start + _ROWS_AT_ONCE, self._rows)
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
        for start in range(0, self._rows, _ROWS_AT_ONCE):
            yield from as_rows(self._block(start, min(start + _ROWS_AT_ONCE, self._rows)))

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
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            yield from as_rows(self.read_coordinates(rows[start : start + _ROWS_AT_ONCE]))

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
