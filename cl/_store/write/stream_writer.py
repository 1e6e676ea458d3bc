"""The part of a recording's file that holds one data stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from . import checksums, hdf5, layout
from .attributes import pickled
from .group import Group
from .header_page import HeaderPage

if TYPE_CHECKING:
    from .ordered_file import OrderedFile

_ROOM: Final = 1152
"""Bytes for the headers of both datasets."""


class StreamWriter:
    """Writes the entries of one data stream; they are gathered until `publish`."""

    def __init__(self, file: OrderedFile, parent: Group, name: str, application: dict[str, Any]) -> None:
        self.pending_bytes = 0
        self._timestamps: list[int] = []
        self._entries: list[bytes] = []
        self._page = HeaderPage(file, _ROOM)
        self._index = self._page.table(layout.STREAM_INDEX, layout.INDEX_CHUNK)
        self._data = self._page.array(layout.STREAM_DATA, (), layout.DATA_CHUNK)
        self._group = Group(file, parent, name)
        self._group.add("index", self._index.header_address)
        self._group.add("data", self._data.header_address)
        self._group.set_attributes([*layout.group_attributes(), hdf5.text("name", name)])
        self.set_application(application)

    def set_application(self, application: dict[str, Any]) -> None:
        """Replace the stream's own attributes."""
        self._group.set_attributes([pickled("application", application)])

    def append(self, timestamp: int, entry: bytes) -> None:
        """Take an entry; it is written with the next `publish`."""
        self._timestamps.append(timestamp)
        self._entries.append(entry)
        self.pending_bytes += len(entry)

    def write(self) -> None:
        """Write what was gathered. After an error the entries of this time are lost, no others."""
        if not self._entries:
            return
        timestamps, entries = self._timestamps, self._entries
        self._timestamps, self._entries, self.pending_bytes = [], [], 0
        rows = np.empty(len(entries), layout.STREAM_INDEX)
        rows["timestamp"] = timestamps
        ends = np.cumsum([len(entry) for entry in entries], dtype=np.uint64) + np.uint64(self._data.rows)
        rows["end_index"] = ends
        rows["start_index"][0] = self._data.rows
        rows["start_index"][1:] = ends[:-1]
        self._data.append(np.frombuffer(b"".join(entries), np.uint8))
        self._index.append(rows)

    def checksums(self, path: str) -> list[tuple[str, list[tuple[int, int, int]]]]:
        """Return the checksums of all of it, under a path that ends with its name."""
        datasets = checksums.datasets_of(f"{path}/", self._group.members(), self._page.datasets)
        return [(path, checksums.of_group(self._group.attributes())), *datasets]

    def publish(self) -> None:
        """Write all, and have the next commit make it visible: data with the rows that point to it."""
        self.write()
        self._page.publish()
        self._group.publish()
