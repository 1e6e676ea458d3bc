"""Checksums of what was recorded: CRC-32 of the samples, block by block, of every table, and of attributes.

They are written when the recording ends, to a table of its own (`/checksums`): a row for each block,
`dataset` being the place of its name in `/checksums_data`, a list in JSON. A name that is a group's ("" for
the root) stands for its attributes. `python -m cl verify` compares.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final, Protocol

import numpy as np

from cl._store.deflate import crc32

from . import hdf5, layout

NAME: Final = "checksums"
DATA: Final = "checksums_data"
ROOM: Final = 1344
"""Bytes for the headers of both."""
DATA_CHUNK: Final = 512
SAMPLE_BLOCK: Final = 25_000
"""Frames that have a checksum: a second."""


class Checksum:
    """The CRC-32 of rows as they lie in memory, in blocks of so many; 0: of all of them."""

    __slots__ = ("_block_rows", "_blocks", "_crc", "_row_size", "rows")

    def __init__(self, row_size: int, block_rows: int = 0) -> None:
        self.rows = 0
        self._row_size = row_size
        self._block_rows = block_rows
        self._blocks: list[int] = []
        self._crc = 0

    def add(self, view: memoryview) -> None:
        """Take the rows that follow."""
        at = 0
        while at < len(view):
            part = view[at : at + self._room()] if self._block_rows else view
            self._crc = crc32(part, self._crc)
            self.rows += len(part) // self._row_size
            at += len(part)
            if self._block_rows and self.rows % self._block_rows == 0:
                self._blocks.append(self._crc)
                self._crc = 0

    def _room(self) -> int:
        return (self._block_rows - self.rows % self._block_rows) * self._row_size

    def mark(self) -> tuple[int, int, int]:
        """Return what `rewind` goes back to."""
        return self.rows, self._crc, len(self._blocks)

    def rewind(self, mark: tuple[int, int, int]) -> None:
        """Forget what was taken since."""
        self.rows, self._crc, blocks = mark
        del self._blocks[blocks:]

    def found(self, rows: int) -> list[tuple[int, int, int]]:
        """Return (first row, rows, CRC-32) of the blocks of a dataset that has so many rows.

        A block that ends elsewhere than it was taken to is left out: the disk has failed.
        """
        size = self._block_rows
        blocks = [(i * size, size, crc) for i, crc in enumerate(self._blocks) if (i + 1) * size <= rows]
        first = len(self._blocks) * size
        if rows == self.rows and (rows > first or not size):
            blocks.append((first, rows - first, self._crc))
        return blocks


def of_attributes(attributes: Iterable[tuple[str, bytes]]) -> int:
    """Return the CRC-32 of attributes by name, the zeros at the ends of their values left out."""
    crc = 0
    for name, data in sorted(attributes):
        crc = crc32(name.encode() + b"\0" + data.rstrip(b"\0") + b"\0", crc)
    return crc


def of_group(attributes: Iterable[hdf5.Attribute]) -> list[tuple[int, int, int]]:
    """Return the one block of a group's attributes."""
    found = [(attribute.name, attribute.data) for attribute in attributes]
    return [(0, len(found), of_attributes(found))]


def rows_of(
    found: Iterable[tuple[str, list[tuple[int, int, int]]]],
) -> tuple[np.ndarray[Any, Any], bytes]:
    """Return the rows of the table, and the names that they number, from names and their blocks."""
    named = list(found)
    rows = [(number, *block) for number, (_, blocks) in enumerate(named) for block in blocks]
    return np.array(rows, layout.CHECKSUM), json.dumps([name for name, _ in named]).encode()


class Dataset(Protocol):
    """A dataset, as far as its checksums are concerned."""

    header_address: int
    published: int
    checksum: Checksum


def datasets_of(
    path: str, members: dict[str, int], datasets: Iterable[Dataset]
) -> list[tuple[str, list[tuple[int, int, int]]]]:
    """Return the blocks of a group's datasets, which it has by the addresses of their headers."""
    known = {dataset.header_address: dataset for dataset in datasets}
    return [
        (path + name, known[address].checksum.found(known[address].published))
        for name, address in members.items()
        if address in known
    ]
