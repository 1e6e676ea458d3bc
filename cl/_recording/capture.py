"""What a recording writes: everything of its window, once, with cursors of its own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from cl._core.device_log import Happening, LogKind
from cl._core.losses import Loss, lost_within
from cl._values.constants import CHANNEL_COUNT
from cl._values.saying import Log
from cl._wait.tick_gap import wait_for_tick_gap
from cl.error import LaggedError
from cl.events import SAMPLES_BEFORE, SAMPLES_FROM

from .clock_log import ClockLog
from .file_watch import FileWatch
from .waveform_cutter import WaveformCutter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from cl._core.device_log import LogItems
    from cl._core.engine import Engine
    from cl._core.entries import StreamEntry
    from cl._store.write.writer import RecordingWriter
    from cl.events import Spike, Stim

    from .shared_cuts import SharedCuts
    from .user_attributes import UserAttributes

BLOCK: Final = 2_500
"""Frames that are written in one go: as many as the simulator's sources make in one go."""

_LATE_S: Final = 0.7
"""What is not written so long after it was there is in a hurry: after a second it has to be readable."""

_log = Log()


class RecordedStream(Protocol):
    """A data stream, as far as a recording has to know of it."""

    name: str

    @property
    def attributes(self) -> dict[str, Any]:
        """Its attributes as they stand."""
        ...


class Capture:
    """Writes what the history holds to a file, from the frame `start` on. Used by one thread.

    A spike is written when its 75 samples are there, and stims as far as spikes: a recording that ends
    early has none of them beyond its end.
    """

    def __init__(
        self,
        engine: Engine,
        writer: RecordingWriter,
        start: int,
        streams: Callable[[], list[RecordedStream]],
        application: UserAttributes,
        samples: bool,
        spikes: bool,
        cuts: SharedCuts,
    ) -> None:
        """Prepare to write.

        `streams` returns the data streams to record, `application` are the attributes of the end.
        """
        self.start = start
        self.ahead = 0 if engine.device.acquisition.predictable or not spikes else SAMPLES_FROM
        """Frames beyond the end that the last spikes' samples have to be waited for."""
        self._engine = engine
        self._writer = writer
        self._streams = streams
        self._application = application
        self._samples = samples
        self._spikes = spikes
        self._at = self._events_at = start
        self._known: set[str] = set()
        self._gaps: list[Loss] = []
        """What came too late to be written: there are zeros in its place."""
        self._watch = FileWatch(writer, engine.time)
        self._cutter = WaveformCutter(engine)
        self._cuts = cuts
        cuts.join()
        self._clock_log = ClockLog(engine.time.clock, writer, start)
        with engine.lock:
            self._losses = engine.losses.follow()
            # What was there before the recording began is in no hurry.
            self._past = engine.position

    def write(self, stop: int, entries: Sequence[StreamEntry], log: LogItems, foresee: bool) -> None:
        """Write everything before `stop`, which the device has come to, and make it readable.

        Frames become readable when all spikes of them are: a process killed now leaves a whole recording.
        With `foresee` that includes spikes whose samples have not come to be, where they can be foreseen.
        """
        self._watch.look()
        stop -= self._left_over(stop)
        self._write_until(stop, entries, log)
        if foresee and self.ahead == 0:
            self._write_events(stop)
        self._clock_log.come_to(self._whole)
        self._wait_for_tick_gap()
        self._writer.flush(self._whole - self.start)
        self._watch.look_at_disk(max(self.start + self._writer.synced, self._past))

    def _left_over(self, stop: int) -> int:
        """Return how many of the last frames are better written with those that follow.

        None if there is nothing else to write: then time stands still, perhaps.
        """
        rest = (stop - self.start) % self._writer.frames_at_once
        return rest if stop - rest > self._at else 0

    def finish(self, end: int, entries: Sequence[StreamEntry], log: LogItems, is_last: bool = True) -> None:
        """Write the rest, up to `end`, and the attributes as they stand; close the file.

        The last spikes' samples that have not come to be are stood for by the last frame. Attributes can be
        set no more, but where it is not the last file of its recording.
        """
        end = max(end, self.start)
        found = self._watch.look()
        self._write_until(end, entries, log)
        self._write_events(end)
        self._end(end, is_last)
        self._watch.check(found)

    def give_up(self, error: BaseException) -> None:
        """After an error: end the recording where it is whole, and close the file if nothing else goes."""
        try:
            if not isinstance(error, OSError):
                self._write_events(self._at)
        finally:
            try:
                self._end(self._whole)
            finally:
                self._writer.abort()

    def undo(self) -> None:
        """Remove the file, into which nothing was written."""
        self._losses.wanted = False
        self._cuts.leave()
        self._writer.abort()
        self._writer.path.unlink()

    def disown(self) -> None:
        """Let go of the file, in a fork."""
        self._writer.disown()

    @property
    def needs(self) -> int:
        """The oldest frame that is still to be looked at."""
        return self._whole - SAMPLES_BEFORE

    @property
    def _whole(self) -> int:
        """The frame before which nothing is missing in what was written."""
        return min(self._at, self._events_at)

    def _end(self, end: int, is_last: bool = True) -> None:
        for stream in self._streams():
            if stream.name in self._known:
                self._writer.set_stream_attributes(stream.name, stream.attributes)
        self._clock_log.end_at(end)
        self._log_gaps()
        application = self._application.frozen() if is_last else self._application.current()
        self._writer.finish(end, application, lost=self._lost(end))

    def _log_gaps(self) -> None:
        what = "frames, which came too late for this recording"
        self._writer.append_log(
            [Happening(gap.start, LogKind.LOSS, what, value=gap.size, until=gap.stop) for gap in self._gaps]
        )

    def _lost(self, end: int) -> dict[str, int]:
        """Return what the device lost of the recording, and look for no more."""
        if self._losses.wanted:
            self._losses.wanted = False
            self._cuts.leave()
        losses = self._losses.losses
        lost = lost_within(losses, self.start, end)
        for gap in self._gaps:
            # What the device had lost of it before is counted already.
            known = lost_within(losses, gap.start, gap.stop).get("frames", 0)
            lost["frames"] = lost.get("frames", 0) + gap.size - known
        return lost

    def _write_until(self, stop: int, entries: Sequence[StreamEntry], log: LogItems) -> None:
        self._write_entries(entries)
        if log:
            self._writer.append_log(log)
        first = self._engine.start
        while self._at < stop:
            self._write_block(min(stop, self._at + BLOCK - (self._at - first) % BLOCK))

    def _write_block(self, stop: int) -> None:
        """Write the frames of [_at, stop) and all events but those whose samples may go beyond it.

        All is looked up before any of it is written: the disk may take longer than the history lasts.
        """
        at, writer = self._at, self._writer
        ready = stop - SAMPLES_FROM + 1 if self._spikes else stop
        oldest = min(at, self._events_at)
        spikes, stims = self._events_before(ready)
        frames, waveforms = None, None
        with self._cuts.turn() as shared:
            if self._samples or any(spike._samples is None for spike in spikes):
                # Also without samples: cutting spikes out of a block is faster than making their frames.
                self._wait_for_tick_gap()
                frames = self._frames(at, stop)
                self._cutter.feed(at, frames)
            self._wait_for_tick_gap()
            if spikes:
                waveforms = self._cutter.cut(spikes, keep=shared)
        if oldest < self._engine.oldest_to_write:
            # Some of the events may have been dropped before, or while they were looked up.
            self._miss(at, stop)
            frames = None if frames is None else np.zeros_like(frames)
        if self._samples and frames is not None:
            writer.append_samples(frames)
        else:
            writer.cover(stop - self.start)
        self._at = stop
        self._append_events(ready, spikes, stims, waveforms)

    def _frames(self, start: int, stop: int) -> NDArray[np.int16]:
        """Return the frames of [start, stop), zeros where they are no longer there."""
        try:
            return self._engine.device.acquisition.frames(start, stop)
        except (ValueError, LaggedError):
            self._engine.check()
            self._miss(start, stop)
            return np.zeros((stop - start, CHANNEL_COUNT), np.int16)

    def _miss(self, start: int, stop: int) -> None:
        """Take note that [start, stop) has come too late to be written."""
        last = self._gaps[-1] if self._gaps else None
        if last is not None and last.stop >= start:
            self._gaps[-1] = Loss(last.start, stop, stop - last.start, "frames")
            return
        self._gaps.append(Loss(start, stop, stop - start, "frames"))
        _log.warning(
            "the recording %s cannot keep up: frames from %d on were gone before they were written, "
            "there are zeros in their place",
            self._writer.path,
            start,
        )

    def _write_events(self, stop: int) -> None:
        """Write all events before `stop`, those spikes too whose samples have to be looked for."""
        spikes, stims = self._events_before(stop)
        waveforms = self._cutter.cut(spikes) if spikes else None
        self._append_events(stop, spikes, stims, waveforms)

    def _events_before(self, stop: int) -> tuple[list[Spike], list[Stim]]:
        """Return the spikes and stims before `stop` that are not written yet."""
        if stop <= self._events_at:
            return [], []
        history = self._engine.history
        spikes = history.spikes.window(self._events_at, stop) if self._spikes else []
        return spikes, history.stims.window(self._events_at, stop)

    def _append_events(
        self, stop: int, spikes: list[Spike], stims: list[Stim], waveforms: NDArray[np.float32] | None
    ) -> None:
        """Append all events before `stop`, the spikes with their samples, float32 (n, 75)."""
        start, writer = self.start, self._writer
        with writer.together():
            if waveforms is not None:
                times, channels = [s.timestamp - start for s in spikes], [s.channel for s in spikes]
                writer.append_spikes(times, channels, waveforms)
            if stims:
                times, channels = [s.timestamp - start for s in stims], [s.channel for s in stims]
                writer.append_stims(times, channels, [s.design for s in stims])
        self._events_at = max(self._events_at, stop)

    def _write_entries(self, entries: Sequence[StreamEntry]) -> None:
        for stream in self._streams():
            if stream.name not in self._known:
                self._writer.add_stream(stream.name, stream.attributes)
                self._known.add(stream.name)
        for entry in entries:
            if entry.stream_name in self._known:
                self._writer.append_stream(entry.stream_name, entry.timestamp - self.start, entry.packed)

    def _wait_for_tick_gap(self) -> None:
        """Keep out of the way of loops, unless that has taken too long already, as on a busy host."""
        if -_LATE_S < self._engine.time.seconds_until(max(self._at, self._past)) < math.inf:
            wait_for_tick_gap(self._engine)
