"""Datasets that have their length when the file is written, and are filled afterwards, by whole chunks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CHUNK_BYTES: Final = 1 << 18
_TEXT_BYTES: Final = 64
"""What a text is taken for, in a chunk."""


@dataclass(frozen=True, slots=True)
class Compression:
    """How the file's datasets are compressed."""

    name: str | None

    def empty(self, shape: tuple[int, ...], dtype: Any, chunk_rows: int | None = None) -> Any:
        """Return an `H5DataIO` of a dataset that is still to be filled; the dtype object stands for texts."""
        import h5py
        from hdmf.backends.hdf5 import H5DataIO

        kind = np.dtype(dtype)
        size = _TEXT_BYTES if kind.hasobject else kind.itemsize
        rows = chunk_rows or max(1, _CHUNK_BYTES // (size * int(np.prod(shape[1:]))))
        chunks = (max(1, min(rows, shape[0])), *shape[1:])
        options: dict[str, Any] = {}
        if self.name is not None and not kind.hasobject:
            options = {"compression": self.name, "shuffle": True}
        if self.name == "gzip" and options:
            options["compression_opts"] = 1
        if kind.hasobject:
            kind = h5py.string_dtype()
        return H5DataIO(shape=shape, dtype=kind, maxshape=(None, *shape[1:]), chunks=chunks, **options)


class Appender:
    """Fills a dataset from its begin on, by whole chunks; what is over by `flush`."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self._chunk = int(dataset.chunks[0])
        self._at = 0
        self._blocks: list[NDArray[Any]] = []
        self._held = 0

    def append(self, rows: NDArray[Any]) -> None:
        """Take rows."""
        self._blocks.append(rows)
        self._held += len(rows)
        if self._held >= self._chunk:
            self._write(self._held - self._held % self._chunk)

    def flush(self) -> None:
        """Write what is left."""
        if self._held:
            self._write(self._held)

    def _write(self, count: int) -> None:
        rows = self._blocks[0] if len(self._blocks) == 1 else np.concatenate(self._blocks)
        self._dataset[self._at : self._at + count] = rows[:count]
        self._at += count
        self._held -= count
        self._blocks = [rows[count:].copy()] if self._held else []
