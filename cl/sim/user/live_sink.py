"""The bounded buffer between a live source's threads and the device."""

from __future__ import annotations

import math
import threading
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from cl._core.host_clock import host_seconds
from cl._core.reentry_lock import ReentryLock

from .caller import text_of
from .checks import Fault, checked_frames, checked_spikes, waveform_of
from .emitted import checked_batch, taken
from .emitters import Emitters
from .sink_buffer import SinkBuffer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from .checks import Batch
    from .data_source import DataSourceBatch, DataSourceSpike

_ONLY_SPIKES_AFTER: Final = 0.1
"""Seconds without frames, once there were spikes, after which a source is taken to give spikes only."""
_LET_GO_S: Final = 0.25
"""Seconds for which emissions return at once while the source is told to stop; afterwards they raise."""
_FULL: Final = "the buffer is full, and the device waits for this very call to end"


class SinkClosedError(RuntimeError):
    """The sink was closed: the device was, or the source has ended."""


class LiveDataSink:
    """Where a live source puts its data; safe for any number of threads.

    The buffer is the `max_buffer_frames` frames from `read_timestamp` on. What lies beyond has to wait:
    an `emit_…` returns when all of it is in the buffer. (Not so in `on_stim`, for which the device waits: it
    may emit spikes of any time, and gets a BufferError for frames that would have to wait.)

    Frames follow one another: those of an emission begin at `next_timestamp`. Spikes may be emitted before,
    with or after their frames, as long as the device has not read them; later ones are dropped, and counted
    in `dropped_spikes`.

    In real time a source may also emit spikes only; the device then makes frames of zeros. In accelerated
    time it waits for the frames, for nothing else says how far the source is.

    Wrong types raise TypeError, wrong shapes and values ValueError, all emissions after `close`
    SinkClosedError. When the device closes, emissions return at once and are discarded, so that a source
    that looks whether it was told to stop ends by that; 0.25 s later they raise, so that one that emits
    until the sink is closed ends, too, while its `stop` waits for it.
    """

    def __init__(
        self, start_timestamp: int = 0, max_buffer_frames: int = 25_000, realtime: bool = True
    ) -> None:
        lock = ReentryLock()
        self._lock = lock
        self._arrived = threading.Condition(lock)
        self._room = threading.Condition(lock)
        self._turn = ReentryLock()
        """Held while one emission's frames go in, so that those of others do not get between them."""
        self._limit = max_buffer_frames
        self._realtime = realtime
        self._read = self._next = start_timestamp
        self._buffer = SinkBuffer()
        self._had_frames = self._only_spikes = False
        self._draining = self._closed = False
        self._let_go_until = math.inf
        self._error: BaseException | None = None
        self.error_text = ""
        """What `error` says: to ask it runs code of the user's."""
        self._reader: int | None = None
        self.emitters = Emitters()
        self._poked = False
        self._awaited_since: float | None = None
        self.began = threading.Event()
        """Set by the first emission, and when the sink is closed."""

    @property
    def read_timestamp(self) -> int:
        """The first frame that the device has not read yet; spikes before it are dropped."""
        return self._read

    @property
    def next_timestamp(self) -> int:
        """The timestamp of the next frame to be emitted."""
        return max(self._next, self._read)

    @property
    def dropped_spikes(self) -> int:
        """Spikes that came after the device had read the frames they belong to."""
        return self._buffer.dropped

    @property
    def closed(self) -> bool:
        """Whether nothing can be emitted any more."""
        return self._closed or (self._draining and host_seconds() > self._let_go_until)

    @property
    def used(self) -> bool:
        """Whether anything was emitted."""
        return self._had_frames or self._buffer.number > 0

    @property
    def error(self) -> BaseException | None:
        """What the source was ended by, if it was."""
        return self._error

    def emit_batch(self, batch: DataSourceBatch) -> None:
        """Emit frames and their spikes together: no frame can be read before its spikes are there.

        A batch without frames is spikes only.
        """
        self._emit(*checked_batch(batch))

    def emit_frames(self, frames: NDArray[np.int16]) -> None:
        """Emit frames, int16 (n, 64); they are copied."""
        self._emit(taken(checked_frames, frames), [])

    def emit_spikes(self, spikes: Iterable[DataSourceSpike]) -> None:
        """Emit spikes, in any order."""
        self._emit(None, taken(checked_spikes, spikes))

    async def aemit_batch(self, batch: DataSourceBatch) -> None:
        """Emit as `emit_batch` does, without blocking the event loop."""
        await self._aemit(*checked_batch(batch))

    async def aemit_frames(self, frames: NDArray[np.int16]) -> None:
        """Emit as `emit_frames` does, without blocking the event loop."""
        await self._aemit(taken(checked_frames, frames), [])

    async def aemit_spikes(self, spikes: Iterable[DataSourceSpike]) -> None:
        """Emit as `emit_spikes` does, without blocking the event loop."""
        await self._aemit(None, taken(checked_spikes, spikes))

    def close(self, error: BaseException | None = None) -> None:
        """Say that no more will come; with an error, that the source has failed. Again: nothing.

        What is in the buffer is still read. Emissions that wait raise SinkClosedError.
        """
        if error is not None and not isinstance(error, BaseException):
            raise TypeError(f"error is {error!r}, it must be an exception")
        text = "" if error is None else text_of(error)
        self._lock.refuse_reentry()
        with self._lock:
            if not self._closed:
                self._closed = True
                self.error_text, self._error = text, error
                if not self._had_frames:
                    # Of spikes alone, the last one is where the data end.
                    self._next = max(self._next, self._buffer.spikes_end())
                self.began.set()
                self._arrived.notify_all()
                self._room.notify_all()

    # -- the device's side ----------------------------------------------------------------

    def drain(self) -> None:
        """Discard what is emitted from now on, and let the emissions that wait return."""
        with self._lock:
            self._draining = True
            self._arrived.notify_all()
            self._room.notify_all()

    def refuse_soon(self) -> None:
        """Refuse emissions once the source has had a moment to hear that it is to stop."""
        self._let_go_until = host_seconds() + _LET_GO_S

    def poke(self) -> None:
        """End an `await_frames` that waits."""
        with self._lock:
            self._poked = True
            self._arrived.notify_all()

    def await_frames(self, first: int, stop: int, seconds: float | None, timeout: float | None) -> int:
        """Wait for the data before `first`; return up to where, but not beyond `stop`, they can be read now.

        At most so many seconds, and not after a `poke`. Raises Fault where such waits, one after the other,
        have taken longer than `timeout` seconds and nothing came.
        """
        with self._lock:
            now = host_seconds()
            if self._awaited_since is None:
                self._awaited_since = now
            left = None if timeout is None else self._awaited_since + timeout - now
            patience = left if seconds is None or (left is not None and left < seconds) else seconds
            first = min(first, self._read + self._limit)
            self._arrived.wait_for(lambda: self._poked or self._has_news(first), patience)
            self._poked = False
            if self._buffer.number > 0 and not self._had_frames and not self._only_spikes:
                self._await_kind(first, None)
            found = stop if self._over or self._is_there(stop) else min(stop, self.next_timestamp)
            if found > self._read:
                self._awaited_since = None
            elif timeout is not None and host_seconds() - self._awaited_since >= timeout:
                raise self._timed_out(timeout)
            return found

    def learn_kind(self) -> None:
        """Where there were spikes, find out whether frames come, too: better now than in the first read."""
        with self._lock:
            if self._realtime and self._buffer.number > 0 and not self._had_frames:
                self._await_kind(self._read + 1, None)

    def read(self, start: int, stop: int, timeout: float | None) -> Batch:
        """Return the data of [start, stop), once they are there; one reader only.

        Fewer where the source ends or fails before. Raises Fault if the wait for a piece of them, of at
        most the buffer's size, takes longer than `timeout` seconds.

        What was read stays until a later window is: one whose reader was interrupted is asked for again.
        """
        with self._lock:
            self._buffer.forget(start)
        frames = np.zeros((stop - start, 64), np.int16)
        spikes: list[DataSourceSpike] = []
        at = start
        while at < stop:
            asked = min(stop, at + self._limit)
            with self._lock:
                end = self._await(asked, timeout)
                self._buffer.copy_frames(at, frames[at - start : end - start])
                self._buffer.copy_spikes(at, end, spikes)
                self._read = max(self._read, end)
                self._room.notify_all()
            at = end
            if end < asked:
                break
        return (
            frames[: at - start],
            [spike.timestamp for spike in spikes],
            [spike.channel for spike in spikes],
            [waveform_of(spike) for spike in spikes],
        )

    def called_by_device(self, function: Callable[[], object]) -> None:
        """Call what the device waits for: no emission in it may wait for the device."""
        self._reader = threading.get_ident()
        try:
            function()
        finally:
            self._reader = None

    def _await(self, stop: int, timeout: float | None) -> int:
        """Wait for the data before `stop`, and return up to where they are there."""
        if self._realtime and not self._had_frames and not self._only_spikes:
            self._await_kind(stop, timeout)
        if not self._arrived.wait_for(lambda: self._is_there(stop) or self._over, timeout):
            raise self._timed_out(timeout)
        return stop if self._is_there(stop) else self.next_timestamp

    def _timed_out(self, timeout: float | None) -> Fault:
        return Fault(f"its frames came up to {self.next_timestamp} only, waited for {timeout} s")

    def _has_news(self, stop: int) -> bool:
        # Spikes before the first frames say that there may be no frames: `read` finds out.
        return self._is_there(stop) or self._over or (self._buffer.number > 0 and not self._had_frames)

    def _await_kind(self, stop: int, timeout: float | None) -> None:
        """Find out whether a source gives spikes only."""
        self._arrived.wait_for(lambda: self._buffer.number > 0 or self._is_there(stop) or self._over, timeout)
        if self._buffer.number > 0 and not self._over:
            self._only_spikes = not self._arrived.wait_for(
                lambda: self._had_frames or self._over, _ONLY_SPIKES_AFTER
            )

    @property
    def _over(self) -> bool:
        return self._closed or self._draining

    def _is_there(self, stop: int) -> bool:
        return self._next >= stop or (self._only_spikes and not self._over)

    # -- the source's side ----------------------------------------------------------------

    def _emit(self, frames: NDArray[np.int16] | None, spikes: list[DataSourceSpike]) -> None:
        self._begin()
        given = 0
        if frames is None:
            pass
        elif self._reader == threading.get_ident():
            given = self._emit_without_wait(frames, spikes)
        else:
            with self._turn:
                given = self._emit_frames(frames, spikes)
        self._emit_spikes(spikes[given:])

    def _emit_without_wait(self, frames: NDArray[np.int16], spikes: list[DataSourceSpike]) -> int:
        """Emit frames where the device waits for this: the one who has the turn may be waiting for it."""
        turn = self._turn
        try:
            if not turn.acquire(blocking=False):
                raise BufferError(_FULL)
            return self._emit_frames(frames, spikes)
        finally:
            try:
                turn.release()
            except RuntimeError:
                pass  # It was not taken.

    def _begin(self) -> None:
        """Begin an emission; RuntimeError in code that has interrupted another one, or the device."""
        self._lock.refuse_reentry()
        self._turn.refuse_reentry()
        self.emitters.note()

    async def _aemit(self, frames: NDArray[np.int16] | None, spikes: list[DataSourceSpike]) -> None:
        from anyio import lowlevel

        from cl._values.offload import in_thread

        await lowlevel.checkpoint()
        if not self._emit_at_once(frames, spikes):
            await in_thread(self._emit, frames, spikes, abandon_on_cancel=True)

    def _emit_at_once(self, frames: NDArray[np.int16] | None, spikes: list[DataSourceSpike]) -> bool:
        """Emit what has room, and return True; what would have to wait is left alone."""
        self._begin()
        turn, has_room = self._turn, False
        try:
            if turn.acquire(blocking=False) and self._takes(frames, spikes):
                has_room = True
                given = 0 if frames is None else self._emit_frames(frames, spikes)
                self._emit_spikes(spikes[given:])
        finally:
            try:
                turn.release()
            except RuntimeError:
                pass  # It was not taken.
        return has_room

    def _takes(self, frames: NDArray[np.int16] | None, spikes: list[DataSourceSpike]) -> bool:
        """Return whether there is room for all of it."""
        with self._lock:
            has_room = self._free_frames() >= (0 if frames is None else len(frames))
            return has_room and (not spikes or self._has_room(spikes[-1].timestamp))

    def _emit_frames(self, frames: NDArray[np.int16], spikes: list[DataSourceSpike]) -> int:
        """Emit frames with the spikes that belong to them, and return how many of those there were."""
        done = given = 0
        while done < len(frames):
            with self._lock:
                room = self._await_room(self._free_frames)
                if not room:
                    return len(spikes)
                piece = frames[done : done + room].copy()
                self._only_spikes = False
                first = self.next_timestamp
                self._next = first + len(piece)
                given += self._buffer.put_spikes(spikes, given, self._next, self._read)
                self._buffer.put_frames(first, piece)
                self._had_frames = True
                self.began.set()
                self._arrived.notify_all()
            done += len(piece)
        return given

    def _emit_spikes(self, spikes: list[DataSourceSpike]) -> None:
        given = 0
        while given < len(spikes):
            with self._lock:
                if not self._await_room(partial(self._has_room, spikes[given].timestamp)):
                    return
                stop = max(self._read + self._limit, spikes[given].timestamp + 1)
                given += self._buffer.put_spikes(spikes, given, stop, self._read)
                self.began.set()
                self._arrived.notify_all()

    def _await_room(self, room: Callable[[], int]) -> int:
        """Wait until there is room, and return how much; 0 while the device closes."""
        while True:
            if self.closed:
                raise SinkClosedError("the sink is closed") from self._error
            if self._draining:
                return 0
            if found := room():
                return found
            if self._reader == threading.get_ident():
                raise BufferError(_FULL)
            self._room.wait()

    def _free_frames(self) -> int:
        return max(0, self._read + self._limit - self.next_timestamp)

    def _has_room(self, timestamp: int) -> bool:
        if self._buffer.unread_spikes >= 64 * self._limit:
            return False
        # A source is told of pulses in their time, which the device may not have read up to by far.
        return timestamp < self._read + self._limit or self._reader == threading.get_ident()
