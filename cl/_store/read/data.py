"""What tables and arrays of a recording have in common, and its arrays."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .errors import damaged
from .faces import ShownRows
from .stored_rows import stored_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    import h5py
    from numpy.typing import ArrayLike, NDArray

    from .stored_rows import StoredRows

ROWS_AT_ONCE: Final = 4096
"""Rows that are read in one piece where all of them are gone through."""
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
        count = max(1, ROWS_AT_ONCE // abs(wanted.step))
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
        gap = _GAP * (self._dataset.chunks or (ROWS_AT_ONCE,))[0]
        cuts = [*(np.flatnonzero(np.diff(rows) > gap) + 1).tolist(), len(rows)]
        start = 0
        for cut in cuts:
            while start < cut:
                stop = min(cut, int(np.searchsorted(rows, rows[start] + ROWS_AT_ONCE)))
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
        for start in range(0, self._rows, ROWS_AT_ONCE):
            yield from self._block(start, min(start + ROWS_AT_ONCE, self._rows))


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
