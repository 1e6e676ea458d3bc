"""What a recording writes: everything of its window, once, with cursors of its own."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from ._core.losses import lost_within
from ._wait.lull import await_lull
from ._waveform_cutter import WaveformCutter
from .events import SAMPLES_FROM

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ._core.engine import Engine
    from ._core.entries import StreamEntry
    from ._store.writer import RecordingWriter
    from .data_stream import DataStream
    from .events import Spike

BLOCK: Final = 2_500
"""Frames that are written in one go: as many as the simulator's sources make in one go."""

_log = logging.getLogger("cl")


class Scribe:
    """Writes what the history holds to a file, from the frame `start` on. Used by one thread.

    A spike is written when its 75 samples are there.
    """

    def __init__(
        self,
        engine: Engine,
        writer: RecordingWriter,
        start: int,
        streams: Callable[[], list[DataStream]],
        application: Callable[[], Mapping[str, Any]],
        samples: bool,
        spikes: bool,
    ) -> None:
        """Prepare to write.

        `streams` returns the data streams to record, `application` the attributes of the end.
        """
        self.start = start
        self.ahead = 0 if engine.device.info.foresees or not spikes else SAMPLES_FROM
        """Frames beyond the end that the last spikes' samples have to be waited for."""
        self._engine = engine
        self._writer = writer
        self._streams = streams
        self._application = application
        self._samples = samples
        self._spikes = spikes
        self._at = self._spikes_at = start
        self._known: set[str] = set()
        self._is_there = True
        self._cutter = WaveformCutter(engine)
        with engine.lock:
            self._losses = engine.losses.follow()

    def write(self, stop: int, entries: Sequence[StreamEntry], foresee: bool) -> None:
        """Write everything before `stop`, which the device has come to, and make it readable.

        Frames become readable when all spikes of them are: a process killed now leaves a whole recording.
        With `foresee` that includes spikes whose samples have not come to be, where they can be foreseen.
        """
        self._write_until(stop, entries)
        if foresee and self.ahead == 0:
            self._write_spikes(stop)
        await_lull(self._engine)
        self._writer.flush(self._whole - self.start)
        if self._is_there and not self._writer.path.exists():
            self._is_there = False
            _log.warning(
                "%s is no longer there: it was removed or renamed while it is recorded", self._writer.path
            )

    def finish(self, end: int, entries: Sequence[StreamEntry]) -> None:
        """Write the rest, up to `end`, and the attributes as they stand; close the file.

        The last spikes' samples that have not come to be are stood for by the last frame.
        """
        end = max(end, self.start)
        self._write_until(end, entries)
        self._write_spikes(end)
        self._end(end)
        path = self._writer.path
        if not path.exists():
            raise FileNotFoundError(
                f"{path} is no longer there: it was removed or renamed while it was recorded"
            )

    def give_up(self, error: BaseException) -> None:
        """After an error: end the recording where it is whole, and close the file if nothing else goes."""
        try:
            if not isinstance(error, OSError):
                self._write_spikes(self._at)
        finally:
            try:
                self._end(self._whole)
            finally:
                self._writer.abort()

    def undo(self) -> None:
        """Remove the file, into which nothing was written."""
        self._losses.wanted = False
        self._writer.abort()
        self._writer.path.unlink()

    @property
    def _whole(self) -> int:
        """The frame before which nothing is missing in what was written."""
        return min(self._at, self._spikes_at) if self._spikes else self._at

    def _end(self, end: int) -> None:
        for stream in self._streams():
            if stream.name in self._known:
                self._writer.set_stream_attributes(stream.name, stream.attributes)
        self._writer.finish(end, self._application(), lost=self._lost(end))

    def _lost(self, end: int) -> dict[str, int]:
        """Return what the device lost of the recording, and look for no more."""
        self._losses.wanted = False
        return lost_within(self._losses.losses, self.start, end)

    def _write_until(self, stop: int, entries: Sequence[StreamEntry]) -> None:
        self._write_entries(entries)
        first = self._engine.start
        while self._at < stop:
            self._write_block(min(stop, self._at + BLOCK - (self._at - first) % BLOCK))

    def _write_block(self, stop: int) -> None:
        """Write everything of [_at, stop), apart from spikes whose samples go beyond it.

        All is looked up before any of it is written: the disk may take longer than the history lasts.
        """
        at, writer = self._at, self._writer
        ready = stop - SAMPLES_FROM + 1
        self._check_kept(min(at, self._spikes_at))
        stims = self._engine.bus.stims.window(at, stop)
        spikes = self._spikes_before(ready)
        frames = None
        if self._samples or spikes:
            # Also without samples: to cut spikes out of a block is faster than to make each one's frames.
            await_lull(self._engine)
            frames = self._engine.device.frames(at, stop)
            self._cutter.feed(at, frames)
        await_lull(self._engine)
        waveforms = self._cutter.cut(spikes) if spikes else None
        self._check_kept(min(at, self._spikes_at))
        if self._samples and frames is not None:
            writer.append_samples(frames)
        else:
            writer.cover(stop - self.start)
        if stims:
            writer.append_stims([s.timestamp - self.start for s in stims], [s.channel for s in stims])
        self._at = stop
        self._append_spikes(ready, spikes, waveforms)

    def _write_spikes(self, stop: int) -> None:
        """Write all spikes before `stop`, those too whose samples have to be looked for."""
        spikes = self._spikes_before(stop)
        waveforms = self._cutter.cut(spikes) if spikes else None
        self._check_kept(self._spikes_at)
        self._append_spikes(stop, spikes, waveforms)

    def _spikes_before(self, stop: int) -> list[Spike]:
        """Return the spikes before `stop` that are not written yet."""
        if not self._spikes or stop <= self._spikes_at:
            return []
        return self._engine.bus.spikes.window(self._spikes_at, stop)

    def _append_spikes(self, stop: int, spikes: list[Spike], waveforms: NDArray[np.float32] | None) -> None:
        """Append all spikes before `stop` with their samples, float32 (n, 75)."""
        if waveforms is not None:
            timestamps = [spike.timestamp - self.start for spike in spikes]
            self._writer.append_spikes(timestamps, [spike.channel for spike in spikes], waveforms)
        self._spikes_at = max(self._spikes_at, stop)

    def _write_entries(self, entries: Sequence[StreamEntry]) -> None:
        for stream in self._streams():
            if stream.name not in self._known:
                self._writer.add_stream(stream.name, stream.attributes)
                self._known.add(stream.name)
        for entry in entries:
            if entry.stream_name in self._known and entry.timestamp >= self.start:
                self._writer.append_stream(entry.stream_name, entry.timestamp - self.start, entry.packed)

    def _check_kept(self, timestamp: int) -> None:
        """Raise if what was just looked at may have been dropped before."""
        engine = self._engine
        if engine.clock is not None and timestamp < engine.oldest:
            raise RuntimeError(
                f"the recording cannot keep up: frame {timestamp} was dropped from the history before "
                f"it was written, the oldest is {engine.oldest}"
            )
