"""The consumer that writes a window of device time to a file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ._core.constants import NEVER
from .events import SAMPLES_BEFORE, SAMPLES_FROM

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ._core.engine import Engine
    from ._store.writer import RecordingWriter
    from .data_stream import DataStream
    from .events import Spike

BLOCK: Final = 2_500
"""Frames that are written in one go."""
TAP_FRAMES: Final = 5_000
"""In accelerated time a recording is served this often: less than a task may keep its event loop."""
PERIOD_S: Final = 0.4
"""In wall-clock time a recording is served this often: seldom, since each time may cost a loop a tick."""


class Recorder:
    """Writes everything from `start` to `end` once, with cursors of its own.

    A spike is written when its 75 samples are there; at the end of the recording the frames beyond it
    are looked at ahead of time where nothing can change them, waited for in wall-clock time, and else stood
    for by the last one.

    In accelerated time it is a tap of the engine, which never moves on without it; in wall-clock time it
    has a thread, so that a loop never waits for the disk.
    """

    def __init__(
        self,
        engine: Engine,
        writer: RecordingWriter,
        start: int,
        end: int | None,
        streams: Callable[[], list[DataStream]],
        application: Callable[[], Mapping[str, Any]],
        samples: bool,
    ) -> None:
        self._engine = engine
        self._writer = writer
        self._start = start
        self.end = end
        self._streams = streams
        self._application = application
        self._samples = samples
        self._foresees = engine.device.info.foresees
        self._at = start
        self._spikes_at = start
        self._entry = engine.bus.entries.first
        self._known: set[str] = set()
        self._turn = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.done = threading.Event()
        """Set when the file is closed."""
        self.error: BaseException | None = None
        self.limit = NEVER

    # -- being served ---------------------------------------------------------------------

    def begin(self) -> None:
        """Start to record."""
        engine = self._engine
        if engine.clock is not None:
            self._thread = threading.Thread(target=self._run, name="cl-recorder", daemon=True)
            self._thread.start()
            return
        with engine.lock:
            self.take(engine.position)
            if not self.done.is_set():
                engine.taps.append(self)
            engine.refresh()

    def take(self, position: int) -> None:
        """Write what there is before `position`: the tap's side. Locked."""
        with self._turn:
            self._drain(position)
        self.limit = self._next_limit(position)

    def _next_limit(self, position: int) -> int:
        if self.done.is_set():
            engine = self._engine
            if self in engine.taps:
                engine.taps.remove(self)
            return NEVER
        limit = position + TAP_FRAMES
        if self.end is not None:
            # Exactly at the end, and again when the last spikes' samples are there.
            for edge in (self.end, self.end + SAMPLES_FROM):
                if edge > position:
                    return min(limit, edge)
        return limit

    def _run(self) -> None:
        while not self._stop.wait(self._pause()) and not self.done.is_set():
            self._serve()

    def _pause(self) -> float:
        clock = self._engine.clock
        if self.end is None or clock is None:
            return PERIOD_S
        left = clock.seconds_until(self.end + SAMPLES_FROM)
        return min(PERIOD_S, max(left + 0.001, 0.001))

    def _serve(self) -> None:
        engine = self._engine
        if self.end is not None or engine.position - self._at < BLOCK:
            self._bring_up()
        with self._turn:
            self._drain(engine.position)

    def _bring_up(self) -> None:
        """Let the device come to the end of the recording, if that has passed and nobody else moves it."""
        engine = self._engine
        clock = engine.clock
        assert clock is not None
        wanted = NEVER if self.end is None else self.end + SAMPLES_FROM
        if engine.device.info.pushes or clock.now() < wanted:
            return
        with engine.lock:
            if engine.failure is None and not engine.closed:
                engine.advance(max(wanted, engine.position))

    # -- writing --------------------------------------------------------------------------

    def _drain(self, position: int) -> None:
        """Write and flush what there is before `position`; close the file when all of it is there."""
        if self.done.is_set():
            return
        try:
            self._write_until(position)
            if self.end is not None and self._at >= self.end and self._spikes_ready(position) >= self.end:
                self._finish()
            else:
                self._writer.flush()
        except BaseException as error:
            self._fail(error)

    def _write_until(self, position: int) -> None:
        end = position if self.end is None else min(position, self.end)
        self._write_entries()
        while self._at < end:
            stop = min(end, self._at + BLOCK)
            self._check_kept(self._at)
            if self._samples:
                self._writer.append_samples(self._engine.frames(self._at, stop))
            else:
                self._writer.cover(stop - self._start)
            stims = self._engine.bus.stims.window(self._at, stop)
            if stims:
                self._writer.append_stims(
                    [s.timestamp - self._start for s in stims], [s.channel for s in stims]
                )
            self._at = stop
            self._write_spikes(min(stop, self._spikes_ready(position)))
        self._write_spikes(min(end, self._spikes_ready(position)))

    def _spikes_ready(self, position: int) -> int:
        """Return up to where spikes have all their samples."""
        return position if self._foresees else position - SAMPLES_FROM + 1

    def _write_spikes(self, stop: int) -> None:
        if stop <= self._spikes_at:
            return
        self._check_kept(self._spikes_at)
        spikes = self._engine.bus.spikes.window(self._spikes_at, stop)
        self._spikes_at = stop
        if spikes:
            self._writer.append_spikes(
                [s.timestamp - self._start for s in spikes],
                [s.channel for s in spikes],
                self._waveforms(spikes),
            )

    def _waveforms(self, spikes: list[Spike]) -> NDArray[np.float32]:
        import numpy as np

        return np.stack([self._waveform(spike) for spike in spikes])

    def _waveform(self, spike: Spike) -> NDArray[np.float32]:
        if spike._samples is not None:
            return spike._samples
        engine = self._engine
        if self._foresees or engine.position >= spike.timestamp + SAMPLES_FROM:
            return engine.cut_waveform(spike.timestamp, spike.channel)[0]
        return self._padded(spike)

    def _padded(self, spike: Spike) -> NDArray[np.float32]:
        """Cut a waveform whose last frames never came to be, in the place of which the last one stands."""
        import numpy as np

        engine = self._engine
        low = max(spike.timestamp - SAMPLES_BEFORE, engine.start)
        raw = engine.device.frames(low, engine.position)[:, spike.channel].astype(np.float64)
        before = low - (spike.timestamp - SAMPLES_BEFORE)
        after = spike.timestamp + SAMPLES_FROM - engine.position
        raw = np.pad(raw, (before, after), mode="edge")
        return ((raw - raw.mean()) * engine.device.info.uV_per_sample_unit).astype(np.float32)

    def _write_entries(self) -> None:
        wanted = {stream.name: stream for stream in self._streams()}
        for name in wanted.keys() - self._known:
            self._writer.add_stream(name, wanted[name].attributes)
            self._known.add(name)
        with self._engine.lock if self._thread is not None else _UNLOCKED:
            log = self._engine.bus.entries
            skipped = max(0, self._entry - log.first)
            fresh = log.items[skipped:]
            self._entry = log.first + skipped + len(fresh)
        for entry in fresh:
            if entry.stream_name in self._known and entry.timestamp >= self._start:
                self._writer.append_stream(entry.stream_name, entry.timestamp - self._start, entry.packed)

    def _check_kept(self, timestamp: int) -> None:
        if timestamp < self._engine.oldest:
            raise RuntimeError(
                f"the recording has fallen behind the history: frame {timestamp} was not written "
                f"before it was dropped, the oldest is {self._engine.oldest}"
            )

    # -- ending ---------------------------------------------------------------------------

    def stop(self, end: int) -> None:
        """End the recording at `end`, which the device has come to, and close the file."""
        engine = self._engine
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        with engine.lock, self._turn:
            self._end_now(end)
            if self in engine.taps:
                engine.taps.remove(self)
            if engine.failure is None and not engine.closed:
                engine.refresh()

    def _end_now(self, end: int) -> None:
        if self.done.is_set():
            return
        # The lock is held: entries may be read as they are.
        self._thread = None
        self.end = max(self._start, end if self.end is None else min(self.end, end))
        try:
            self._write_until(self._engine.position)
            self._write_spikes(self.end)
            self._finish()
        except BaseException as error:
            self._fail(error)

    def _finish(self) -> None:
        assert self.end is not None
        for stream in self._streams():
            if stream.name in self._known:
                self._writer.set_stream_attributes(stream.name, stream.attributes)
        try:
            self._writer.finish(self.end, self._application())
        finally:
            self.done.set()

    def _fail(self, error: BaseException) -> None:
        self.error = error
        try:
            if not self.done.is_set():
                self._writer.finish(self._at)
        except Exception:
            self._writer.abort()
        finally:
            self.done.set()


class _Unlocked:
    """Stands for a lock that the caller holds already."""

    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None: ...


_UNLOCKED: Final = _Unlocked()
