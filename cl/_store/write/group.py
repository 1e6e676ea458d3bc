"""A group whose attributes and members may change while the file is being written.

A change writes a new copy of what it concerns (the header, or the tables of members and the header)
to unused space; one link, of the header's address in the parent, replaces the old by the new.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from . import hdf5

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .ordered_file import OrderedFile

_SLACK: Final = 1.5
"""Headers get this much room, so that growing attributes can use the same two blocks in turn."""


class Group:
    """A group of an ordered file; without a parent it is the root group.

    Changes are made in memory; `publish` writes them, the commit after it makes
    them reachable. Publish members before the groups they are in, and the root last.
    """

    def __init__(self, file: OrderedFile, parent: Group | None = None, name: str = "") -> None:
        self._file = file
        self._parent = parent
        self._name = name.encode()
        self._attributes: dict[str, hdf5.Attribute] = {}
        self._members: dict[bytes, int] = {}
        self._places: dict[bytes, int] = {}
        self._tables: list[tuple[int, int]] = []  # blocks: the heap and the tree's nodes
        self._heaps: list[tuple[int, int]] = []  # blocks with attributes too large for the header
        self._tree = self._heap = 0
        self._block = self._spare = (0, 0)
        self._spared = -1  # the commits before the one that unlinks the spare block
        self._fields: dict[str, int] = {}
        self._members_changed = self._attributes_changed = True

    @property
    def header_address(self) -> int:
        """Where the header is; 0 before the first `publish`."""
        return self._block[0]

    def set_attributes(self, attributes: Sequence[hdf5.Attribute]) -> None:
        """Add or replace attributes."""
        self._attributes.update({attribute.name: attribute for attribute in attributes})
        self._attributes_changed = True

    def attributes(self) -> list[hdf5.Attribute]:
        """Return the attributes as they stand. For any thread: changes come whole."""
        return list(self._attributes.values())

    def update_numbers(self, attributes: Sequence[hdf5.Attribute]) -> None:
        """Replace the values of scalar numbers that follow one another, in place.

        With the header's next rewriting, where there is one anyway.
        """
        if all(self._attributes.get(attribute.name) == attribute for attribute in attributes):
            return
        self._attributes.update({attribute.name: attribute for attribute in attributes})
        if self._attributes_changed:
            return
        # One write for all of them. If it crosses a page they may be seen apart, which does no harm.
        start = self._fields[attributes[0].name]
        messages = b"".join(attribute.message() for attribute in attributes)
        data = messages[attributes[0].data_offset :]
        self._file.link(self.header_address + start, data)

    def members(self) -> dict[str, int]:
        """Return where the headers of the members are, by their names."""
        return {name.decode(): header for name, header in self._members.items()}

    def add(self, name: str, header: int) -> None:
        """Add a dataset."""
        self._members[name.encode()] = header
        self._members_changed = True

    def reserve(self) -> None:
        """Make sure that the next rewriting of the header, unless it grew much, needs no new space."""
        if not self._spare[1]:
            self._spare = self._allocate(self._block[1])
            self._file.write(self._spare[0], bytes(self._spare[1]))

    def publish(self) -> None:
        """Write what has changed."""
        old = self._write_tables() if self._members_changed else []
        if self._attributes_changed or self._members_changed:
            old += self._write_header()
        for block in old:
            self._file.free(*block)
        self._members_changed = self._attributes_changed = False

    # -- the header

    def _write_header(self) -> list[tuple[int, int]]:
        """Write the header; return the blocks that are no longer needed."""
        heaps: list[tuple[int, int]] = []
        attributes = [self._stored(attribute, heaps) for attribute in self._attributes.values()]
        messages = hdf5.group_messages(self._tree, self._heap, attributes)
        size = hdf5.HEADER_PREFIX + sum(map(len, messages))
        block = self._spare
        in_use = (self._file.failed and self._parent is not None) or not self._file.is_settled(self._spared)
        if size > block[1] or in_use:
            block = self._allocate(int(size * _SLACK) // 8 * 8)
        self._file.write(block[0], hdf5.object_header(messages, block[1]))
        old = self._heaps if self._spare in (block, (0, 0)) else [*self._heaps, self._spare]
        self._heaps = heaps
        self._spare, self._block = self._block, block
        self._spared = self._file.commits
        self._fields = _data_fields(messages, attributes)
        self._moved()
        return old

    def _allocate(self, size: int) -> tuple[int, int]:
        return self._file.allocate(size), size

    def _stored(self, attribute: hdf5.Attribute, heaps: list[tuple[int, int]]) -> hdf5.Attribute:
        """Return the attribute, its data moved to the global heap if it is too large for a header."""
        if attribute.fits:
            return attribute
        data = hdf5.global_heap(attribute.data)
        heaps.append(self._allocate(len(data)))
        self._file.write(heaps[-1][0], data)
        return hdf5.long_raw(attribute.name, len(attribute.data), heaps[-1][0])

    def _moved(self) -> None:
        if self._parent is None:
            self._file.link_address(hdf5.ROOT_HEADER_FIELD, self.header_address)
        else:
            self._parent._replace_member(self._name, self.header_address)

    def _replace_member(self, name: bytes, header: int) -> None:
        """Note a member's new header; a new member has no place yet, the tables are then rewritten."""
        self._members[name] = header
        if name not in self._places:
            self._members_changed = True
        if not self._members_changed:
            self._file.link_address(self._places[name] + 8, header)

    # -- the tables of members

    def _write_tables(self) -> list[tuple[int, int]]:
        """Write the tables; return the blocks of the old ones."""
        names = sorted(self._members)
        size = 32 + 8 + sum(len(hdf5.padded(name + b"\0")) for name in names)
        blocks = [self._allocate(size)]
        heap, offsets = hdf5.local_heap(names, blocks[0][0])
        self._file.write(blocks[0][0], heap)
        entries = [
            hdf5.symbol_entry(at, self._members[name]) for name, at in zip(names, offsets, strict=True)
        ]
        places: dict[bytes, int] = {}
        keys, children = [0], []
        for i in range(0, len(names), hdf5.ENTRIES_PER_SYMBOL_NODE):
            part = entries[i : i + hdf5.ENTRIES_PER_SYMBOL_NODE]
            blocks.append(self._allocate(hdf5.SYMBOL_NODE_SIZE))
            node = blocks[-1][0]
            self._file.write(node, hdf5.symbol_node(part))
            children.append(node)
            keys.append(offsets[i + len(part) - 1])
            places.update((name, node + 8 + 40 * j) for j, name in enumerate(names[i : i + len(part)]))
        tree = self._write_tree(0, keys, children, blocks)
        old, self._tables, self._places = self._tables, blocks, places
        self._heap, self._tree = blocks[0][0], tree
        return old

    def _write_tree(
        self, level: int, keys: list[int], children: list[int], blocks: list[tuple[int, int]]
    ) -> int:
        """Write the nodes above these children, level by level; return the root's address."""
        width = hdf5.CHILDREN_PER_GROUP_NODE
        count = max(1, -(-len(children) // width))
        nodes = [self._allocate(hdf5.GROUP_NODE_SIZE) for _ in range(count)]
        blocks += nodes
        addresses = [hdf5.UNDEFINED, *(address for address, _ in nodes), hdf5.UNDEFINED]
        upper = [keys[0]]
        for i in range(count):
            part = slice(i * width, min((i + 1) * width, len(children)))
            bounds = keys[part.start : part.stop + 1]
            block = hdf5.group_node(level, bounds, children[part], addresses[i], addresses[i + 2])
            self._file.write(nodes[i][0], block)
            upper.append(bounds[-1])
        if count == 1:
            return nodes[0][0]
        return self._write_tree(level + 1, upper, addresses[1:-1], blocks)


def _data_fields(messages: Sequence[bytes], attributes: Sequence[hdf5.Attribute]) -> dict[str, int]:
    """Return where the data of each attribute begins in the header."""
    position = hdf5.HEADER_PREFIX + len(messages[0])
    fields = {}
    for message, attribute in zip(messages[1:], attributes, strict=True):
        fields[attribute.name] = position + attribute.data_offset
        position += len(message)
    return fields
