"""Recordings as recordings: a cut of one, or several joined into one."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cl._core.device_log import Happening, LogKind
from cl._store.packing import pack
from cl._store.read.design_rows import designs_of
from cl._store.write.header import RecordingHeader
from cl._store.write.writer import RecordingWriter
from cl._values.paths import absolute
from cl._values.progress import Progress
from cl.analysis.spans import frames as whole_frames

from .output import new_file
from .recorded import Recorded, Source, opened

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SYSTEM: Final = ("hostname", "project_id", "cell_batch_id")
_GIT: Final = ("git_hash", "git_branch", "git_tags", "git_status")
_LOST: Final = "_lost"


def export(
    path: Source,
    out: str | os.PathLike[str] | None = None,
    *,
    from_seconds: float = 0,
    to_seconds: float | None = None,
    samples: bool = True,
    overwrite: bool = False,
) -> Path:
    """Write a cut of a recording, itself a recording, and return where it is.

    `path`: a recording, ended or not, an open view, or several as `cl.analysis.open_many` takes them, which
    become one. The cut has the frames with from ≤ time < to, by default all, in seconds since the (first)
    recording's start; `samples=False` leaves the samples out. `out`: by default `<recording>_cut.h5`.

    Attributes are those of the (first) recording, with the `start_timestamp` and the times of the cut;
    samples of gaps between recordings are 0, and `frames_lost` counts them (with those that the whole
    recordings had lost).

    ValueError for times that are not in the recording, FileExistsError if `out` exists, unless `overwrite`.
    After an error nothing is left of the file. Memory does not grow with the recording.
    """
    with opened(path) as recorded:
        first, last = _range(recorded, from_seconds, to_seconds)
        source = absolute(recorded.paths[0])
        target = source.with_name(f"{source.stem}_cut.h5") if out is None else absolute(out)
        cut = _Cut(recorded, first, last, samples and recorded.has("samples"))
        with new_file(target, recorded.paths, overwrite) as part:
            part.unlink()  # the writer makes its file itself
            writer = RecordingWriter(part, cut.header())
            try:
                cut.write(writer)
            finally:
                writer.abort()
    return target


def _range(recorded: Recorded, start: float, stop: float | None) -> tuple[int, int]:
    first = whole_frames(start, "from_seconds", recorded.rate)
    last = recorded.frames if stop is None else whole_frames(stop, "to_seconds", recorded.rate)
    seconds = recorded.frames / recorded.rate
    if last > recorded.frames:
        raise ValueError(f"to_seconds must be at most {seconds:g}, where the recording ends, not {stop:g}")
    if first >= last:
        end = seconds if stop is None else stop
        raise ValueError(f"from_seconds must be below {end:g}, where the cut ends, not {start:g}")
    return first, last


class _Cut:
    """The frames [first, last) of what is recorded."""

    def __init__(self, recorded: Recorded, first: int, last: int, samples: bool) -> None:
        self._recorded = recorded
        self._first = first
        self._last = last
        self._samples = samples
        self._created = _moment(recorded, first)

    def header(self) -> RecordingHeader:
        """Return what the cut says of itself from its beginning."""
        recorded = self._recorded
        own = recorded.attributes[0]
        declared = own.get("file_format")
        return RecordingHeader(
            frames_per_second=int(recorded.rate),
            uV_per_sample_unit=recorded.uV_per_sample_unit,
            start_timestamp=int(own.get("start_timestamp", 0)) + self._first,
            application=_mapping(own.get("application")) or {},
            system={name: str(own.get(name, "")) for name in _SYSTEM},
            simulation=self._common("simulation"),
            culture=self._common("culture"),
            file_version=str((_mapping(declared) or {}).get("version", "")),
            include_spikes=recorded.has("spikes"),
            include_stims=recorded.has("stims"),
            include_raw_samples=self._samples,
            include_data_streams=any(part.has_streams for part in recorded.parts),
            include_clock=recorded.has("clock"),
            include_log=next(recorded.annotations(), None) is not None,
            created=self._created,
            git={name: str(own.get(name, "")) for name in _GIT},
        )

    def _common(self, name: str) -> dict[str, Any] | None:
        """Return an attribute that is a mapping, where all recordings have the same."""
        found = [attributes.get(name) for attributes in self._recorded.attributes]
        return _mapping(found[0]) if all(repr(one) == repr(found[0]) for one in found) else None

    def write(self, writer: RecordingWriter) -> None:
        """Write all, and end the recording."""
        recorded = self._recorded
        frames = self._last - self._first
        total = frames * self._samples + recorded.count("spikes") + recorded.count("stims")
        with Progress("exporting", total) as progress:
            if self._samples:
                self._write_samples(writer, progress)
            writer.cover(frames)
            self._write_spikes(writer, progress)
            self._write_stims(writer, progress)
            self._write_streams(writer)
            self._write_clock(writer)
            self._write_annotations(writer)
        start = int(recorded.attributes[0].get("start_timestamp", 0)) + self._first
        ended = None if self._created is None else self._created + timedelta(seconds=frames / recorded.rate)
        writer.finish(start + frames, ended=ended, lost=self._lost())

    def _write_samples(self, writer: RecordingWriter, progress: Progress) -> None:
        """Write the samples, zeros where there are none; made readable a second at a time, as others are."""
        for at, block in self._recorded.samples(self._first, self._last):
            self._fill(writer, at - self._first)
            writer.append_samples(block)
            progress.step(len(block))
        self._fill(writer, self._last - self._first)

    def _fill(self, writer: RecordingWriter, frames: int) -> None:
        while writer.frames < frames:
            count = min(frames - writer.frames, int(self._recorded.rate))
            writer.append_samples(np.zeros((count, 64), np.int16))

    def _inside(self, timestamps: NDArray[np.int64]) -> NDArray[np.bool_]:
        inside: NDArray[np.bool_] = (timestamps >= self._first) & (timestamps < self._last)
        return inside

    def _write_spikes(self, writer: RecordingWriter, progress: Progress) -> None:
        for block in self._recorded.events("spikes"):
            chosen = self._inside(block.timestamps)
            times = block.timestamps[chosen] - self._first
            writer.append_spikes(times, block.channels[chosen], block.rows["samples"][chosen])
            progress.step(len(chosen))

    def _write_stims(self, writer: RecordingWriter, progress: Progress) -> None:
        for block in self._recorded.events("stims"):
            chosen = self._inside(block.timestamps)
            designs = None if block.designs is None else designs_of(block.designs[chosen]).tolist()
            times = block.timestamps[chosen] - self._first
            writer.append_stims(times, block.channels[chosen], designs)
            progress.step(len(chosen))

    def _write_streams(self, writer: RecordingWriter) -> None:
        for name in self._recorded.streams():
            writer.add_stream(name, self._recorded.stream_attributes(name))
            for timestamp, value in self._recorded.entries(name):
                if self._first <= timestamp < self._last:
                    writer.append_stream(name, timestamp - self._first, pack(value))

    def _write_annotations(self, writer: RecordingWriter) -> None:
        start = int(self._recorded.attributes[0].get("start_timestamp", 0))
        for at, text, fields in self._recorded.annotations():
            if self._first <= at < self._last:
                packed = pack(fields) if fields else b""
                writer.append_log([Happening(start + at, LogKind.ANNOTATION, text, fields=packed)])

    def _write_clock(self, writer: RecordingWriter) -> None:
        for at, monotonic_ns, utc_ns in self._recorded.clock():
            if self._first <= at <= self._last:  # the last row tells where a recording ends
                writer.append_clock(at - self._first, monotonic_ns, utc_ns)

    def _lost(self) -> dict[str, int]:
        """Return what the recordings have lost, and how many frames lie between them."""
        found: dict[str, int] = {}
        there = 0
        for part, attributes in zip(self._recorded.parts, self._recorded.attributes, strict=True):
            length = part.frames if part.samples is None or not self._samples else part.samples
            if self._samples and part.samples is None:
                length = 0
            overlap = min(part.start + length, self._last) - max(part.start, self._first)
            there += max(overlap, 0)
            for name, value in attributes.items():
                if overlap > 0 and name.endswith(_LOST) and isinstance(value, int):
                    what = name.removesuffix(_LOST)
                    found[what] = found.get(what, 0) + value
        missing = self._last - self._first - there
        if missing:
            found["frames"] = found.get("frames", 0) + missing
        return found


def _mapping(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def _moment(recorded: Recorded, frame: int) -> datetime | None:
    """Return when a frame was; None where the recording does not say it."""
    try:
        created = datetime.fromisoformat(str(recorded.attributes[0].get("created_utc", "")))
        return created + timedelta(seconds=frame / recorded.rate)
    except (ValueError, OverflowError):
        return None
