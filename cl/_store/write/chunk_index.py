"""The B-tree (version 1) that tells where the chunks of a growing dataset are.

Chunks are only ever added at the end and none is missing. So every node but the last of its
level is full, a node's bounds are known when it is made, and what a link changes is an entry
beyond those in use with the count of entries, or the address of the root. A lookup sees the old tree
or the new one.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

import numpy as np

from . import hdf5

if TYPE_CHECKING:
    from .ordered_file import OrderedFile

_FULL: Final = hdf5.CHILDREN_PER_CHUNK_NODE


class _Level:
    """The last node of a level: its address, bytes, first chunk and entries."""

    __slots__ = ("address", "block", "first", "used")

    def __init__(self, address: int, block: bytearray, first: int, used: int) -> None:
        self.address = address
        self.block = block
        self.first = first
        self.used = used


class ChunkIndex:
    """Where the chunks of one dataset are.

    After `extend` the dataset's header has to point to `root`, with a link that comes next.
    """

    def __init__(
        self, file: OrderedFile, rank: int, chunk_rows: int, chunk_size: int, *, filtered: bool = False
    ) -> None:
        """`filtered`: chunks have sizes of their own; those of the full size are stored as they are."""
        self.chunks = 0
        self.root = hdf5.UNDEFINED
        self._file = file
        self._chunk_rows = chunk_rows
        self._chunk_size = chunk_size
        self._whole_mask = hdf5.UNFILTERED if filtered else 0
        self._levels: list[_Level] = []
        # A key: the chunk's size, its filters, and where it begins in each dimension and the element.
        self._entry = np.dtype(
            [("child", "<u8"), ("size", "<u4"), ("mask", "<u4"), ("row", "<u8"), ("rest", "<u8", (rank,))]
        )
        self._key_size = self._entry.itemsize - 8
        self._node_size = hdf5.NODE_HEADER + _FULL * self._entry.itemsize + self._key_size

    def extend(self, addresses: list[int], sizes: list[int] | None = None) -> None:
        """Add chunks at these addresses, of these sizes; the next commit leads to them."""
        sizes = [self._chunk_size] * len(addresses) if sizes is None else sizes
        while addresses:
            if not self._levels or self._levels[0].used == _FULL:
                count = self._grow(addresses, sizes)
            else:
                count = self._append(0, addresses, sizes)
            self.chunks += count
            addresses, sizes = addresses[count:], sizes[count:]

    def _entries(self, level: int, first: int, children: list[int], sizes: list[int]) -> bytes:
        """Return children and the keys that follow them; `first` is the first child's first chunk.

        A key tells of the chunk that comes after it: the last one is completed when that is added.
        """
        entries = np.zeros(len(children), self._entry)
        span = _FULL**level
        entries["child"] = children
        entries["size"] = [*sizes[1 : len(children)], self._chunk_size]
        entries["mask"] = np.where(entries["size"] == self._chunk_size, self._whole_mask, 0)
        entries["row"] = (first + span * np.arange(1, len(children) + 1)) * self._chunk_rows
        return entries.tobytes()

    def _key(self, chunk: int, size: int) -> bytes:
        mask = self._whole_mask if size == self._chunk_size else 0
        return struct.pack("<IIQ", size, mask, chunk * self._chunk_rows).ljust(self._key_size, b"\0")

    def _sizes(self, count: int) -> list[int]:
        """Return what stands in the keys of nodes that lead to nodes."""
        return [self._chunk_size] * count

    def _append(self, level: int, children: list[int], sizes: list[int]) -> int:
        """Add to the last node of a level what fits; return how many."""
        node = self._levels[level]
        children = children[: _FULL - node.used]
        first = node.first + node.used * _FULL**level
        place = hdf5.NODE_HEADER + self._key_size + node.used * self._entry.itemsize
        entries = self._entries(level, first, children, sizes)
        node.block[place - self._key_size : place] = self._key(first, sizes[0])
        node.used += len(children)
        node.block[place : place + len(entries)] = entries
        struct.pack_into("<H", node.block, hdf5.ENTRIES_USED_FIELD, node.used)
        start = hdf5.ENTRIES_USED_FIELD
        link = self._file.link_node if level else self._file.link_ahead
        link(node.address + start, bytes(node.block[start : place + len(entries)]))
        return len(children)

    def _grow(self, addresses: list[int], sizes: list[int]) -> int:
        """Make a new last leaf for the first of the addresses, and what has to be above it.

        All new nodes are written before the tree is changed, in memory too: if
        the disk is full the index stays as it was.
        """
        children = addresses[:_FULL]
        top = 0
        new: list[_Level] = []
        while top < len(self._levels) and self._levels[top].used == _FULL:
            new.append(self._new_node(top, children if top == 0 else [new[-1].address], sizes))
            top += 1
        if top == len(self._levels):  # every level is full (or there is none): a level more
            if top:
                both = [self._levels[-1].address, new[-1].address]
                new.append(self._new_node(top, both, sizes, first=0))
            else:
                new.append(self._new_node(0, children, sizes))
            self._replace(new)
            self.root = new[-1].address
        else:
            self._replace(new)
            self._append(top, [new[-1].address], self._sizes(1))
        return len(children)

    def _new_node(
        self, level: int, children: list[int], sizes: list[int], first: int | None = None
    ) -> _Level:
        first = self.chunks if first is None else first
        sizes = self._sizes(len(children)) if level else sizes
        left = self._levels[level].address if level < len(self._levels) else hdf5.UNDEFINED
        header = hdf5.node_header(1, level, len(children), left)
        block = header + self._key(first, sizes[0]) + self._entries(level, first, children, sizes)
        block = block.ljust(self._node_size, b"\0")
        address = self._file.allocate(self._node_size, whole=True)
        self._file.write(address, block)
        return _Level(address, bytearray(block), first, len(children))

    def _replace(self, new: list[_Level]) -> None:
        for level, node in enumerate(new):
            if level < len(self._levels):
                old = self._levels[level]
                self._file.link_node(old.address + hdf5.RIGHT_SIBLING_FIELD, struct.pack("<Q", node.address))
                self._levels[level] = node
            else:
                self._levels.append(node)
