"""The bytes of HDF5: the structures of its first file format that a recording needs.

Written after the HDF5 File Format Specification, version 3.0, sections II to IV:
superblock version 0, groups of version 1 (B-tree, symbol nodes, local heap),
object headers of version 1. This format has no checksums and no flags, and every
reader of HDF5 takes it. Everything here is a pure function of its arguments;
addresses are byte offsets in the file and all numbers are little-endian.
"""

from __future__ import annotations

import struct
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

UNDEFINED: Final = 0xFFFF_FFFF_FFFF_FFFF
"""The address of what does not exist."""
SUPERBLOCK_SIZE: Final = 96
END_OF_FILE_FIELD: Final = 40
ROOT_HEADER_FIELD: Final = 64
HEADER_PREFIX: Final = 16
ENTRIES_PER_SYMBOL_NODE: Final = 8
CHILDREN_PER_GROUP_NODE: Final = 32
CHILDREN_PER_CHUNK_NODE: Final = 64
NODE_HEADER: Final = 24
ENTRIES_USED_FIELD: Final = 6
RIGHT_SIBLING_FIELD: Final = 16
LARGEST_MESSAGE: Final = 65_528
"""Bytes of the largest header message (its size is an unsigned 16-bit multiple of 8)."""

_DATASPACE, _DATATYPE, _FILL, _LAYOUT, _FILTERS, _ATTRIBUTE, _SYMBOL_TABLE = (
    0x01, 0x03, 0x05, 0x08, 0x0B, 0x0C, 0x11
)  # fmt: skip
_SHUFFLE, _DEFLATE, _OPTIONAL = 2, 1, 1
_CONSTANT = 1
UTF8: Final = 1
ASCII: Final = 0


def padded(data: bytes) -> bytes:
    """Return the bytes filled up with zeros to a multiple of 8."""
    return data + bytes(-len(data) % 8)


def superblock(end_of_file: int, root_header: int) -> bytes:
    """Return the 96 bytes at the start of the file."""
    return (
        b"\x89HDF\r\n\x1a\n"
        + bytes([0, 0, 0, 0, 0, 8, 8, 0])
        + struct.pack("<HHI", ENTRIES_PER_SYMBOL_NODE // 2, CHILDREN_PER_GROUP_NODE // 2, 0)
        + struct.pack("<QQQQ", 0, UNDEFINED, end_of_file, UNDEFINED)
        + symbol_entry(0, root_header)
    )


def symbol_entry(name_offset: int, header: int) -> bytes:
    """Return a symbol table entry (40 bytes); the header's address is its bytes 8 to 16."""
    return struct.pack("<QQII16x", name_offset, header, 0, 0)


# -- datatypes, dataspaces, attributes


@cache
def number_type(dtype: np.dtype[Any]) -> bytes:
    """Return the datatype of a little-endian integer or IEEE float."""
    size, bits = dtype.itemsize, dtype.itemsize * 8
    if dtype.kind in "iu":
        return struct.pack("<BBBBIHH", 0x10, 0x08 if dtype.kind == "i" else 0, 0, 0, size, 0, bits)
    exponent, mantissa = {4: (8, 23), 8: (11, 52)}[size]
    return struct.pack(
        "<BBBBIHHBBBBI",
        *(0x11, 0x20, bits - 1, 0, size, 0, bits),
        *(mantissa, exponent, 0, mantissa, (1 << exponent - 1) - 1),
    )


def array_type(dtype: np.dtype[Any]) -> bytes:
    """Return the datatype of a one-dimensional array within a table row."""
    assert dtype.subdtype is not None
    base, (length,) = dtype.subdtype
    return struct.pack("<BBBBIB3xII", 0x2A, 0, 0, 0, dtype.itemsize, 1, length, 0) + number_type(base)


def compound_type(dtype: np.dtype[Any]) -> bytes:
    """Return the datatype of a table row, from a packed structured dtype."""
    assert dtype.names is not None and dtype.fields is not None
    parts = [struct.pack("<BHBI", 0x26, len(dtype.names), 0, dtype.itemsize)]
    for name in dtype.names:
        field, offset = dtype.fields[name][:2]
        member = array_type(field) if field.subdtype else number_type(field)
        parts += [padded(name.encode() + b"\0"), struct.pack("<I", offset), member]
    return b"".join(parts)


def datatype(dtype: np.dtype[Any]) -> bytes:
    """Return the datatype of the rows of a dataset."""
    return compound_type(dtype) if dtype.names else number_type(dtype)


def string_type(size: int, charset: int) -> bytes:
    return struct.pack("<BBBBI", 0x13, charset << 4, 0, 0, size)


_SCALAR: Final = struct.pack("<BBBB4x", 1, 0, 0, 0)
_NULL: Final = struct.pack("<BBBB", 2, 0, 0, 2)
_LONG_STRING: Final = struct.pack("<BBBBI", 0x19, 0x01, 0, 0, 16) + number_type(np.dtype("u1"))


def dataspace(shape: Sequence[int]) -> bytes:
    """Return a dataspace whose first dimension may grow; its current size is bytes 8 to 16."""
    limits = (UNDEFINED, *shape[1:])
    return struct.pack(f"<BBBB4x{2 * len(shape)}Q", 1, len(shape), 1, 0, *shape, *limits)


class Attribute(NamedTuple):
    """An attribute as it lies in an object header."""

    name: str
    datatype: bytes
    dataspace: bytes
    data: bytes

    def message(self) -> bytes:
        """Return the header message; the data begins `data_offset` bytes into it."""
        name = self.name.encode() + b"\0"
        sizes = struct.pack("<BBHHH", 1, 0, len(name), len(self.datatype), len(self.dataspace))
        body = sizes + padded(name) + padded(self.datatype) + padded(self.dataspace) + self.data
        return message(_ATTRIBUTE, body)

    @property
    def data_offset(self) -> int:
        """Where the data begins in the message."""
        sizes = len(self.name.encode()) + 1, len(self.datatype), len(self.dataspace)
        return 8 + 8 + sum(size + -size % 8 for size in sizes)

    @property
    def fits(self) -> bool:
        """Whether a header message can hold it."""
        return len(self.name) + len(self.data) + 128 <= LARGEST_MESSAGE


def text(name: str, value: str, charset: int = UTF8) -> Attribute:
    """Return a text attribute; HDF5 has no string of no bytes, so an empty one has no value."""
    data = value.encode()
    return Attribute(name, string_type(max(len(data), 1), charset), _SCALAR if data else _NULL, data)


def raw(name: str, value: bytes) -> Attribute:
    """Return an attribute of bytes without a zero among them, as PyTables keeps pickles."""
    return Attribute(name, string_type(max(len(value), 1), ASCII), _SCALAR if value else _NULL, value)


def number(name: str, value: float, dtype: str = "<i8") -> Attribute:
    """Return a scalar numeric attribute."""
    scalar = np.array(value, dtype)
    return Attribute(name, number_type(scalar.dtype), _SCALAR, scalar.tobytes())


def long_raw(name: str, length: int, heap: int) -> Attribute:
    """Return an attribute of bytes that lie in the global heap collection at `heap`."""
    return Attribute(name, _LONG_STRING, _SCALAR, struct.pack("<IQI", length, heap, 1))


def global_heap(data: bytes) -> bytes:
    """Return a heap collection with the data as its object 1."""
    objects = struct.pack("<HHIQ", 1, 1, 0, len(data)) + padded(data)
    size = max(4096, 16 + len(objects) + 16)
    free = size - 16 - len(objects)
    end = struct.pack("<HHIQ", 0, 0, 0, free)
    return (struct.pack("<4sB3xQ", b"GCOL", 1, size) + objects + end).ljust(size, b"\0")


# -- object headers


def message(kind: int, body: bytes, flags: int = 0) -> bytes:
    """Return a header message: 8 bytes and the body."""
    body = padded(body)
    return struct.pack("<HHB3x", kind, len(body), flags) + body


def object_header(messages: Sequence[bytes], capacity: int = 0) -> bytes:
    """Return an object header in one block, filled up to `capacity` bytes where that is given."""
    body = b"".join(messages)
    count = len(messages)
    spare = capacity - HEADER_PREFIX - len(body)
    while spare >= 8:
        empty = min(spare - 8, LARGEST_MESSAGE)
        body += message(0, bytes(empty))
        count += 1
        spare -= 8 + empty
    return struct.pack("<BBHII4x", 1, 0, count, 1, len(body)) + body


def group_messages(tree: int, heap: int, attributes: Iterable[Attribute]) -> list[bytes]:
    """Return the messages of a group's header."""
    table = message(_SYMBOL_TABLE, struct.pack("<QQ", tree, heap))
    return [table, *(attribute.message() for attribute in attributes)]


class DatasetHeader(NamedTuple):
    """A dataset's object header and where its fields lie in it."""

    block: bytes
    rows_field: int
    index_field: int
    attribute_fields: Mapping[str, int]


def filter_pipeline(item_size: int, level: int) -> bytes:
    """Return the body of the message that chunks are shuffled, by items of so many bytes, and then deflated.

    Of a chunk that is stored as it is the mask has both bits, `UNFILTERED`.
    """
    filters = ((_SHUFFLE, item_size), (_DEFLATE, level))
    parts = [struct.pack("<HHHHI4x", number, 0, _OPTIONAL, 1, value) for number, value in filters]
    return struct.pack("<BB6x", 1, len(filters)) + b"".join(parts)


UNFILTERED: Final = 0b11
"""The mask of a chunk for which both filters were left out."""


@cache
def dataset_header(
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    chunk_rows: int,
    attributes: tuple[Attribute, ...],
    filters: bytes = b"",
) -> DatasetHeader:
    """Return the header of a chunked dataset that can grow along its first dimension, without chunks."""
    chunk = (chunk_rows, *shape[1:], dtype.itemsize)
    layout = struct.pack(f"<BBBQ{len(chunk)}I", 3, 2, len(chunk), UNDEFINED, *chunk)
    messages = [
        message(_DATASPACE, dataspace(shape)),
        message(_LAYOUT, layout, _CONSTANT),
        message(_DATATYPE, datatype(dtype), _CONSTANT),
        # Space as it is needed; fill values (zeros) are written when it is allocated.
        message(_FILL, struct.pack("<BBBBI", 2, 3, 0, 1, 0), _CONSTANT),
    ]
    if filters:
        messages.append(message(_FILTERS, filters, _CONSTANT))
    position = HEADER_PREFIX + sum(map(len, messages))
    fields = {}
    for attribute in attributes:
        fields[attribute.name] = position + attribute.data_offset
        messages.append(attribute.message())
        position += len(messages[-1])
    return DatasetHeader(
        object_header(messages), HEADER_PREFIX + 8 + 8, HEADER_PREFIX + len(messages[0]) + 8 + 3, fields
    )


# -- groups


def local_heap(names: Sequence[bytes], address: int) -> tuple[bytes, list[int]]:
    """Return the heap of a group's names, to be written at `address`, and each name's offset in it."""
    data = bytearray(8)
    offsets = []
    for name in names:
        offsets.append(len(data))
        data += padded(name + b"\0")
    no_free_list = 1
    prefix = struct.pack("<4sB3xQQQ", b"HEAP", 0, len(data), no_free_list, address + 32)
    return prefix + bytes(data), offsets


def symbol_node(entries: Sequence[bytes]) -> bytes:
    """Return a symbol node with up to 8 entries, which are in the order of their names."""
    node = struct.pack("<4sBBH", b"SNOD", 1, 0, len(entries)) + b"".join(entries)
    return node.ljust(8 + 40 * ENTRIES_PER_SYMBOL_NODE, b"\0")


SYMBOL_NODE_SIZE: Final = 8 + 40 * ENTRIES_PER_SYMBOL_NODE
GROUP_NODE_SIZE: Final = NODE_HEADER + 16 * CHILDREN_PER_GROUP_NODE + 8


def node_header(kind: int, level: int, used: int, left: int = UNDEFINED, right: int = UNDEFINED) -> bytes:
    """Return the first 24 bytes of a B-tree node; kind 0: of a group, 1: of chunks."""
    return struct.pack("<4sBBHQQ", b"TREE", kind, level, used, left, right)


def group_node(level: int, keys: Sequence[int], children: Sequence[int], left: int, right: int) -> bytes:
    """Return a group's B-tree node: children between keys, which are offsets of names in the heap."""
    body = bytearray(node_header(0, level, len(children), left, right))
    for key, child in zip(keys, children, strict=False):
        body += struct.pack("<QQ", key, child)
    body += struct.pack("<Q", keys[len(children)])
    return bytes(body.ljust(GROUP_NODE_SIZE, b"\0"))
