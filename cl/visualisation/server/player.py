"""A recording as a source for pages, which share a player or have one each."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from cl._core.entries import StreamEntry
from cl._core.host_clock import host_seconds
from cl._store.read.annotations import annotations_of
from cl._store.read.design_rows import design_of
from cl._store.read.info import jsonable
from cl._store.read.reader import DEFAULT_UV_PER_SAMPLE_UNIT
from cl._store.read.view import RecordingView
from cl._values.constants import CHANNEL_COUNT, FRAMES_PER_SECOND
from cl.error import UnsafeOperationError
from cl.events import Spike

from .commands import Play, Seek, Speed
from .messages import SPIKES, STIMS
from .source import description, largest_current

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_EVENTS: Final = 20_000
_MOST_WAVEFORMS: Final = 50
_SUMMARY_BINS: Final = 600
_LOOK_S: Final = 1.0
"""How often it is looked whether a recording has grown."""


class _Row:
    """Where a recorded spike's samples are."""

    __slots__ = ("_recorded", "_row")

    def __init__(self, recorded: Recorded, row: int) -> None:
        self._recorded = recorded
        self._row = row

    def waveform(self, timestamp: int, channel: int) -> tuple[NDArray[np.float32], float]:
        return self._recorded.waveform(timestamp, channel, self._row), 0.0


class Recorded:
    """An open recording: its events in memory, its samples and waveforms in the file.

    Raises what `RecordingView` raises, and `ValueError` for one that is not of 64 channels at
    25 000 frames/s.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.view = RecordingView(path)
        try:
            self._load(Path(path).name)
        except BaseException:
            self.view.close()
            raise

        self._looked = host_seconds()
        self._following = threading.Lock()
        self.grows = not self.view.complete
        """Whether it had not ended when it was opened."""

    def follow(self) -> None:
        """Move on to what a recording that still runs has got, at most once a second, in any thread."""
        with self._following:
            now = host_seconds()
            if self.view.complete or now - self._looked < _LOOK_S:
                return
            self._looked = now
            try:
                if self.view.refresh():
                    self._load(self.name)
            except (OSError, ValueError, UnsafeOperationError):
                pass  # it is shown as it was

    def annotations(self) -> list[list[Any]]:
        """Return [timestamp, text, fields] of the remarks; none of a log that cannot be read."""
        try:
            found = annotations_of(self.view.log)
        except (OSError, ValueError):
            return []
        return [[self.start + timestamp, text, jsonable(fields)] for timestamp, text, fields in found]

    def culture(self) -> Any:
        """Return what the recording says of the culture, None where it does not."""
        try:
            return jsonable(self.view.attributes.get("culture"))
        except (UnsafeOperationError, ValueError):
            return None

    def _load(self, name: str) -> None:
        attributes = self.view.attributes
        for key, wanted in (("channel_count", CHANNEL_COUNT), ("frames_per_second", FRAMES_PER_SECOND)):
            found = attributes.get(key, wanted)
            if found != wanted:
                raise ValueError(f"{name} has {key} {found}, the page shows {wanted}")
        self.name = name
        self.start = int(attributes.get("start_timestamp", 0))
        self.events = {SPIKES: self._events(self.view.spikes), STIMS: self._events(self.view.stims)}
        self.length = self._duration(attributes)
        """In frames; `stop` is a frame later than the start at least."""
        self.remarks = self.annotations()
        self.stop = self.start + max(1, self.length)
        self.unit = float(attributes.get("uV_per_sample_unit", DEFAULT_UV_PER_SAMPLE_UNIT))
        columns = () if self.view.spikes is None else self.view.spikes.colnames
        self._has_waveforms = "samples" in columns

    def _events(self, table: Any) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64]]:
        """Return times, channels and rows in the table, sorted."""
        if table is None:
            return np.empty(0, np.int64), np.empty(0, np.uint8), np.empty(0, np.int64)
        times = np.asarray(table.col("timestamp"), np.int64) + self.start
        channels = np.asarray(table.col("channel"), np.uint8)
        order = np.lexsort((channels, times))
        return times[order], channels[order], order

    def _duration(self, attributes: Mapping[str, Any]) -> int:
        if self.view.samples is not None:
            return len(self.view.samples)
        last = [int(times[-1]) + 1 - self.start for times, _, _ in self.events.values() if len(times)]
        return max(int(attributes.get("duration_frames", 0)), *last, 0)

    def frames(self, start: int, stop: int) -> NDArray[np.int16]:
        """Return the frames of [start, stop); zeros where none were recorded."""
        found = np.zeros((stop - start, CHANNEL_COUNT), np.int16)
        if self.view.samples is not None:
            low = max(start, self.start)
            part = self.view.samples[low - self.start : max(stop, low) - self.start]
            found[low - start : low - start + len(part)] = part
        return found

    def spikes_on(self, channel: int, start: int, stop: int) -> list[Spike]:
        """Return the last 50 spikes of a channel in [start, stop), with their samples."""
        times, channels, rows = self.events[SPIKES]
        low, high = np.searchsorted(times, (start, stop))
        chosen = low + np.flatnonzero(channels[low:high] == channel)[-_MOST_WAVEFORMS:]
        found = []
        for at in chosen.tolist():
            samples = self.waveform(int(times[at]), channel, int(rows[at]))
            found.append(Spike(int(times[at]), channel, samples=samples))
        return found

    def currents(self, start: int, stop: int) -> list[float]:
        """Return the largest current of each stim of [start, stop), NaN where it is not known."""
        times, _, rows = self.events[STIMS]
        low, high = np.searchsorted(times, (start, stop))
        designs = self.view.stim_designs
        if designs is None:
            return [math.nan] * int(high - low)
        return [self._current(designs, row) for row in rows[low:high].tolist()]

    def _current(self, designs: Any, row: int) -> float:
        try:
            return largest_current(design_of(designs[row]))
        except (IndexError, ValueError):  # written since, or by what is no stimulator
            return math.nan

    def spikes_between(self, start: int, stop: int) -> list[Spike]:
        """Return the first 20 000 spikes of [start, stop), whose samples are read when they are looked at."""
        times, channels, rows = self.events[SPIKES]
        low, high = np.searchsorted(times, (start, stop)).tolist()
        found = slice(low, min(high, low + _MOST_EVENTS))
        columns = (each[found].tolist() for each in (times, channels, rows))
        return [
            Spike(time, channel, waveforms=_Row(self, row))
            for time, channel, row in zip(*columns, strict=True)
        ]

    def waveform(self, time: int, channel: int, row: int) -> NDArray[np.float32]:
        """Return the samples of a spike in µV, float32 (75,); `row` is where it lies in the table."""
        if self._has_waveforms:
            return np.asarray(self.view.spikes[row]["samples"], np.float32)
        cut = self.frames(time - 25, time + 50)[:, channel].astype(np.float64)
        samples: NDArray[np.float32] = ((cut - cut.mean()) * self.unit).astype(np.float32)
        return samples

    def entries(self, start: int, stop: int) -> list[StreamEntry]:
        """Return the data-stream entries of [start, stop), by time."""
        found: list[StreamEntry] = []
        for name, stream in (self.view.data_streams or {}).items():
            try:
                items = stream.items_for_range(start - self.start, stop - self.start)
            except (ValueError, UnsafeOperationError) as error:
                items = [(start - self.start, f"cannot be read: {error}")]
            found.extend(StreamEntry(name, int(time) + self.start, value) for time, value in items)
        return sorted(found, key=lambda entry: entry.timestamp)

    def attributes(self) -> dict[str, dict[str, Any]]:
        """Return the data streams' attributes."""
        streams = (self.view.data_streams or {}).items()
        return {name: dict(stream.attributes.get("application", {})) for name, stream in streams}

    def summary(self) -> dict[str, Any]:
        """Return how many spikes and stims there are in each of at most 600 bins."""
        size = max(FRAMES_PER_SECOND // 100, -(-(self.stop - self.start) // _SUMMARY_BINS))
        bins = -(-(self.stop - self.start) // size)
        counts = {
            kind: np.bincount(np.clip((times - self.start) // size, 0, bins - 1), minlength=bins).tolist()
            for kind, (times, _, _) in self.events.items()
        }
        return {"bin_frames": size, "spikes": counts[SPIKES], "stims": counts[STIMS]}

    def close(self) -> None:
        """Close the file."""
        self.view.close()


class _Pace(NamedTuple):
    """How the position goes on; replaced as a whole, so that it can be read without a lock."""

    playing: bool
    speed: float
    base: float
    """The position at `since`, in frames with their fraction."""
    since: float


class Player:
    """A recording being played: its time goes on by itself, from where and as fast as any thread says.

    At the end of a recording it pauses; at that of one that still runs it waits for more.
    """

    def __init__(self, recorded: Recorded, playing: bool = True) -> None:
        self._recorded = recorded
        self._lock = threading.Lock()
        self._pace = _Pace(playing, 1.0, float(recorded.start), host_seconds())
        self.jumps = 0
        """How often it has gone elsewhere."""

    def describe(self) -> dict[str, Any]:
        recorded = self._recorded
        recorded.follow()
        return {
            **description(recorded.name, recorded.unit, recorded.start),
            "mode": "recording",
            "culture": recorded.culture(),
            "stop": recorded.stop,
            "samples": recorded.view.samples is not None,
            "summary": recorded.summary(),
        }

    def annotations(self, since: int) -> tuple[list[list[Any]], int]:
        remarks = self._recorded.remarks
        return remarks[since:], len(remarks)

    def annotate(self, text: str) -> None:
        raise ValueError("nothing can be added to what was recorded")

    def position(self) -> int:
        return int(self._exact())

    def _exact(self) -> float:
        pace = self._pace
        if not pace.playing:
            return pace.base
        passed = (host_seconds() - pace.since) * FRAMES_PER_SECOND * pace.speed
        return min(self._recorded.stop, pace.base + passed)

    @property
    def at_end(self) -> bool:
        """Whether everything has been played, and no more will come."""
        return self._recorded.view.complete and self._exact() >= self._recorded.stop

    @property
    def playing(self) -> bool:
        """Whether the position goes on."""
        return self._pace.playing and not self.at_end

    @property
    def speed(self) -> float:
        """How fast it is played, 1 being the speed of life."""
        return self._pace.speed

    def oldest(self) -> int:
        return self._recorded.start

    def horizon(self) -> int:
        return self._recorded.start

    def events(self, kind: int, start: int, stop: int) -> tuple[list[int], list[int], int]:
        times, channels, _ = self._recorded.events[kind]
        low, high = np.searchsorted(times, (start, stop)).tolist()
        if high - low > _MOST_EVENTS:
            stop = int(times[low + _MOST_EVENTS])
            high = int(np.searchsorted(times, stop))
        return times[low:high].tolist(), channels[low:high].tolist(), stop

    def spikes_on(self, channel: int, start: int, stop: int) -> Sequence[Spike]:
        return self._recorded.spikes_on(channel, start, stop)

    def currents(self, start: int, stop: int) -> Sequence[float]:
        return self._recorded.currents(start, stop)

    def spikes_between(self, start: int, stop: int) -> Sequence[Spike]:
        return self._recorded.spikes_between(start, stop)

    def frames(self, start: int, stop: int) -> NDArray[np.int16]:
        return self._recorded.frames(start, stop)

    def entry_cursor(self, since: int | None) -> int:
        return self.position() if since is None else since

    def entries(self, cursor: int) -> tuple[list[StreamEntry], int]:
        stop = self.position()
        return (self._recorded.entries(cursor, stop), stop) if stop > cursor else ([], cursor)

    def attributes(self) -> Mapping[str, Mapping[str, Any]]:
        return self._recorded.attributes()

    def made(self) -> Mapping[str, object]:
        return {}

    def status(self) -> dict[str, Any]:
        self._recorded.follow()
        recorded = self._recorded
        state = "ended" if self.at_end else "playing" if self.playing else "paused"
        told: dict[str, Any] = {
            "state": state,
            "error": None,
            "speed": self.speed,
            "loops": [],
            "recordings": [],
        }
        return {**told, "stop": recorded.stop} if recorded.grows else told

    def wait_for_tick_gap(self) -> None:
        """Do nothing: no loop runs in a recording."""

    def control(self, command: Play | Seek | Speed) -> bool:
        recorded = self._recorded
        with self._lock:
            match command:
                case Play(playing):
                    again = playing and self.at_end
                    self._go(float(recorded.start) if again else self._exact(), playing=playing)
                    self.jumps += again
                    return again
                case Speed(factor):
                    self._go(self._exact(), speed=factor)
                    return False
                case Seek(wanted):
                    self._go(float(max(recorded.start, min(wanted, recorded.stop))))
                    self.jumps += 1
                    return True

    def _go(self, base: float, playing: bool | None = None, speed: float | None = None) -> None:
        playing = self.playing if playing is None else playing
        self._pace = _Pace(playing, self.speed if speed is None else speed, base, host_seconds())
