"""Data-stream entries, spikes and stims on their way to a custom visualiser, as msgpack."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

import msgpack

from cl._store.packing import encode, pack

from . import messages
from .source import loadable_until

if TYPE_CHECKING:
    from cl._core.entries import StreamEntry

    from .commands import Subscribe
    from .source import Source

SPIKE_STREAM: Final = "cl_spikes"
STIM_STREAM: Final = "cl_stims"
LARGEST_ENTRY: Final = 8 << 20
"""Bytes of an entry; a larger one is left out."""
_MESSAGE: Final = 1 << 18
"""Bytes of entries that are put into one message, and at least one of them."""
_MOST: Final = 400
_MOST_SPIKES: Final = 50
"""Spikes that are put into one message, with what their samples cost: some half a millisecond."""
_WAITING: Final = 32 << 20
"""Bytes of entries that wait for a client; the oldest are left out."""
_SPAN: Final = 25_000
_ATTRIBUTES_EVERY_S: Final = 0.08


class PackedEntries:
    """Whole entries and attributes of the streams that a custom visualiser asks for.

    The names `cl_spikes` and `cl_stims` stand for the device's spikes, with their samples, and stims.
    """

    def __init__(self, source: Source, command: Subscribe) -> None:
        self._source = source
        names = frozenset(command.names)
        self._names = names - {SPIKE_STREAM, STIM_STREAM}
        self._attributes = _Attributes(source, self._names)
        self._next_attributes = 0.0
        self._spikes = source.position() if SPIKE_STREAM in names else None
        self._stims = source.position() if STIM_STREAM in names else None
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self.dropped = 0
        """Entries that this client has missed: too large, or too many waited."""
        self._cursor = source.entry_cursor(command.since)
        self._collect()
        self._past = len(self._waiting)
        """Entries at the head of those that wait that are older than the subscription."""
        self.behind = False
        """Whether more could be taken at once."""

    def take(self, position: int, now: float) -> list[bytes]:
        """Return the next sections: attributes first, then what happened before `position`."""
        sections = []
        if now >= self._next_attributes:
            self._next_attributes = now + _ATTRIBUTES_EVERY_S
            sections += [messages.packed(messages.ATTRIBUTES, 1, each) for each in self._attributes.take()]
        self.behind = False
        if self._past == 0:
            self._collect()
        self._add(sections, *self._entries())
        self._add(sections, self._take_spikes(position), False)
        self._add(sections, self._take_stims(position), False)
        return sections

    def _add(self, sections: list[bytes], rows: list[bytes], past: bool) -> None:
        if rows:
            body = b"".join((msgpack.packb(self.dropped), *rows))
            sections.append(messages.packed(messages.ENTRIES, len(rows), body, int(past)))

    def _collect(self) -> None:
        entries, self._cursor = self._source.entries(self._cursor)
        for entry in entries:
            if entry.stream_name in self._names:
                self._wait(_row(entry.stream_name, entry.timestamp, _packed(entry)))

    def _wait(self, row: bytes) -> None:
        if len(row) > LARGEST_ENTRY:
            self.dropped += 1
            return
        self._waiting.append(row)
        self._size += len(row)
        while self._size > _WAITING:
            self._size -= len(self._waiting.popleft())
            self.dropped += 1

    def _entries(self) -> tuple[list[bytes], bool]:
        past = self._past > 0
        most = min(_MOST, self._past) if past else _MOST
        rows: list[bytes] = []
        room = _MESSAGE
        while self._waiting and len(rows) < most and (not rows or len(self._waiting[0]) <= room):
            row = self._waiting.popleft()
            room -= len(row)
            self._size -= len(row)
            rows.append(row)
        self._past -= len(rows) if past else 0
        self.behind |= bool(self._waiting)
        return rows, past

    def _take_spikes(self, position: int) -> list[bytes]:
        if self._spikes is None:
            return []
        start = max(self._spikes, self._source.oldest())
        stop = min(loadable_until(position), start + _SPAN)
        if stop <= start:
            return []
        spikes = self._source.spikes_between(start, stop)
        if len(spikes) > _MOST_SPIKES:
            # What happens at one and the same time stays together: 64 channels at most.
            last = spikes[_MOST_SPIKES].timestamp
            stop = last if last > spikes[0].timestamp else last + 1
        self._spikes = stop
        self.behind |= stop < loadable_until(position)
        rows = []
        for spike in spikes:
            if spike.timestamp >= stop:
                break
            try:
                samples = encode(spike.samples)
            except (RuntimeError, ValueError):  # its frames have left the history
                self.dropped += 1
                continue
            data = msgpack.packb({"channel": spike.channel, "samples": samples})
            rows.append(_row(SPIKE_STREAM, spike.timestamp, data))
        return rows

    def _take_stims(self, position: int) -> list[bytes]:
        if self._stims is None or position <= self._stims:
            return []
        start = max(self._stims, self._source.oldest())
        times, channels, self._stims = self._source.events(messages.STIMS, start, position)
        self.behind |= self._stims < position
        return [
            _row(STIM_STREAM, time, msgpack.packb({"channel": channel}))
            for time, channel in zip(times, channels, strict=True)
        ]


def _row(name: str, timestamp: int, data: bytes) -> bytes:
    return b"".join((b"\x93", msgpack.packb(name), msgpack.packb(timestamp), data))


def _packed(entry: StreamEntry) -> bytes:
    """Return an entry's data as it was when it was appended."""
    if entry.packed:
        return entry.packed
    try:
        return pack(entry.data)
    except (TypeError, ValueError) as error:
        return pack(f"cannot be shown: {error}")


class _Attributes:
    """What has changed of the streams' attributes, each time it is looked."""

    def __init__(self, source: Source, names: frozenset[str]) -> None:
        self._source = source
        self._names = names
        self._known: dict[str, tuple[object, dict[str, bytes]]] = {}

    def take(self) -> list[bytes]:
        """Return a packed `{name, reset}` or `{name, updated}` for each stream that has news."""
        streams = self._source.attributes()
        made = self._source.made()
        for name in self._known.keys() - streams.keys():
            del self._known[name]
        found = (self._news(name, made.get(name), streams[name]) for name in self._names & streams.keys())
        return [news for news in found if news is not None]

    def _news(self, name: str, made: object, attributes: Any) -> bytes | None:
        now = {str(key): _attribute(value) for key, value in tuple(attributes.items())}
        known = self._known.get(name)
        self._known[name] = made, now
        if known is None:
            return _map(name, "reset", now) if now else None
        if known[0] is not made or known[1].keys() - now.keys():
            return _map(name, "reset", now)
        changed = {key: value for key, value in now.items() if known[1].get(key) != value}
        return _map(name, "updated", changed) if changed else None


def _attribute(value: Any) -> bytes:
    try:
        packed = pack(value)
    except (TypeError, ValueError):
        packed = pack(str(value))
    return packed if len(packed) <= LARGEST_ENTRY else pack(f"{len(packed)} bytes: too large to be shown")


def _map(name: str, kind: str, values: dict[str, bytes]) -> bytes:
    packer = msgpack.Packer()
    head = packer.pack_map_header(2) + packer.pack("name") + packer.pack(name) + packer.pack(kind)
    body = b"".join(packer.pack(key) + value for key, value in values.items())
    return bytes(head + packer.pack_map_header(len(values)) + body)
