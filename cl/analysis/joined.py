"""Several recordings of one experiment as one view."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import h5py

from cl._store.read import reader
from cl._store.read.analysable import Analysable
from cl._store.read.drawable import Drawable
from cl._store.read.guard import raw_strings
from cl._store.read.scalar_attribute import scalar
from cl._store.read.view import RecordingView

if TYPE_CHECKING:
    from types import TracebackType


_EXTENT: Final = ("start_timestamp", "duration_frames", "frames_per_second", "channel_count")


class _Part(NamedTuple):
    """One of the recordings."""

    path: str
    start_timestamp: int
    frames: int
    rate: Any
    channel_count: int


def open_many(
    paths: Iterable[str | os.PathLike[str]], *, order: Literal["start", "given"] = "start"
) -> JoinedView:
    """Return one view of recordings that follow one another, as of one experiment.

    `order="start"`: by their `start_timestamp`, frames of the view counting from that of the first; what lies
    between two recordings is a gap. `ValueError` if two overlap. `order="given"`: end to end in the order of
    `paths`, whatever their timestamps say.

    `ValueError` also without paths, for recordings of different rates or numbers of channels, and for what is
    no recording; `FileNotFoundError` for what is not there.
    """
    if order not in ("start", "given"):
        raise ValueError(f"order must be 'start' or 'given', not {order!r}")
    if isinstance(paths, (str, bytes, os.PathLike)):
        raise TypeError(f"paths must be several, not one: {paths!r}")
    if not isinstance(paths, Iterable):
        raise TypeError(f"paths must be several paths, not {paths!r}")
    parts = [_look(_path(path)) for path in paths]
    if not parts:
        raise ValueError("paths must be at least one, there is none")
    for part in parts[1:]:
        if (part.rate, part.channel_count) != (parts[0].rate, parts[0].channel_count):
            raise ValueError(
                f"recordings must be alike: {parts[0].path} has {parts[0].channel_count} channels at "
                f"{parts[0].rate} frames/s, {part.path} has {part.channel_count} at {part.rate}"
            )
    if order == "given":
        return JoinedView(parts, _end_to_end(parts))
    parts.sort(key=lambda part: part.start_timestamp)
    return JoinedView(parts, _by_timestamp(parts))


def _path(path: object) -> str:
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"paths must be paths of recordings, not {path!r}")
    return os.fspath(path)


def _look(path: str) -> _Part:
    """Return what is to be known of a recording."""
    with reader.open_file(path) as file:
        found = _extent(file)
    if found is None:
        with RecordingView(path) as view:
            found = tuple(view.attributes[name] for name in _EXTENT)
    start, frames, rate, channels = found
    return _Part(path, int(start), int(frames), rate, int(channels))


def _extent(file: h5py.File) -> tuple[Any, ...] | None:
    """Return the attributes of a recording that has ended; None of any other, or where one is no number."""
    if not h5py.h5a.exists(file.id, b"ended_utc"):
        return None
    if not any(raw_strings(h5py.h5a.open(file.id, b"ended_utc"))):
        return None
    found = tuple(scalar(file, name) for name in _EXTENT)
    return None if None in found else found


def _end_to_end(parts: list[_Part]) -> list[int]:
    starts = [0]
    for part in parts:
        starts.append(starts[-1] + part.frames)
    return starts[:-1]


def _by_timestamp(parts: list[_Part]) -> list[int]:
    for before, after in pairwise(parts):
        end = before.start_timestamp + before.frames
        if after.start_timestamp < end:
            raise ValueError(
                f"{after.path} begins at frame {after.start_timestamp}, before {before.path} ends at {end}: "
                "order='given' would put them end to end"
            )
    return [part.start_timestamp - parts[0].start_timestamp for part in parts]


class JoinedView(Analysable, Drawable):
    """Several recordings as one, made by `open_many`; a context manager.

    It has the metrics and the pictures of a `RecordingView`. Frames count from the begin of the first
    recording, gaps included, and so do those of `analysis_timestamp_limit` and of results;
    `attributes["duration_frames"]` is where the last one ends. Bins begin anew in each recording, and
    nothing goes on from one into the next: no interval, burst, lag, phrase or avalanche. Rates are of what
    was recorded, without the gaps.

    `attributes`: `channel_count`, `frames_per_second`, `sampling_frequency`, `start_timestamp`,
    `end_timestamp`, `duration_frames`, `duration_seconds` and `recorded_frames`, which leaves out the gaps.
    `paths`: in order. At most 64 files are open at a time.
    """

    def __init__(self, parts: list[_Part], starts: list[int]) -> None:
        self._parts = parts
        self._starts = starts
        self._closed = False
        first, end = parts[0], starts[-1] + parts[-1].frames
        self.paths = [part.path for part in parts]
        self.file_path = first.path
        self.attributes = {
            "channel_count": first.channel_count,
            "frames_per_second": first.rate,
            "sampling_frequency": first.rate,
            "start_timestamp": first.start_timestamp,
            "end_timestamp": first.start_timestamp + end,
            "duration_frames": end,
            "duration_seconds": end / first.rate,
            "recorded_frames": sum(part.frames for part in parts),
        }

    def recordings(self) -> Iterator[tuple[int, RecordingView]]:
        """Yield where each recording begins, in frames of the view, and a view of it.

        That is open until the next one is wanted: only one file is open at a time.
        """
        for part, start in zip(self._parts, self._starts, strict=True):
            self._check()
            with RecordingView(part.path) as view:
                yield start, view

    def spans(self) -> list[tuple[int, int]]:
        """Return where each recording begins, in frames of the view, and how many it has."""
        return [(start, part.frames) for start, part in zip(self._starts, self._parts, strict=True)]

    def analysis_key(self) -> object:
        """Return what changes when there are other spikes; `ValueError` if the view is closed."""
        self._check()
        return None

    def _check(self) -> None:
        if self._closed:
            raise ValueError("the recording is closed")

    def close(self) -> None:
        """Let the view be used no more; nothing happens if it is closed."""
        self._closed = True
        self.kept_spikes = None

    def __enter__(self) -> JoinedView:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._parts)

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{len(self)} recordings from {self.file_path!r} on"
        return f"JoinedView({state})"
