"""What recordings and their parts show in a notebook: a few facts, the first rows. Little is read for it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, Protocol

from cl._values.html import cell, face, number, table
from cl.error import UnsafeOperationError

_ROWS: Final = 5
_NAMES: Final = 20
_UNREADABLE: Final = (OSError, ValueError, UnsafeOperationError)


class Rows(Protocol):
    """Rows of a recording."""

    def __len__(self) -> int: ...

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> Any: ...

    def read(self, start: int | None = None, stop: int | None = None) -> Any: ...


class ShownRows:
    """A table or an array, as notebooks show it."""

    def _repr_html_(self: Rows) -> str:
        kind = type(self).__name__
        try:
            names, count = self.dtype.names, len(self)
            if names is None:
                shape = " × ".join(map(number, self.shape))
                return face(kind, f"{shape} of {self.dtype}", {})
            return face(kind, f"{number(count)} rows", {}, _first_rows(self, names, count))
        except _UNREADABLE as error:
            return face(kind, error, {})


def _first_rows(rows: Rows, names: Sequence[str], count: int) -> str:
    if not count:
        return table(names, ())
    shown = rows.read(0, min(_ROWS, count))
    return table(
        names, ([cell(row[name]) for name in names] for row in shown), _rest(count, len(shown), "rows")
    )


def _rest(count: int, shown: int, what: str) -> str:
    return f"and {number(count - shown)} more {what}" if count > shown else ""


def of_view(view: Any) -> str:
    """Return what a `RecordingView` shows."""
    if view._h5 is None:
        return face("RecordingView", f"{view.path} (closed)", {})
    attributes, seconds = view.attributes, None
    facts: dict[str, object] = {"recorded": _attribute(attributes, "created_utc") or None}
    try:
        seconds = float(attributes["duration_seconds"])
        facts["duration"] = f"{number(seconds)} s ({number(int(attributes['duration_frames']))} frames)"
    except (KeyError, TypeError, *_UNREADABLE):
        pass  # a file of another maker
    facts["ended"] = None if view.complete else "not yet, or it was cut off"
    facts["samples"] = None if view.samples is None else " × ".join(map(number, view.samples.shape))
    facts["spikes"], facts["stims"] = (_events(events, seconds) for events in (view.spikes, view.stims))
    streams = view.data_streams
    facts["data streams"] = ", ".join(islice(streams, _NAMES)) if streams else None
    facts["attributes"] = number(len(attributes))
    return face("RecordingView", os.path.basename(view.path), facts)


def _attribute(attributes: Mapping[str, Any], name: str) -> object:
    try:
        return attributes.get(name)
    except _UNREADABLE as error:
        return f"<{error}>"


def _events(events: Any, seconds: float | None) -> str | None:
    if events is None:
        return None
    rate = f", {number(len(events) / seconds)} a second" if seconds else ""
    return f"{number(len(events))}{rate}"


def of_stream(stream: Any) -> str:
    """Return what a `DataStreamView` shows."""
    try:
        count = len(stream)
        rows = zip(islice(stream, _ROWS), islice(stream.values(), _ROWS), strict=True)
        parts = table(("timestamp", "value"), rows, _rest(count, min(_ROWS, count), "entries"))
        return face("DataStreamView", f"{stream.name}, {number(count)} entries", {}, parts)
    except _UNREADABLE as error:
        return face("DataStreamView", error, {})


def of_streams(streams: Mapping[str, Any]) -> str:
    """Return what a `DataStreamsView` shows."""
    rows = [(name, _entries(streams, name)) for name in islice(streams, _NAMES)]
    more = _rest(len(streams), len(rows), "streams")
    return face("DataStreamsView", f"{len(streams)} streams", {}, table(("name", "entries"), rows, more))


def _entries(streams: Mapping[str, Any], name: str) -> str:
    try:
        return number(len(streams[name]))
    except _UNREADABLE as error:
        return f"<{error}>"


def of_attributes(attributes: Mapping[str, Any]) -> str:
    """Return what an `AttributesView` shows."""
    return face("AttributesView", f"{len(attributes)} attributes", dict(_values(attributes)))


def _values(attributes: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in attributes:
        try:
            yield name, repr(attributes[name])
        except _UNREADABLE as error:
            yield name, f"<{error}>"
