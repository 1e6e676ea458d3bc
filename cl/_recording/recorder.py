"""When a recording is written: a thread of its own does it, and time waits for it where time is virtual."""

from __future__ import annotations

import threading
from _thread import allocate_lock
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, NamedTuple

from cl._core.device_log import Happening, LogItems, LogKind
from cl._core.host_clock import host_ns
from cl._values.constants import FRAMES_PER_SECOND, NEVER
from cl._values.saying import Log
from cl._values.thread_start import start_thread
from cl._wait.threads import at_work
from cl.error import DeviceDisconnectedError

from .appended import NOTHING, Appended, Fresh, Taken, Timed
from .capture import BLOCK

if TYPE_CHECKING:
    from collections.abc import Callable

    from cl._core.engine import Engine
    from cl._core.entries import StreamEntry

    from .disk_space import DiskSpace
    from .succession import Succession

LEAST_BATCH: Final = 5_000
LARGEST_BATCH: Final = 12_500
"""In accelerated time what there is is written, and time stands until it is, when a quarter more has come,
but no less and no more than so much: what has just begun is looked at, what lasts is to be made fast."""
PERIOD_S: Final = 0.4
"""What has been given is on its way to the disk after this time, whatever time does."""
LOG_ROWS: Final = 1_024
"""Where time stands until a batch is written, the log is in it if it has so many rows,"""
LOG_FRAMES: Final = 100_000
LOG_NS: Final = 300_000_000
"""or if it was in none for so long, of the history's five seconds: a few rows at a time cost several times as
much each."""
_ARRIVAL_S: Final = 0.002
"""How often the thread looks whether a device has come to the end of the recording."""
_LOOK_UP_S: Final = 0.5
"""A thread that waits for the end looks up this often."""

_log = Log()


class Batch(NamedTuple):
    """What the thread is to write, as it stood when the engine's lock was held."""

    position: int
    """Everything before is there."""
    end: int | None
    entries: Taken
    """Data-stream entries."""
    log: Taken
    """What else has happened."""
    is_last: bool
    """Whether nothing more comes, so that the recording has to end here if it does not before."""
    stands: bool
    """Whether time stands until it is written."""


def _times_of_entries(entries: list[StreamEntry]) -> list[int]:
    return [entry.timestamp for entry in entries]


def _times_of_log(items: LogItems) -> list[int]:
    return items.timestamps


class Recorder:
    """Has a window of device time written, while it happens, to its end or until told to stop.

    In accelerated time it is a consumer that time waits for: it stands at the consumer's limit until what
    there is has been written. In wall-clock time the thread looks for itself, seldom, since each look may
    cost a loop a late tick. Either way the file is written by one thread, without the engine's lock: an
    exception that comes from outside (Ctrl-C) finds it whole.
    """

    def __init__(self, engine: Engine, capture: Succession, end: int | None, space: DiskSpace) -> None:
        self._engine = engine
        self._capture = capture
        self.space = space
        self.end = self.planned_end = end
        self.limit = NEVER
        self.done = threading.Event()
        """Set when the file is closed."""
        self.error: BaseException | None = None
        self.inherited = False
        """Whether another process writes it, of which this one is a fork."""
        history, begin = engine.history, capture.start
        self._entries = Appended(history.entries, begin, _times_of_entries)
        self._log = Appended(history.log, begin, _times_of_log)
        self._log_due = 0, 0
        """The frame, and the host's time, at which the log is to be in a batch."""
        self.is_ending = False
        """Whether the last batch has been given."""
        self._has_left = False
        """Whether the thread takes no more batches. Locked."""
        self._turn = threading.RLock()  # A signal handler may wait for the end, too.
        self._waiting: list[Callable[[], None]] = []
        self._batches: SimpleQueue[Batch | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="cl-recorder", daemon=True)

    # -- what others call -----------------------------------------------------------------

    def begin(self) -> None:
        """Start to record, with what the history has of the window."""
        try:
            start_thread(self._thread)
        except RuntimeError:  # There are too many.
            self._capture.undo()
            self.done.set()
            raise
        engine = self._engine
        with engine.lock:
            self._entries.begin()
            self._log.begin()
            if engine.failure is not None or engine.closed:
                self.cut_off()
                return
            self._batches.put(self._batch())
            engine.backlog.writers.append(self._capture)
            # Nothing is dropped from the history before it was written.
            kept = max(self._capture.start + engine.history_frames, engine.position + 1)
            self.limit = min(self._next_limit(engine.position), kept)
            engine.time.watch(self)

    def take(self, position: int) -> bool:
        """Have what there is before `position` written, and time stand until it is. Locked."""
        self.limit = self._next_limit(position)
        if self._has_left:
            return False
        self._batches.put(self._batch(stands=True))
        return True

    def end_now(self, present: Callable[[], int]) -> None:
        """Let the recording end at the present, with all entries that were appended so far.

        Its last batch is written when the samples of the last spikes are there, or once it is `cut_off`.
        """
        with self._engine.lock:
            self._end_at(present())

    def cut_off(self) -> None:
        """End the recording where the device has come to, if it does not end before. Locked."""
        self._engine.time.unwatch(self)
        if not self.is_ending:
            self._end_at(self._engine.position)
            # In this order: who is interrupted in between does it again.
            self._batches.put(self._batch(is_last=True))
            self.is_ending = True

    def disown(self) -> None:
        """Have nothing to do with the file any more, in a fork: another process writes it."""
        self.inherited = True
        self.done = threading.Event()
        self.done.set()
        self._turn, self._waiting = threading.RLock(), []
        self._capture.disown()

    @property
    def last_frame(self) -> int:
        """Where the device has to be for all of a recording whose end is set to be there."""
        assert self.end is not None
        return self._last_frame(self.end)

    def _last_frame(self, end: int) -> int:
        # The samples of the last spikes come after the end, unless the data end before that.
        return max(end, min(end + self._capture.ahead, self._engine.device.acquisition.end_timestamp))

    def wait(self) -> None:
        """Wait until the file is closed and the thread has ended."""
        # Not by the event, whose lock an interruption by a signal handler that waits would find taken.
        ended = allocate_lock()
        ended.acquire()
        wake = ended.release
        self.when_done(wake)
        with at_work(self._engine):
            while not self.done.is_set():
                if not ended.acquire(timeout=_LOOK_UP_S) and not self._thread.is_alive():
                    self._give_up()
        self.forget(wake)
        if self._thread.ident is not None:
            self._thread.join()

    def _give_up(self) -> None:
        """End what the thread will not: an interruption came before it was started, or it has been killed."""
        if self.done.is_set():
            return
        if self._thread.ident is None:
            with suppress(Exception):
                self._capture.undo()
            self.done.set()
        else:
            self._fail(RuntimeError("the thread that writes it has ended"))

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
            self._entries.end_here()
            self._log.end_here()
            self.end = max(end, self._capture.start)

    def _batch(self, stands: bool = False, is_last: bool = False) -> Batch:
        """Return what there is to write. Locked."""
        position = self._engine.position
        waits = stands and not is_last and self._log_may_wait(position)
        log = NOTHING if waits else self._log.taken(self.end)
        return Batch(position, self.end, self._entries.taken(self.end), log, is_last, stands)

    def _log_may_wait(self, position: int) -> bool:
        """Return whether the log is better written with what follows: none of it is of a file that ends."""
        edge = self._capture.turn if self.end is None else min(self.end, self._capture.turn)
        frame, moment = self._log_due
        if position < min(edge, frame) and host_ns() < moment and self._log.pending < LOG_ROWS:
            return True
        self._log_due = position + LOG_FRAMES, host_ns() + LOG_NS
        return False

    def _next_limit(self, position: int) -> int:
        """Return up to where time may go before there is something to write again. Locked."""
        if self.done.is_set():
            self._engine.time.unwatch(self)
            return NEVER
        quarter = (position - self._capture.start) // 4
        limit = position + min(max(quarter, LEAST_BATCH), LARGEST_BATCH)
        limit -= (limit - self._engine.start) % BLOCK
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
            self._leave()

    def _leave(self) -> None:
        """Let nobody wait for the thread any more."""
        with self._engine.lock:
            self._has_left = True
            self._engine.time.unwatch(self)
            writers = self._engine.backlog.writers
            writers[:] = [writer for writer in writers if writer is not self._capture]
            while not self._batches.empty():
                batch = self._batches.get_nowait()
                if batch is not None and batch.stands:
                    self._engine.time.taken()
        with self._turn:
            waiting, self._waiting = self._waiting, []
        for wake in waiting:
            wake()

    def _serve(self) -> None:
        """Write the next batch, or see to it that there is one."""
        try:
            batch = self._batches.get(timeout=self._pause())
        except Empty:
            batch = None
        if batch is None:
            self._look()
            return
        try:
            self._write(batch)
        except BaseException as error:
            self._fail(error)
        finally:
            if batch.stands:
                with self._engine.lock:
                    self._engine.time.taken()

    def _pause(self) -> float:
        if self.end is None:
            return PERIOD_S
        left = self._engine.time.seconds_until(self.last_frame)
        return min(PERIOD_S, max(left, _ARRIVAL_S))

    def _look(self) -> None:
        """Take what has come since: in wall-clock time, or while virtual time stands still."""
        engine = self._engine
        if not engine.is_open():
            return
        try:
            self._bring_up()
        except DeviceDisconnectedError as error:
            _log.debug("the device failed: %s", error)
            return
        with engine.lock:
            self._batches.put(self._batch())

    def _bring_up(self) -> None:
        """Let a wall-clock device come to the recording's end, if that has passed.

        Otherwise it is left to others: a stim takes effect behind what was given.
        """
        engine = self._engine
        if self.end is None:
            return
        end = self.last_frame
        if engine.position < end <= engine.time.now():
            engine.supply.bring_up(end)

    def _write(self, batch: Batch) -> None:
        position, end, taken, taken_log, is_last, stands = batch
        capture = self._capture
        fresh = Fresh(self._entries.fresh(taken), self._fresh_log(taken_log, position))
        if end is not None and (is_last or position >= self._last_frame(end)):
            capture.finish(end, fresh)
            self._note_empty(end)
            self.done.set()
        else:
            # Virtual time stands still where nobody waits for this: it may do so for long.
            foresee = not stands and self._engine.time.peeks
            capture.write(position if end is None else min(position, end), fresh, foresee)
            left = float("inf") if end is None else min(end - position, NEVER) / FRAMES_PER_SECOND
            self.space.look(left)

    def _fresh_log(self, taken: Taken, position: int) -> Timed:
        """Return what has happened and is to be written, and how much of that was gone before."""
        lost, found = self._log.lost, self._log.fresh(taken)
        if self._log.lost > lost:
            gone = Happening(position, LogKind.LOSS, "rows of the log", value=self._log.lost - lost)
            moment = max([position, *found.moments[-1:]])
            return found.with_later(Timed([moment], LogItems.of(gone)))
        return found

    def _note_empty(self, end: int) -> None:
        """Say so where the recording has ended at once, though it was to last: programs rarely mean that."""
        if self.planned_end is not None and end <= self._capture.start < self.planned_end:
            frames = self.planned_end - self._capture.start
            _log.warning(
                "%s has ended without a single frame of the %d that it was to have: stop() and the close of "
                "the device end it at once, wait_until_stopped() waits for its end",
                *(self._capture.path, frames),
            )

    def _fail(self, error: BaseException) -> None:
        self.error = error
        _log.error("the recording %s has failed: %s", self._capture.path, error)
        with suppress(Exception):
            self._capture.give_up(error)
        self.done.set()
