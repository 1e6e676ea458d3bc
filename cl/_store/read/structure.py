"""What tells where things are in a recording's file, read without HDF5's library.

Only the format that `cl._store.write` writes: superblock 0, headers and groups of version 1, chunks in
B-trees of version 1, nothing continued elsewhere. Anything else is `NotOursError`.
"""

from __future__ import annotations

import math
import os
import struct
from typing import Final, NamedTuple

SUPERBLOCK_SIZE: Final = 96
_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0\x04\0\x10\0"
_ROOT_HEADER_FIELD: Final = 64
_HEADER_PREFIX: Final = 16
_NODE_HEADER: Final = 24
_GROUP_NODE_SIZE: Final = _NODE_HEADER + 16 * 32 + 8
_SYMBOL_NODE_SIZE: Final = 8 + 40 * 8
_CHILDREN: Final = 64
_USED_FIELD: Final = 6
_NOWHERE: Final = 0xFFFF_FFFF_FFFF_FFFF
_DATASPACE, _LAYOUT, _ATTRIBUTE, _CONTINUED, _SYMBOL_TABLE = 0x01, 0x08, 0x0C, 0x10, 0x11
_VARIABLE_LENGTH: Final = 9
_DEEPEST: Final = 4
_LARGEST_BLOCK: Final = 64 << 20


class NotOursError(Exception):
    """The file is of a form that recordings of this package do not have, or damaged."""


class ChangingError(Exception):
    """A block was looked at in the midst of a change."""


class Dataset(NamedTuple):
    """A chunked dataset, as its header has it."""

    rows: int
    chunk_rows: int
    row_size: int
    dimensions: int
    root: int


class Blocks:
    """The blocks of one file that were read, by their addresses."""

    def __init__(self, descriptor: int) -> None:
        self.known: dict[int, bytes] = {}
        self._descriptor = descriptor

    def read(self, address: int, size: int) -> bytes:
        """Return a block; NotOursError where the file has no such."""
        if address in self.known and len(self.known[address]) == size:
            return self.known[address]
        found = self.fresh(address, size)
        self.known[address] = found
        return found

    def fresh(self, address: int, size: int) -> bytes:
        """Return what lies there now."""
        if not 0 <= address < 1 << 62 or size > _LARGEST_BLOCK:
            raise NotOursError(f"a block of {size} bytes at {address}")
        found = os.pread(self._descriptor, size, address)
        if len(found) != size:
            raise NotOursError(f"the file ends within the block at {address}")
        return found

    def unchanged(self) -> bool:
        """Whether all of them lie in the file as they were read."""
        try:
            return all(self.fresh(address, len(block)) == block for address, block in self.known.items())
        except NotOursError:
            return False


class Message(NamedTuple):
    """A message of an object's header."""

    kind: int
    body: bytes


def root_address(blocks: Blocks) -> int:
    """Return where the root group's header is."""
    superblock = blocks.read(0, SUPERBLOCK_SIZE)
    if not superblock.startswith(_SIGNATURE) or superblock[24:32] != bytes(8):
        raise NotOursError("another superblock")
    return _number(superblock, _ROOT_HEADER_FIELD)


def messages(blocks: Blocks, address: int) -> list[Message]:
    """Return the messages of the header at an address; ChangingError if it changes just now."""
    prefix = blocks.fresh(address, _HEADER_PREFIX)
    version, _, count, _, size = struct.unpack_from("<BBHII", prefix)
    if version != 1:
        raise NotOursError(f"a header of version {version}")
    block = blocks.read(address, _HEADER_PREFIX + size)
    if block[:_HEADER_PREFIX] != prefix:
        raise ChangingError("a header")
    found, at = [], _HEADER_PREFIX
    for _ in range(count):
        kind, length = struct.unpack_from("<HH", _within(block, at, 8))
        if kind == _CONTINUED:
            raise NotOursError("a header in several pieces")
        found.append(Message(kind, _within(block, at + 8, length)))
        at += 8 + length
    return found


def attributes(header: list[Message]) -> dict[bytes, bytes]:
    """Return the bytes of the attributes in a header; those without a value have none."""
    return {name: data for name, _, data in map(_attribute, header) if name}


def walk(blocks: Blocks) -> list[Dataset]:
    """Read all blocks that tell where things are, but for the indexes of chunks; return the datasets."""
    found: list[Dataset] = []
    pending = [(root_address(blocks), 0)]
    while pending:
        address, depth = pending.pop()
        header = messages(blocks, address)
        _read_heaps(blocks, header)
        tables = [message.body for message in header if message.kind == _SYMBOL_TABLE]
        if not tables:
            found.append(_dataset(header))
        elif depth == _DEEPEST:
            raise NotOursError("groups nested deeper than in a recording")
        for body in tables:
            tree, heap = struct.unpack_from("<QQ", _within(body, 0, 16))
            _read_heap(blocks, heap)
            pending += [(member, depth + 1) for member in _members(blocks, tree)]
    return found


class IndexPath(NamedTuple):
    """What leads to the end of a dataset."""

    nodes: dict[int, bytes]
    chunk: int
    """The address of the last chunk that the rows need, 0 where there is none ..."""
    stored: int
    """... and its bytes in the file."""


def index_path(blocks: Blocks, dataset: Dataset) -> IndexPath:
    """Return the nodes of a dataset's index that may still get entries, with those that its rows need.

    Chunks are only added, and a node stays where it is: what the rows need does not change any more, however
    much later it is read. A node that is full, or not the last of its level, changes in nothing that is read.
    Raises ChangingError if they are not all there.
    """
    chunks = -(-dataset.rows // dataset.chunk_rows)
    path: dict[int, bytes] = {}
    address, first, level, stored = dataset.root, 0, -1, 0
    while chunks and level:
        node = blocks.fresh(address, _NODE_HEADER)
        kind, below, used = struct.unpack_from("<4xBBH", node)
        span: int = _CHILDREN**below
        wanted = -(-(chunks - first) // span)
        if (
            node[:4] != b"TREE"
            or kind != 1
            or not 0 < wanted <= used <= _CHILDREN
            or level not in (-1, below + 1)
        ):
            raise ChangingError("an index that does not have the rows")
        key = 8 + 8 * dataset.dimensions
        node = blocks.fresh(address, _NODE_HEADER + _CHILDREN * (key + 8) + key)
        child = 0
        for i in range(wanted):
            entry = _NODE_HEADER + i * (key + 8)
            child = _number(node, entry + key)
            if _number(node, entry + 8) != (first + i * span) * dataset.chunk_rows or child in (0, _NOWHERE):
                raise ChangingError("an index of another order")
            (stored,) = struct.unpack_from("<I", node, entry)
        path[address] = node[:_USED_FIELD] + struct.pack("<H", wanted) + node[_USED_FIELD + 2 :]
        address, first, level = child, first + (wanted - 1) * span, below
    return IndexPath(path, address if chunks else 0, stored)


def last_row(blocks: Blocks, dataset: Dataset, path: IndexPath) -> dict[int, bytes]:
    """Return the last row, or of a chunk that is compressed as many bytes at its end, by its address."""
    if not path.chunk:
        return {}
    end = path.stored
    if end == dataset.chunk_rows * dataset.row_size:
        end = ((dataset.rows - 1) % dataset.chunk_rows + 1) * dataset.row_size
    size = min(end, dataset.row_size)
    return {path.chunk + end - size: blocks.fresh(path.chunk + end - size, size)}


def _members(blocks: Blocks, tree: int) -> list[int]:
    """Return where the headers of a group's members are."""
    node = blocks.read(tree, _GROUP_NODE_SIZE)
    kind, level, used = struct.unpack_from("<4xBBH", node)
    if node[:4] != b"TREE" or kind != 0 or used > 32 or level > _DEEPEST:
        raise NotOursError("another group")
    children = [_number(node, _NODE_HEADER + 8 + 16 * i) for i in range(used)]
    if level:
        return [member for child in children for member in _members(blocks, child)]
    return [member for child in children for member in _symbols(blocks, child)]


def _symbols(blocks: Blocks, address: int) -> list[int]:
    node = blocks.read(address, _SYMBOL_NODE_SIZE)
    (count,) = struct.unpack_from("<6xH", node)
    if node[:4] != b"SNOD" or count > 8:
        raise NotOursError("another list of members")
    if any(struct.unpack_from("<I", node, 8 + 40 * i + 16)[0] == 2 for i in range(count)):
        raise NotOursError("a link by name")
    return [_number(node, 8 + 40 * i + 8) for i in range(count)]


def _read_heap(blocks: Blocks, address: int) -> None:
    """Read a group's names."""
    prefix = blocks.read(address, 32)
    if prefix[:4] != b"HEAP":
        raise NotOursError("another heap")
    blocks.read(_number(prefix, 24), _number(prefix, 8))


def _read_heaps(blocks: Blocks, header: list[Message]) -> None:
    """Read what the attributes have outside of the header."""
    for name, kind, data in map(_attribute, header):
        if name and kind & 0x0F == _VARIABLE_LENGTH and len(data) >= 16:
            address = _number(data, 4)
            prefix = blocks.fresh(address, 16)
            if prefix[:4] != b"GCOL":
                raise NotOursError("another heap")
            blocks.read(address, _number(prefix, 8))


def _attribute(message: Message) -> tuple[bytes, int, bytes]:
    """Return an attribute's name, the kind of its value, and its bytes; no name for other messages."""
    if message.kind != _ATTRIBUTE:
        return b"", 0, b""
    version, _, *sizes = struct.unpack_from("<BBHHH", _within(message.body, 0, 8))
    if version != 1:
        raise NotOursError(f"an attribute of version {version}")
    name, kind, space = (size + -size % 8 for size in sizes)
    at = 8 + name
    name_bytes = _within(message.body, 8, sizes[0]).split(b"\0", 1)[0]
    is_null = _within(message.body, at + kind, 4)[0] == 2
    data = b"" if is_null else message.body[at + kind + space :]
    return name_bytes, _within(message.body, at, 1)[0], data


def _dataset(header: list[Message]) -> Dataset:
    bodies = {message.kind: message.body for message in header}
    space, layout = bodies.get(_DATASPACE, b""), bodies.get(_LAYOUT, b"")
    if space[:1] != b"\x01" or layout[:2] != b"\x03\x02":
        raise NotOursError("a dataset that does not grow")
    dimensions = layout[2]
    index, chunk_rows, *row = struct.unpack_from(f"<Q{dimensions}I", _within(layout, 3, 8 + 4 * dimensions))
    if not chunk_rows or space[1] != dimensions - 1:
        raise NotOursError("a dataset without chunks")
    return Dataset(_number(space, 8), chunk_rows, math.prod(row), dimensions, index)


def _within(data: bytes, start: int, size: int) -> bytes:
    found = data[start : start + size]
    if len(found) != size:
        raise NotOursError("a block that ends too early")
    return found


def _number(data: bytes, at: int) -> int:
    found: int = struct.unpack("<Q", _within(data, at, 8))[0]
    return found
