"""A dataset that grows by rows, and is compressed by the stock filters that every reader of HDF5 has."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Final

from cl._core.host_clock import host_yield
from cl._store.shuffling import shuffled

from . import hdf5
from .growing_dataset import GrowingDataset

if TYPE_CHECKING:
    import numpy as np

    from .ordered_file import OrderedFile

_PIECE: Final = 4096
"""So many bytes are deflated in one go. A whole chunk keeps a processor for 1.6 ms, and a loop whose sleep
ends there may wait until it is given up: Linux takes it from nobody who has just begun."""


class CompressedDataset(GrowingDataset):
    """Rows are shuffled and deflated, chunk by chunk, once a chunk is full; until then they are in memory.

    Where rows of a chunk that is not full have to become visible, that one is stored as it is, which its
    entry in the index says, and the rows that follow are written behind them: a chunk that can be reached
    never moves and is never written again, as in every other dataset. So publish seldom, and whole chunks.
    """

    def __init__(
        self,
        file: OrderedFile,
        dtype: np.dtype[Any],
        tail: tuple[int, ...],
        chunk_rows: int,
        attributes: tuple[hdf5.Attribute, ...],
        address: int | None,
        level: int,
        checksum_rows: int,
    ) -> None:
        """`level` is zlib's, 1 to 9."""
        filters = hdf5.filter_pipeline(dtype.itemsize, level)
        super().__init__(file, dtype, tail, chunk_rows, attributes, address, filters, checksum_rows)
        self._level = level
        self._item_size = dtype.itemsize
        self._begun = bytearray()
        """The rows of a chunk that is not full."""
        self._new_sizes: list[int] = []

    def _write(self, view: memoryview) -> None:
        """Take rows as they lie in memory, and write the chunks that are full."""
        at = self._fill(view, 0)  # behind those of a chunk that is stored as it is
        full: list[bytes | bytearray] = []
        try:
            while at < len(view):
                part = view[at : at + self._chunk_size - len(self._begun)]
                self._begun += part
                at += len(part)
                if len(self._begun) == self._chunk_size:
                    full.append(self._deflated(self._begun))
                    self._begun = bytearray()
            if full:
                self._store(full)
        except BaseException:
            self._begun = bytearray()  # the rows before it are not in the file
            raise
        finally:
            self.rows = self._stored + len(self._begun) // self._row_size

    def lead_to(self, stop: int | None = None) -> None:
        if self._begun and self._visible(stop) > self._stored:
            self._store_begun()
        super().lead_to(stop)

    @property
    def _stored(self) -> int:
        """Rows that are in the file."""
        return (self._index.chunks + len(self._new_chunks)) * self._chunk_rows - self._room

    def _deflated(self, chunk: bytearray) -> bytes | bytearray:
        """Return a chunk as it is stored: as it is, too, if that is shorter."""
        rows, deflate, parts = shuffled(chunk, self._item_size), zlib.compressobj(self._level), []
        for at in range(0, len(rows), _PIECE):
            parts.append(deflate.compress(rows[at : at + _PIECE]))
            host_yield()
        found = b"".join([*parts, deflate.flush()])
        return found if len(found) < self._chunk_size else chunk

    def _store(self, chunks: list[bytes | bytearray]) -> None:
        """Write chunks side by side, in one go."""
        sizes = [len(chunk) for chunk in chunks]
        padded = [size + -size % 8 for size in sizes]
        first = self._file.allocate(sum(padded))
        blocks = [bytes(chunk).ljust(room, b"\0") for chunk, room in zip(chunks, padded, strict=True)]
        self._file.write(first, b"".join(blocks))
        self._new_chunks += [first + sum(padded[:i]) for i in range(len(padded))]
        self._new_sizes += sizes

    def _store_begun(self) -> None:
        """Write the chunk that is not full as it is; the rows that follow have room behind it."""
        address = self._file.allocate(self._chunk_size)
        self._file.write(address, memoryview(self._begun))
        used = len(self._begun) // self._row_size
        self._chunk, self._room = address, self._chunk_rows - used
        self._new_chunks.append(address)
        self._new_sizes.append(self._chunk_size)
        self._begun = bytearray()

    def _sizes(self, count: int) -> list[int]:
        return self._new_sizes[:count]

    def _forget(self, count: int) -> None:
        del self._new_sizes[:count]
        super()._forget(count)
