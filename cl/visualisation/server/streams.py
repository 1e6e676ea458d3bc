"""Data streams on their way to a page: summaries for the overview, whole entries for who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cl._store.packing import unpack

from .values import numbers, preview, to_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cl._core.entries import StreamEntry

    from .commands import Subscribe
    from .source import Source

_POINTS: Final = 32
_MOST_ENTRIES: Final = 400
_MOST_STREAMS: Final = 64
_SUMMARY_EVERY_S: Final = 0.1


class StreamSummaries:
    """Every stream's latest value as text, and its numbers as points of curves, thinned out."""

    def __init__(self, source: Source, command: Subscribe) -> None:
        self._source = source
        self._cursor = source.entry_cursor(command.since)
        self._counts: dict[str, int] = {}
        self._known: tuple[str, ...] = ()
        self._next = 0.0

    def take(self, now: float) -> dict[str, Any] | None:
        """Return the next message, or None where there is nothing to tell yet."""
        if now < self._next:
            return None
        self._next = now + _SUMMARY_EVERY_S
        entries, self._cursor = self._source.entries(self._cursor)
        found: dict[str, list[StreamEntry]] = {}
        for entry in entries:
            if entry.stream_name in found or len(found) < _MOST_STREAMS:
                found.setdefault(entry.stream_name, []).append(entry)
        names = tuple(self._source.attributes())[:_MOST_STREAMS]
        if not found and names == self._known:
            return None
        self._known = names
        silent = [{"name": name} for name in names if name not in found and name not in self._counts]
        return {"type": "streams", "streams": [self._summary(*item) for item in found.items()] + silent}

    def _summary(self, name: str, entries: list[StreamEntry]) -> dict[str, Any]:
        if name in self._counts or len(self._counts) < 4 * _MOST_STREAMS:
            self._counts[name] = self._counts.get(name, 0) + len(entries)
        latest = entries[-1]
        return {
            "name": name,
            "timestamp": latest.timestamp,
            "text": preview(_value(latest)),
            "count": self._counts.get(name, len(entries)),
            "points": _points(_thinned(entries)),
        }


def _value(entry: StreamEntry) -> Any:
    """Return an entry's data as it was when it was appended: the program may have changed it since."""
    if not entry.packed or isinstance(entry.data, (bool, int, float, str)):
        return entry.data
    return unpack(entry.packed)


def _thinned(entries: list[StreamEntry]) -> list[StreamEntry]:
    step = -(-len(entries) // _POINTS)
    # Counted from the end, so that the latest is always among them.
    return entries[::-step][::-1] if step > 1 else entries


def _points(entries: Sequence[StreamEntry]) -> dict[str, list[list[float]]]:
    points: dict[str, list[list[float]]] = {}
    for entry in entries:
        for field, value in numbers(_value(entry)):
            points.setdefault(field, []).append([entry.timestamp, value])
    return points


class StreamEntries:
    """Whole entries and attributes of the streams that a custom visualiser asks for."""

    def __init__(self, source: Source, command: Subscribe) -> None:
        self._source = source
        self._names = frozenset(command.names)
        self._cursor = source.entry_cursor(command.since)
        self._attributes: dict[str, dict[str, Any]] = {}
        self.dropped = 0
        """Entries that this client has missed, because more came at once than are sent."""

    def take(self) -> list[dict[str, Any]]:
        """Return the next messages: attributes first, then entries."""
        messages = list(self._attribute_messages(self._source.attributes()))
        entries, self._cursor = self._source.entries(self._cursor)
        chosen = [entry for entry in entries if entry.stream_name in self._names]
        if len(chosen) > _MOST_ENTRIES:
            self.dropped += len(chosen) - _MOST_ENTRIES
            chosen = chosen[-_MOST_ENTRIES:]
        if chosen:
            rows = [[entry.stream_name, entry.timestamp, to_json(_value(entry))] for entry in chosen]
            messages.append({"type": "entries", "entries": rows, "dropped": self.dropped})
        return messages

    def _attribute_messages(self, streams: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []
        for name in self._names & streams.keys():
            now = to_json(dict(streams[name]))
            before = self._attributes.get(name)
            self._attributes[name] = now
            if before is None or before.keys() - now.keys():
                messages.append({"type": "attributes", "name": name, "reset": now})
                continue
            changed = {key: value for key, value in now.items() if key not in before or before[key] != value}
            if changed:
                messages.append({"type": "attributes", "name": name, "updated": changed})
        return messages
