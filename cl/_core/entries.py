"""Data-stream entries as they travel on the bus."""

from __future__ import annotations

from typing import Any


class StreamEntry:
    """What a program appended to a data stream: `data` under `timestamp` in the stream `stream_name`.

    `packed` is the data as it was when it was appended, as recordings hold it.
    """

    __slots__ = ("data", "packed", "stream_name", "timestamp")

    def __init__(self, stream_name: str, timestamp: int, data: Any, packed: bytes = b"") -> None:
        self.stream_name = stream_name
        self.timestamp = timestamp
        self.data = data
        self.packed = packed

    def __repr__(self) -> str:
        return f"StreamEntry({self.stream_name!r}, timestamp={self.timestamp}, data={self.data!r})"
