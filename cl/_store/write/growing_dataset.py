"""A dataset that grows by rows."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import hdf5
from .checksums import Checksum
from .chunk_index import ChunkIndex

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .ordered_file import OrderedFile


class Mark(NamedTuple):
    """How far a dataset was written."""

    rows: int
    chunk: int
    room: int
    new_chunks: int
    checksum: tuple[int, int, int]


class GrowingDataset:
    """A chunked dataset in an ordered file, extendable along its first dimension.

    `tail` is the shape of a row. Rows are written as they are appended and
    become visible with the commit after `publish`.
    """

    def __init__(
        self,
        file: OrderedFile,
        dtype: np.dtype[Any],
        tail: tuple[int, ...],
        chunk_rows: int,
        attributes: tuple[hdf5.Attribute, ...],
        address: int | None = None,
        filters: bytes = b"",
        checksum_rows: int = 0,
    ) -> None:
        """Write the header, of no rows; at `address`, where there is room for it.

        `filters` are for a `CompressedDataset`. Every `checksum_rows` have a checksum; 0: one for all.
        """
        self.rows = 0
        self._file = file
        self._chunk_rows = chunk_rows
        self._row_size = dtype.itemsize * math.prod(tail)
        self._chunk_size = chunk_rows * self._row_size
        self.checksum = Checksum(self._row_size, checksum_rows)
        header = hdf5.dataset_header(dtype, (0, *tail), chunk_rows, attributes, filters)
        self._header = bytearray(header.block)
        self._index_field = header.index_field
        self._rows_fields = [header.rows_field]
        if "NROWS" in header.attribute_fields:
            self._rows_fields.append(header.attribute_fields["NROWS"])
        if address is None:
            address = file.allocate(len(header.block), whole=True)
        self.header_address = address
        file.write(self.header_address, header.block)
        self._index = ChunkIndex(file, 1 + len(tail), chunk_rows, self._chunk_size, filtered=bool(filters))
        self._chunk = 0  # the address of the last chunk
        self._room = 0  # rows that it still takes
        self._new_chunks: list[int] = []
        self.published = 0

    def append(self, rows: NDArray[Any]) -> None:
        """Write rows, a contiguous array. After an OSError `self.rows` tells how many were written."""
        self.append_bytes(rows.reshape(-1).view(np.uint8).data)

    def append_bytes(self, view: memoryview) -> None:
        """Write rows as they lie in memory; else as `append`."""
        self._write(view)
        self.checksum.add(view)

    def _write(self, view: memoryview) -> None:
        position = self._fill(view, 0)
        while position < len(view):
            self._allocate(len(view) - position)
            position = self._fill(view, position)

    def mark(self) -> Mark:
        """Return what `rewind` goes back to."""
        return Mark(self.rows, self._chunk, self._room, len(self._new_chunks), self.checksum.mark())

    def rewind(self, mark: Mark) -> None:
        """Forget the rows appended since `mark`, which have not been published."""
        self.rows, self._chunk, self._room, new, checksum = mark
        self.checksum.rewind(checksum)
        del self._new_chunks[new:]

    def _allocate(self, size: int) -> None:
        """Get the chunks for `size` bytes side by side, so that one write fills them."""
        count = -(-size // self._chunk_size)
        first = self._file.allocate(count * self._chunk_size)
        self._new_chunks += range(first, first + count * self._chunk_size, self._chunk_size)
        self._chunk = first + (count - 1) * self._chunk_size
        self._room = count * self._chunk_rows

    def _fill(self, view: memoryview, position: int) -> int:
        """Write what has room in the allocated chunks, from `position` on; return where it ended."""
        piece = max(self._row_size, (1 << 20) // self._row_size * self._row_size)
        while self._room and position < len(view):
            part = view[position : position + min(piece, self._room * self._row_size)]
            end = self._chunk + self._chunk_size
            self._file.write(end - self._room * self._row_size, part)
            count = len(part) // self._row_size
            self._room -= count
            self.rows += count
            position += len(part)
        return position

    def publish(self, stop: int | None = None) -> None:
        """Have the next commit make all rows visible, or those before the row `stop`."""
        self.lead_to(stop)
        if self.stage(stop):
            # The header lies in one page: the new size and where to find the new rows appear together.
            self._file.link(self.header_address, self.header)

    @property
    def header(self) -> bytes:
        """What the header is to be."""
        return bytes(self._header)

    def _visible(self, stop: int | None) -> int:
        return self.rows if stop is None else max(self.published, min(self.rows, stop))

    def lead_to(self, stop: int | None = None) -> None:
        """Have the index lead to all rows, or to those before `stop`, which nothing counts yet."""
        indexed = self._index.chunks
        try:
            count = max(0, -(-self._visible(stop) // self._chunk_rows) - indexed)
            self._index.extend(self._new_chunks[:count], self._sizes(count))
        finally:
            self._forget(self._index.chunks - indexed)

    def _sizes(self, count: int) -> list[int] | None:
        """Return the sizes of the first new chunks, None if all have the same."""
        return None

    def _forget(self, count: int) -> None:
        """Forget the first new chunks, which the index leads to."""
        del self._new_chunks[:count]

    def stage(self, stop: int | None = None) -> bool:
        """Make `header` tell of what the index was made to lead to; return whether it has changed."""
        rows = self._visible(stop)
        if rows == self.published:
            return False
        struct.pack_into("<Q", self._header, self._index_field, self._index.root)
        for field in self._rows_fields:
            struct.pack_into("<Q", self._header, field, rows)
        self.published = rows
        return True
