"""The eight bytes that every message begins with, and what is checked of each before its body."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from .layout import MESSAGE_LIMIT, VERSION, Kind, ProtocolError

ENVELOPE: Final = struct.Struct("<BBHI")
_NUMBERS: Final = (1 << 32) - 1
_KINDS: Final = {int(kind): kind for kind in Kind}


class Message(NamedTuple):
    """A message without its envelope."""

    kind: Kind
    flags: int
    body: memoryview[int]


class Outgoing:
    """Gives the messages of one side of a connection their numbers. For one thread at a time."""

    __slots__ = ("_next",)

    def __init__(self) -> None:
        self._next = 0

    def message(self, kind: Kind, *parts: bytes, flags: int = 0) -> bytes:
        """Return a message."""
        number, self._next = self._next, self._next + 1 & _NUMBERS
        return b"".join((ENVELOPE.pack(kind, VERSION, flags, number), *parts))


class Incoming:
    """Takes the messages of the other side; their numbers have to follow each other."""

    __slots__ = ("_first", "_next")

    def __init__(self, from_client: bool) -> None:
        self._next = 0
        self._first = not from_client

    def take(self, message: bytes | str) -> Message:
        """Return a message without its envelope, or raise ProtocolError."""
        if isinstance(message, str):
            raise ProtocolError("a message of text")
        if not ENVELOPE.size <= len(message) <= MESSAGE_LIMIT:
            raise ProtocolError(f"a message of {len(message)} bytes")
        value, version, flags, number = ENVELOPE.unpack_from(message)
        if version != VERSION:
            raise ProtocolError(f"a message of version {version}, not {VERSION}")
        if number != self._next:
            raise ProtocolError(f"message {number}, where {self._next} comes next")
        kind = _KINDS.get(value)
        if kind is None or (kind >= Kind.WELCOME) is not self._first:
            raise ProtocolError(f"a message of kind {value}")
        self._next = number + 1 & _NUMBERS
        return Message(kind, flags, memoryview(message)[ENVELOPE.size :])
