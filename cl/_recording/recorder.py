"""When a recording is written: a thread of its own does it, and time waits for it where time is virtual."""

from __future__ import annotations

import logging
import threading
from _thread import LockType, allocate_lock
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, NamedTuple

from cl._values.constants import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable

    from cl._core.engine import Engine
    from cl._core.entries import StreamEntry

    from .capture import Capture

TAP_FRAMES: Final = 5_000
"""In accelerated time a recording is served this often: less than a task may keep its event loop."""
PERIOD_S: Final = 0.4
"""What has been given is on its way to the disk after this time, whatever time does."""
_ARRIVAL_S: Final = 0.002
"""How often the thread looks whether a device has come to the end of the recording."""
_ATTENTION_S: Final = 0.1

_log = logging.getLogger("cl")


class Batch(NamedTuple):
    """What the thread is to write, as it stood when the engine's lock was held."""

    position: int
    """Everything before is there."""
    end: int | None
    first_entry: int
    entries: list[StreamEntry]
    """The entries from the absolute index `first_entry` on; some may have been in an earlier portion."""
    is_last: bool
    """Whether nothing more comes, so that the recording has to end here if it does not before."""
    gate: LockType | None
    """Released when it is done."""


class Recorder:
    """Has a window of device time written, while it happens, to its end or until told to stop.

    In accelerated time it is a tap of the engine, which never moves on without it; in wall-clock
    time it looks for itself, seldom, since each look may cost a loop a late tick. Either way the file
    is written by one thread: an exception that comes from outside (Ctrl-C) finds it whole.
    """

    def __init__(self, engine: Engine, capture: Capture, end: int | None, name: str) -> None:
        self._engine = engine
        self._capture = capture
        self.end = end
        self.limit = NEVER
        self.done = threading.Event()
        """Set when the file is closed."""
        self.error: BaseException | None = None
        self._name = name
        self._next_entry = engine.history.entries.first
        """Entries before this one are written or do not belong here; moved by the thread."""
        self._first_own = engine.history.entries.end
        """Entries from this one on were appended while the recording ran."""
        self._last_entry: int | None = None
        """Where the entries end, if that has been decided."""
        self.is_ending = False
        """Whether the last portion has been given."""
        self._turn = threading.Lock()
        self._waiting: list[Callable[[], None]] = []
        self._batches: SimpleQueue[Batch | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="cl-recorder", daemon=True)

    # -- what others call -----------------------------------------------------------------

    def begin(self) -> None:
        """Start to record, with what the history has of the window."""
        try:
            self._thread.start()
        except RuntimeError:  # There are too many.
            self._capture.undo()
            self.done.set()
            raise
        engine = self._engine
        with engine.lock:
            self._first_own = engine.history.entries.end
            if engine.failure is not None or engine.closed:
                self.cut_off()
                return
            self._batches.put(self._portion())
            if engine.clock is None:
                # Nothing is dropped from the history before it was written.
                kept = max(self._capture.start + engine.history_frames, engine.position + 1)
                self.limit = min(self._next_limit(engine.position), kept)
                engine.taps.append(self)
                engine.refresh()

    def take(self, position: int) -> None:
        """Write what there is before `position`: the tap's side. Locked."""
        if not self.done.is_set():
            gate = allocate_lock()
            gate.acquire()
            self._batches.put(self._portion(gate))
            while not gate.acquire(timeout=_ATTENTION_S) and not self.done.is_set():
                pass
        self.limit = self._next_limit(position)

    def end_now(self, present: Callable[[], int]) -> None:
        """Let the recording end at the present, with all entries that were appended so far.

        In accelerated time its last portion is written at once, in wall-clock time when the samples of
        the last spikes are there.
        """
        engine = self._engine
        with engine.lock:
            self._end_at(present())
            if engine.clock is None:
                self.cut_off()
                engine.refresh()

    def cut_off(self) -> None:
        """End the recording where the device has come to, if it does not end before. Locked."""
        if self in self._engine.taps:
            self._engine.taps.remove(self)
        if not self.is_ending:
            self._end_at(self._engine.position)
            # In this order: who is interrupted in between does it again.
            self._batches.put(self._portion(is_last=True))
            self.is_ending = True

    @property
    def last_frame(self) -> int:
        """Where the device has to be for all of a recording whose end is set to be there."""
        assert self.end is not None
        return self._last_frame(self.end)

    def _last_frame(self, end: int) -> int:
        # The samples of the last spikes come after the end, unless the data end before that.
        return max(end, min(end + self._capture.ahead, self._engine.device.end_timestamp))

    def wait(self) -> None:
        """Wait until the file is closed and the thread has ended."""
        self.done.wait()
        if self._thread.ident is not None:
            self._thread.join()

    def has_left(self) -> bool:
        """Return whether the file is closed and the thread has ended."""
        return self.done.is_set() and not self._thread.is_alive()

    def hurry(self) -> None:
        """Have the thread look at once."""
        self._batches.put(None)

    def when_done(self, wake: Callable[[], None]) -> None:
        """Call `wake` once the file is closed, in the recorder's thread; at once if it is."""
        with self._turn:
            if not self.done.is_set():
                self._waiting.append(wake)
                return
        wake()

    def forget(self, wake: Callable[[], None]) -> None:
        """Take back a `when_done`."""
        with self._turn:
            self._waiting = [other for other in self._waiting if other is not wake]

    # -- what there is --------------------------------------------------------------------

    def _end_at(self, end: int) -> None:
        """Set the end, unless an earlier one is set. Locked."""
        if self.end is None or end < self.end:
            self._last_entry = self._engine.history.entries.end
            self.end = max(end, self._capture.start)

    def _portion(self, gate: LockType | None = None, is_last: bool = False) -> Batch:
        """Return what there is to write. Locked."""
        first, entries = self._entries()
        return Batch(self._engine.position, self.end, first, entries, is_last, gate)

    def _entries(self) -> tuple[int, list[StreamEntry]]:
        """Return the entries that are not known to be written, from which absolute index on. Locked.

        A recording has those that were appended before the device came to the end that was set, or
        before it was stopped, whatever timestamps they carry; those from before it began that are of its
        window, too.
        """
        log = self._engine.history.entries
        stop = self._last_entry
        if stop is None:
            stop = log.end if self.end is None else log.index(self.end)
        first = max(self._next_entry, log.first)
        return first, log.items[first - log.first : max(stop, first) - log.first]

    def _next_limit(self, position: int) -> int:
        """Return up to where time may go before the tap is served again. Locked."""
        if self.done.is_set():
            if self in self._engine.taps:
                self._engine.taps.remove(self)
            return NEVER
        limit = position + TAP_FRAMES
        if self.end is not None:
            # Exactly at the end, and again when the last spikes' samples are there.
            for edge in (self.end, self.end + self._capture.ahead):
                if edge > position:
                    return min(limit, edge)
        return limit

    # -- the thread -----------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self.done.is_set():
                self._serve()
        except BaseException as error:
            self._fail(error)
        finally:
            with self._turn:
                waiting, self._waiting = self._waiting, []
            for wake in waiting:
                wake()

    def _serve(self) -> None:
        """Write the next portion, or see to it that there is one."""
        try:
            portion = self._batches.get(timeout=self._pause())
        except Empty:
            portion = None
        if portion is None:
            self._look()
            return
        try:
            self._write(portion)
        except BaseException as error:
            self._fail(error)
        finally:
            if portion.gate is not None:
                portion.gate.release()

    def _pause(self) -> float:
        clock = self._engine.clock
        if self.end is None or clock is None:
            return PERIOD_S
        left = clock.seconds_until(self.last_frame)
        return min(PERIOD_S, max(left, _ARRIVAL_S))

    def _look(self) -> None:
        """Take what has come since: in wall-clock time, or while virtual time stands still."""
        engine = self._engine
        # Whoever moves virtual time holds the lock and may be waiting for this thread.
        if not engine.lock.acquire(blocking=engine.clock is not None):
            return
        try:
            if engine.failure is None and not engine.closed:
                self._bring_up()
                self._batches.put(self._portion())
        except Exception as error:
            _log.debug("the device failed: %s", error)
        finally:
            engine.lock.release()

    def _bring_up(self) -> None:
        """Let a wall-clock device come to the recording's end, if that has passed. Locked.

        Otherwise it is left to others: a stim takes effect behind what was given.
        """
        engine = self._engine
        clock = engine.clock
        if clock is None or self.end is None:
            return
        end = self.last_frame
        if clock.now() < end or engine.position >= end:
            return
        if not engine.device.info.pushes:
            engine.advance(end)
        elif engine.demand is not None:
            engine.demand(end)

    def _write(self, portion: Batch) -> None:
        position, end, first, entries, is_last, gate = portion
        capture = self._capture
        entries = [
            entry
            for number, entry in enumerate(entries, first)
            if number >= self._next_entry and (number >= self._first_own or entry.timestamp >= capture.start)
        ]
        self._next_entry = max(self._next_entry, first + len(portion.entries))
        if end is not None and (is_last or position >= self._last_frame(end)):
            capture.finish(end, entries)
            self.done.set()
        else:
            # Virtual time stands still where nobody waits for this: it may do so for long.
            foresee = gate is None and self._engine.clock is None
            capture.write(position if end is None else min(position, end), entries, foresee)

    def _fail(self, error: BaseException) -> None:
        self.error = error
        _log.error("the recording %s has failed: %s", self._name, error)
        with suppress(Exception):
            self._capture.give_up(error)
        self.done.set()
