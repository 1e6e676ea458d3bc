"""What an export takes: one recording, or several as one, as they are at one moment."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import numpy as np

from cl._store.read.annotations import Annotation
from cl._store.read.view import RecordingView
from cl._values.constants import CHANNEL_COUNT
from cl.analysis.joined import JoinedView, open_many
from cl.analysis.spikes import origin_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

Source: TypeAlias = "str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | RecordingView | JoinedView"
"""A path, several (as `cl.analysis.open_many` takes them), or an open view."""

FRAMES_AT_ONCE: Final = 8192
"""Frames of a block of samples, 1 MiB."""
_ROWS_AT_ONCE: Final = 8192


@dataclass(frozen=True, slots=True)
class Part:
    """One of the recordings, and how much of it is exported: it may grow."""

    path: str
    start: int
    """Its first frame, of those of the whole."""
    frames: int
    origin: int
    """The frame that the timestamps of its events count from."""
    samples: int | None
    spikes: int | None
    stims: int | None
    streams: dict[str, int]
    has_streams: bool
    """Whether data streams were recorded, if there were any."""
    clock: int | None


class Events(NamedTuple):
    """Rows of a table: timestamps in frames of the whole, and for stims the rows of their designs."""

    timestamps: NDArray[np.int64]
    channels: NDArray[np.uint8]
    rows: NDArray[Any]
    designs: NDArray[Any] | None


@contextmanager
def opened(source: Source) -> Iterator[Recorded]:
    """Yield what is recorded; a view that was given stays open. Raises as `RecordingView` and `open_many`."""
    if isinstance(source, (RecordingView, JoinedView)):
        yield Recorded(source)
    elif isinstance(source, (str, os.PathLike)):
        with RecordingView(source) as view:
            yield Recorded(view)
    else:
        with open_many(source) as joined:
            yield Recorded(joined)


class Recorded:
    """Recordings in order of time, each from its frame on; blocks of what is in them."""

    def __init__(self, view: RecordingView | JoinedView) -> None:
        self._view = view
        spans = view.spans()
        several = len(spans) > 1
        self.parts: list[Part] = []
        self.attributes: list[dict[str, Any]] = []
        """The attributes of each part; those that cannot be read are left out."""
        for (start, recording), (_, frames) in zip(view.recordings(), spans, strict=True):
            self.parts.append(_part(recording, start, frames, several))
            self.attributes.append(_readable(recording.attributes))
        self.rate = float(self._alike("frames_per_second", 25_000))
        self.frames = max(part.start + part.frames for part in self.parts)

    def _alike(self, name: str, default: Any) -> Any:
        values = [attributes.get(name, default) for attributes in self.attributes]
        for value, part in zip(values, self.parts, strict=True):
            if value != values[0]:
                first = self.parts[0].path
                raise ValueError(
                    f"{name} must be alike: it is {values[0]} in {first}, {value} in {part.path}"
                )
        return values[0]

    @property
    def uV_per_sample_unit(self) -> float:
        """What a unit of the samples is in µV; ValueError where the recordings differ."""
        return float(self._alike("uV_per_sample_unit", 0.195))

    @property
    def paths(self) -> list[str]:
        """The files, in order."""
        return [part.path for part in self.parts]

    def has(self, name: str) -> bool:
        """Whether any of the recordings has a part: samples, spikes, stims."""
        return any(getattr(part, name) is not None for part in self.parts)

    def count(self, name: str) -> int:
        """Return how many frames of samples, spikes or stims there are."""
        return sum(getattr(part, name) or 0 for part in self.parts)

    def streams(self) -> dict[str, int]:
        """Return the names of the data streams and how many entries each has."""
        found: dict[str, int] = {}
        for part in self.parts:
            for name, count in part.streams.items():
                found[name] = found.get(name, 0) + count
        return found

    def views(self) -> Iterator[tuple[Part, RecordingView]]:
        """Yield each part and a view of it, which is open until the next one is wanted."""
        for part, (_, view) in zip(self.parts, self._view.recordings(), strict=True):
            yield part, view

    def samples(self, first: int = 0, last: int | None = None) -> Iterator[tuple[int, NDArray[np.int16]]]:
        """Yield blocks of samples, int16 (frames, 64), and the frame that each begins at.

        Of those from the frame `first` on, and before the frame `last`.
        """
        for part, view in self.views():
            end = part.samples or 0
            if last is not None:
                end = min(end, last - part.start)
            for start in range(max(first - part.start, 0), end, FRAMES_AT_ONCE):
                stop = min(start + FRAMES_AT_ONCE, end)
                yield part.start + start, _table(view.samples, part).read(start, stop)

    def events(self, name: str) -> Iterator[Events]:
        """Yield blocks of the table `spikes` or `stims`; ValueError for a channel that there is not."""
        for part, view in self.views():
            rows = getattr(part, name) or 0
            for start in range(0, rows, _ROWS_AT_ONCE):
                stop = min(start + _ROWS_AT_ONCE, rows)
                block = _table(getattr(view, name), part).read(start, stop)
                yield _events(block, _designs(view, start, stop) if name == "stims" else None, part)

    def entries(self, name: str) -> Iterator[tuple[int, Any]]:
        """Yield the entries of a data stream: timestamps in frames of the whole, and values."""
        for part, view in self.views():
            if part.streams.get(name) and view.data_streams is not None:
                items = islice(view.data_streams[name].items(), part.streams[name])
                yield from ((timestamp + part.start, value) for timestamp, value in items)

    def annotations(self) -> Iterator[Annotation]:
        """Yield the remarks, in frames of the whole."""
        for part, view in self.views():
            for timestamp, text, fields in view.annotations:
                yield Annotation(timestamp + part.start, text, fields)

    def clock(self) -> Iterator[tuple[int, int, int]]:
        """Yield the host's clocks: frames of the whole, monotonic and UTC in ns."""
        last = -1
        for part, view in self.views():
            for row in [] if view.clock is None else view.clock[: part.clock]:
                at = int(row["timestamp"]) + part.start
                if at != last:  # one recording's end is where the next one begins
                    yield at, int(row["monotonic_ns"]), int(row["utc_ns"])
                last = at

    def stream_attributes(self, name: str) -> dict[str, Any]:
        """Return what the application has set of a stream; the last recording's value of each."""
        found: dict[str, Any] = {}
        for part, view in self.views():
            if name in part.streams and view.data_streams is not None:
                own = _readable(view.data_streams[name].attributes).get("application")
                found |= own if isinstance(own, dict) else {}
        return found


def _part(view: RecordingView, start: int, frames: int, several: bool) -> Part:
    samples = None if view.samples is None else len(view.samples)
    if not several:  # where nothing follows, nothing has to end
        frames = max(frames, samples or 0)
    grows = several and not view.complete
    origin = origin_of(view)
    streams = {} if view.data_streams is None else dict(view.data_streams.items())
    return Part(
        path=view.path,
        start=start,
        frames=frames,
        origin=origin,
        samples=None if samples is None else min(samples, frames),
        spikes=_rows(view.spikes, frames + origin if grows else None),
        stims=_rows(view.stims, frames + origin if grows else None),
        streams={
            name: len(stream.keys_for_range(None, frames)) if grows else len(stream)
            for name, stream in streams.items()
        },
        has_streams=view.data_streams is not None,
        clock=_rows(view.clock, frames if grows else None),
    )


def _rows(table: Any, end: int | None) -> int | None:
    """Return how many rows a table has, or has before a frame: others came after the span was looked at."""
    if table is None:
        return None
    if end is None:
        return len(table)
    timestamps = table.col("timestamp")
    return int(np.count_nonzero(np.maximum.accumulate(timestamps) < end)) if len(timestamps) else 0


def _table(found: Any, part: Part) -> Any:
    if found is None:
        raise ValueError(f"{part.path} has changed while it was exported")
    return found


def _events(rows: NDArray[Any], designs: NDArray[Any] | None, part: Part) -> Events:
    wrong = rows["channel"][(rows["channel"] < 0) | (rows["channel"] >= CHANNEL_COUNT)]
    if len(wrong):
        raise ValueError(f"{part.path} has events of channel {wrong[0]}, channels are below {CHANNEL_COUNT}")
    timestamps = rows["timestamp"].astype(np.int64) + (part.start - part.origin)
    return Events(timestamps, rows["channel"].astype(np.uint8), rows, designs)


def _designs(view: RecordingView, start: int, stop: int) -> NDArray[Any] | None:
    """Return the designs of these stims; None where other programs' files have not one for each."""
    table = view.stim_designs
    return None if table is None or len(table) < stop else table.read(start, stop)


def _readable(attributes: Any) -> dict[str, Any]:
    from cl.error import UnsafeOperationError

    found = {}
    for name in attributes:
        try:
            found[name] = attributes[name]
        except (UnsafeOperationError, ValueError):
            pass
    return found
