"""What pages are shown: a device that is open, looked at from outside."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from cl._core.device_log import Happening, LogKind
from cl._store.packing import unpack
from cl._store.read.info import jsonable
from cl._values.constants import CHANNEL_COUNT, FRAMES_PER_SECOND, GROUNDED, REFERENCE
from cl._wait.tick_gap import wait_for_tick_gap
from cl.events import SAMPLES_FROM

from .commands import BINS
from .messages import PROTOCOL_VERSION, SPIKES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cl._core.engine import Engine
    from cl._core.entries import StreamEntry
    from cl._core.history import EventLog
    from cl._stim.designs import StimDesign
    from cl.events import Spike

    from .commands import Play, Seek, Speed
    from .status_provider import RunningLoop, RunningRecording, StatusProvider

GRID: Final = 125
"""Frames are sent in multiples of this, counted from timestamp 0: 5 ms, and every bin divides it."""
_MOST_EVENTS: Final = 20_000
_MOST_ANNOTATIONS: Final = 1000
"""That are shown: the newest."""
_MARGIN: Final = 15_000
"""What leaves the history is not begun with any more: sending what is there takes a moment."""


class Source(Protocol):
    """What a page's connection takes its data from; everything before `position` is there."""

    @property
    def jumps(self) -> int:
        """How often the position has jumped."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return what does not change: the `hello` message without its type."""
        ...

    def position(self) -> int:
        """Return the timestamp before which everything has happened."""
        ...

    def oldest(self) -> int:
        """Return the oldest timestamp that there still is."""
        ...

    def horizon(self) -> int:
        """Return the oldest timestamp that a page may begin with, and still be told all that follows."""
        ...

    def events(self, kind: int, start: int, stop: int) -> tuple[list[int], list[int], int]:
        """Return timestamps and channels from `start` on, and up to where they are complete."""
        ...

    def currents(self, start: int, stop: int) -> Sequence[float]:
        """Return the largest current, in µA with its sign, of each stim of [start, stop); NaN: not known."""
        ...

    def spikes_on(self, channel: int, start: int, stop: int) -> Sequence[Spike]:
        """Return one channel's spikes of [start, stop), whose samples can be loaded."""
        ...

    def spikes_between(self, start: int, stop: int) -> Sequence[Spike]:
        """Return all channels' spikes of [start, stop), in order, whose samples can be loaded."""
        ...

    def frames(self, start: int, stop: int) -> NDArray[np.int16]:
        """Return the frames of [start, stop), int16 (n, 64)."""
        ...

    def entry_cursor(self, since: int | None) -> int:
        """Return the cursor of the first data-stream entry at or after `since`, or of the next."""
        ...

    def entries(self, cursor: int) -> tuple[list[StreamEntry], int]:
        """Return the entries from a cursor on, and the next cursor."""
        ...

    def attributes(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the data streams' attributes by the streams' names."""
        ...

    def made(self) -> Mapping[str, object]:
        """Return an object for each data stream that is another one when the stream was made anew."""
        ...

    def status(self) -> dict[str, Any]:
        """Return what changes: state, loops, recordings."""
        ...

    def control(self, command: Play | Seek | Speed) -> bool:
        """Carry out a command about playing; return whether the position has jumped."""
        ...

    def wait_for_tick_gap(self) -> None:
        """Wait, a millisecond or two at most, until a little work disturbs nobody."""
        ...


@runtime_checkable
class Annotated(Protocol):
    """A source that has remarks."""

    def annotations(self, since: int) -> tuple[list[list[Any]], int]:
        """Return [timestamp, text, fields] of the remarks from the n-th on, and how many there are."""
        ...

    def annotate(self, text: str) -> None:
        """Add one, at the present; ValueError where that cannot be done."""
        ...


def description(name: str, uV_per_sample_unit: float, start: int) -> dict[str, Any]:
    """Return the part of `hello` that all sources share."""
    return {
        "protocol": PROTOCOL_VERSION,
        "device": name,
        "channels": CHANNEL_COUNT,
        "frames_per_second": FRAMES_PER_SECOND,
        "uV_per_sample_unit": uV_per_sample_unit,
        "start": start,
        "grid": GRID,
        "bins": list(BINS),
        "grounded": list(GROUNDED),
        "reference": REFERENCE,
    }


class LiveSource:
    """An open device. It never moves time: it shows what others have produced.

    Nobody waits for the picture, and a device that nobody reads is brought up to date by the keeper
    thread; moving time from here would only delay what a program commands.
    """

    jumps = 0

    def __init__(self, engine: Engine, status: StatusProvider) -> None:
        self._engine = engine
        self._status = status
        self._annotations: list[list[Any]] = []
        self._forgotten = 0
        self._log_at = 0

    def describe(self) -> dict[str, Any]:
        engine = self._engine
        info = engine.device.info
        found = description(info.name, info.uV_per_sample_unit, engine.start)
        return {
            **found,
            "mode": "live",
            "simulator": info.is_simulator,
            "culture": info.culture,
            "history_frames": engine.history_frames,
        }

    def position(self) -> int:
        self._engine.looked_at = True
        return self._engine.position

    def oldest(self) -> int:
        return self._engine.oldest

    def horizon(self) -> int:
        engine = self._engine
        oldest = engine.oldest
        return oldest if oldest == engine.start else min(oldest + _MARGIN, engine.position)

    def _log(self, kind: int) -> EventLog[Any]:
        history = self._engine.history
        return history.spikes if kind == SPIKES else history.stims

    def events(self, kind: int, start: int, stop: int) -> tuple[list[int], list[int], int]:
        log = self._log(kind)
        with self._engine.lock:
            first = log.index(start) - log.first
            last = log.index(stop) - log.first
            if last - first > _MOST_EVENTS:
                # What happens at one and the same time stays together.
                stop = log.times[first + _MOST_EVENTS]
                last = log.index(stop) - log.first
            times, items = log.times[first:last], log.items[first:last]
        return times, [item.channel for item in items], stop

    def currents(self, start: int, stop: int) -> Sequence[float]:
        with self._engine.lock:
            stims = self._engine.history.stims.window(start, stop)
        return [largest_current(stim.design) for stim in stims]

    def spikes_on(self, channel: int, start: int, stop: int) -> Sequence[Spike]:
        return [spike for spike in self.spikes_between(start, stop) if spike.channel == channel]

    def spikes_between(self, start: int, stop: int) -> Sequence[Spike]:
        with self._engine.lock:
            return self._engine.history.spikes.window(start, stop)

    def frames(self, start: int, stop: int) -> NDArray[np.int16]:
        return self._engine.frames(start, stop)

    def entry_cursor(self, since: int | None) -> int:
        with self._engine.lock:
            log = self._engine.history.entries
            return log.end if since is None else log.index(since)

    def entries(self, cursor: int) -> tuple[list[StreamEntry], int]:
        with self._engine.lock:
            log = self._engine.history.entries
            return log.items[max(0, cursor - log.first) :], log.end

    def attributes(self) -> Mapping[str, Mapping[str, Any]]:
        return {stream.name: stream.attributes for stream in self._status.streams()}

    def made(self) -> Mapping[str, object]:
        return {stream.name: stream for stream in self._status.streams()}

    def status(self) -> dict[str, Any]:
        engine = self._engine
        failure = engine.failure
        state = "failed" if failure is not None else "closed" if engine.closed else "running"
        return {
            "state": state,
            "error": None if failure is None else str(failure)[:300],
            "lost": engine.losses.total,
            "suspended": engine.device.stimulator.halted,
            "loops": [_loop(loop) for loop in self._status.loops()],
            "recordings": [self._recording(recording) for recording in self._status.recordings()],
        }

    def _recording(self, recording: RunningRecording) -> dict[str, Any]:
        frames = max(0, self._engine.position - recording.start_timestamp)
        return {"name": str(recording.file.get("name", "")), "seconds": round(frames / FRAMES_PER_SECOND, 1)}

    def annotations(self, since: int) -> tuple[list[list[Any]], int]:
        with self._engine.lock:
            log = self._engine.history.log
            items = log.items[max(0, self._log_at - log.first) :]
            self._log_at = log.end
        for item in items:
            if isinstance(item, Happening) and item.kind == LogKind.ANNOTATION:
                fields = jsonable(unpack(item.fields)) if item.fields else {}
                self._annotations.append([item.timestamp, item.text, fields])
        gone = max(0, len(self._annotations) - _MOST_ANNOTATIONS)
        del self._annotations[:gone]
        self._forgotten += gone
        found = self._annotations[max(0, since - self._forgotten) :]
        return found, self._forgotten + len(self._annotations)

    def annotate(self, text: str) -> None:
        if self._status.annotate is None:
            raise ValueError("nothing can be annotated here")
        self._status.annotate(text)

    def control(self, command: Play | Seek | Speed) -> bool:
        raise ValueError("a live device cannot be paused or sought: its page keeps its own view of the past")

    def wait_for_tick_gap(self) -> None:
        wait_for_tick_gap(self._engine)


def _loop(loop: RunningLoop) -> dict[str, Any]:
    found = loop.statistics()
    return {
        "ticks_per_second": round(FRAMES_PER_SECOND / loop.frames_per_tick, 3),
        "count": found.count,
        "p50_us": round(found.p50_us, 1),
        "p99_us": round(found.p99_us, 1),
        "p999_us": round(found.p999_us, 1),
        "max_us": round(found.max_us, 1),
    }


def largest_current(design: StimDesign | None) -> float:
    """Return the largest current of a design, in µA with its sign; the first of those as large."""
    return math.nan if design is None else max(design.phase_currents_uA, key=abs)


def loadable_until(position: int) -> int:
    """Return up to which time spikes have all their samples before `position`."""
    return position - SAMPLES_FROM
