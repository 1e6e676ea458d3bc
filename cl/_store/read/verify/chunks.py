"""The chunks of a dataset, read at their places by several threads; HDF5's library lets one in at a time."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final

import h5py
import numpy as np

from cl._store.deflate import crc32, inflated
from cl._store.read.descriptor import Descriptor
from cl._store.shuffling import unshuffled

from .spans import Spans

_THREADS: Final = min(8, 2 + (os.cpu_count() or 1))
"""Some of them wait for the disk."""
_AHEAD: Final = 4 * _THREADS
_DEFLATE_MASK, _SHUFFLE_MASK = 2, 1
_SPAN: Final = 8 << 20
"""So much is read in one go."""
_EXPECTED: Final = 64
"""So many spans are on their way."""
_GAP: Final = 1 << 18
"""What lies between the chunks of a span is read with them."""


class UnreadableError(Exception):
    """Rows that are not there, as ranges."""

    def __init__(self, rows: list[tuple[int, int]]) -> None:
        super().__init__(rows)
        self.rows = rows


class Chunks:
    """Where the rows of a chunked dataset lie, and their checksums.

    `extents` are (address, size) of all chunks; `missing` are the rows without a chunk within the file.
    """

    def __init__(self, dataset: h5py.Dataset, descriptor: Descriptor) -> None:
        self._dataset = dataset
        self._file = Spans(descriptor)
        self._is_filtered = bool(dataset.compression)
        self.rows = len(dataset)
        self._row_size = dataset.dtype.itemsize * int(np.prod(dataset.shape[1:], dtype=np.int64))
        self._chunk_rows = dataset.chunks[0]
        self._is_known = self._has_stock_filters() and dataset.chunks[1:] == dataset.shape[1:]
        count = -(-self.rows // self._chunk_rows)
        self._address = np.full(count, -1, np.int64)
        self._size = np.zeros(count, np.int64)
        self._mask = np.zeros(count, np.int64)
        self._find(count)
        end = os.fstat(descriptor.number).st_size
        self.extents = np.stack([self._address, self._size], 1)
        lost = (self._address < 0) | (self._address + self._size > end)
        if not self._is_filtered:
            lost |= self._size != self._chunk_rows * self._row_size
        self._lost = lost
        self._bytes = int(self._size.sum()) or self.rows * self._row_size
        self.missing = [self._rows_of(int(i)) for i in np.flatnonzero(lost)]

    def _find(self, count: int) -> None:
        rows_of_chunk = self._chunk_rows

        def note(chunk: Any) -> None:
            number = chunk.chunk_offset[0] // rows_of_chunk
            if 0 <= number < count and self._is_known:
                self._address[number] = chunk.byte_offset
                self._size[number] = chunk.size
                self._mask[number] = chunk.filter_mask

        if not self._is_known:
            self._address[:] = 0
        elif count:
            # Where the index ends in the midst, what was told of before is there all the same.
            with suppress(OSError, RuntimeError):
                self._dataset.id.chunk_iter(note)

    def _has_stock_filters(self) -> bool:
        found = self._dataset.id.get_create_plist()
        kinds = [found.get_filter(i)[0] for i in range(found.get_nfilters())]
        return kinds in ([], [h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE])

    def _rows_of(self, chunk: int) -> tuple[int, int]:
        first = chunk * self._chunk_rows
        return first, min(first + self._chunk_rows, self.rows)

    def stored(self, rows: int) -> int:
        """Return about how many bytes of the file so many rows take."""
        return self._bytes * rows // max(self.rows, 1)

    def checksums(self, blocks: list[tuple[int, int]]) -> Iterator[int | UnreadableError]:
        """Yield the CRC-32 of each range of rows, in order, or what of it cannot be read."""
        with ThreadPoolExecutor(_THREADS, "cl-verify") as pool:
            pending: list[Future[int | UnreadableError]] = []
            for block in blocks:
                pending.append(pool.submit(self._checksum, *block))
                if len(pending) > _AHEAD:
                    yield pending.pop(0).result()
            for future in pending:
                yield future.result()

    def _checksum(self, first: int, stop: int) -> int | UnreadableError:
        try:
            crc = 0
            for piece in self._pieces(first, stop):
                crc = crc32(piece, crc)
            return crc
        except UnreadableError as error:
            return error

    def _pieces(self, first: int, stop: int) -> Iterator[Any]:
        """Yield the bytes of rows, in order."""
        if not self._is_known:
            yield self._by_library(first, stop)
            return
        chunks = range(first // self._chunk_rows, -(-stop // self._chunk_rows))
        lost = [self._rows_of(chunk) for chunk in chunks if self._lost[chunk]]
        if lost:
            raise UnreadableError(lost)
        bad: list[tuple[int, int]] = []
        for span in self._expected(chunks):
            for chunk, data in self._stored(span):
                begin, end = self._rows_of(chunk)
                low, high = max(first, begin) - begin, min(stop, end) - begin
                rows = self._inflated(chunk, data) if data is not None and self._is_filtered else data
                if rows is None:
                    bad.append((begin, end))
                else:
                    yield rows[low * self._row_size : high * self._row_size]
        if bad:
            raise UnreadableError(bad)

    def _spans(self, chunks: range) -> Iterator[range]:
        """Yield chunks that lie so near to each other, in order, that they are read in one go."""
        begin = chunks.start
        address = self._address[begin : chunks.stop].tolist()
        ends = (self._address[begin : chunks.stop] + self._size[begin : chunks.stop]).tolist()
        for at in range(1, len(chunks)):
            if 0 <= address[at] - ends[at - 1] <= _GAP and ends[at] - address[begin - chunks.start] <= _SPAN:
                continue
            yield range(begin, chunks.start + at)
            begin = chunks.start + at
        yield range(begin, chunks.stop)

    def _expected(self, chunks: range) -> Iterator[range]:
        """Yield the spans, of which the disk is told some time before."""
        expected: deque[range] = deque()
        for span in self._spans(chunks):
            self._file.expect(*self._extent(span))
            expected.append(span)
            if len(expected) > _EXPECTED:
                yield expected.popleft()
        yield from expected

    def _extent(self, span: range) -> tuple[int, int]:
        """Return where a span begins, and its size."""
        address = int(self._address[span.start])
        return address, int(self._address[span[-1]] + self._size[span[-1]]) - address

    def _stored(self, span: range) -> Iterator[tuple[int, memoryview | None]]:
        """Yield chunks as they are stored, None for those that the disk does not give."""
        address, size = self._extent(span)
        try:
            held = self._file.read(address, size)
        except OSError:
            # One of them, perhaps: the others are told of all the same.
            for chunk in span:
                yield from self._stored(range(chunk, chunk + 1)) if len(span) > 1 else [(chunk, None)]
            return
        for chunk in span:
            at = int(self._address[chunk]) - address
            yield chunk, held[at : at + int(self._size[chunk])]

    def _inflated(self, chunk: int, data: memoryview) -> memoryview | None:
        """Return a chunk's rows, None if they are not what is stored there."""
        mask, size = int(self._mask[chunk]), self._chunk_rows * self._row_size
        found = data if mask & _DEFLATE_MASK else inflated(data, size)
        if found is None or len(found) != size:
            return None
        if mask & _SHUFFLE_MASK:
            return memoryview(found)
        return unshuffled(found, self._dataset.dtype.itemsize)

    def _by_library(self, first: int, stop: int) -> bytes:
        try:
            return bytes(self._dataset[first:stop].tobytes())
        except (OSError, RuntimeError, ValueError):
            raise UnreadableError([(first, stop)]) from None


def overlapping(chunks: dict[str, Chunks]) -> list[str]:
    """Return the names of datasets of which chunks lie in others'."""
    names = [name for name, each in chunks.items() for _ in range(len(each.extents))]
    if not names:
        return []
    extents = np.concatenate([each.extents for each in chunks.values()])
    order = np.argsort(extents[:, 0], kind="stable")
    order = order[extents[order, 1] > 0]
    ends = extents[order, 0] + extents[order, 1]
    bad = np.flatnonzero(ends[:-1] > extents[order[1:], 0])
    return sorted({names[order[i]] for at in bad.tolist() for i in (at, at + 1)})
