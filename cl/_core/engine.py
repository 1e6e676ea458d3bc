"""The engine: one device, its history, and the rules of time. What happens at frame n is decided here.

Sans-I/O: it reads no clock by itself, starts no thread and never waits. The ways of waiting for it
are in `cl._wait`. Every method whose docstring says "locked" wants the caller to hold `lock`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from cl._values.constants import CHANNEL_COUNT, FRAMES_PER_SECOND, HISTORY_FRAMES
from cl._values.no_op import no_op
from cl.error import DeviceDisconnectedError
from cl.events import SAMPLES_BEFORE, SAMPLES_FROM, DetectionResult

from .backlog import Backlog
from .device import Device, EventHistory
from .host_clock import host_ns
from .losses import Losses
from .reentry_lock import ReentryLock
from .work_budget import WorkBudget

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .participant import Participant
    from .supply import Supply
    from .timebase import Consumer, Timebase

_TRIM_EVERY = FRAMES_PER_SECOND


def never_ends(owner: object) -> bool:
    """Return False: an owner of whom nothing is known has not ended."""
    return False


class LoopRun(Protocol):
    """A loop that runs."""

    loop: Any
    """The program's handle on it."""
    due: int
    """When its next tick is due, or the one whose body runs was."""
    n: int
    """Frames from tick to tick."""

    def look_again(self) -> None:
        """Take note that something may come that could not be foreseen: a command has been given."""
        ...


class Engine:
    """A device in time.

    `position` is the frontier: frames before it have been given to the consumers, commands take
    effect at it at the earliest. `time` says what device time is, `supply` where the data come from.
    """

    time: Timebase
    supply: Supply

    def __init__(self, device: Device) -> None:
        self.device = device
        self.lock = ReentryLock()
        """Held by one thread at a time, for moments: no disk, no user's code, no wait while it is held.

        A virtual time puts its own in this place: those who share it take turns.
        """
        self.history = EventHistory()
        self.start = device.info.start_timestamp
        self.position = self.start
        self.base = 0
        """What the timestamps are ahead of a time that several devices share."""
        self.quiet_until = self.start
        """Up to where time may pass with nothing to be done."""
        self.commands = 0
        """How many commands have been given."""
        self.committed = self.start
        """Frames that are being made or have been; commands take effect behind them."""
        self.failure: BaseException | None = None
        self.closed = False
        self.inherited = ""
        """In a fork, why the device cannot be used: it is the parent's."""
        self.consumers: list[Consumer] = []
        """Those that time waits for."""
        self.standing = 0
        """How many of them time stands for just now."""
        self.produce: Callable[[int, int], None] = no_op
        """Logs what happens from one frame to another, where data are made on demand."""
        self.budget = WorkBudget(host_ns)
        self.losses = Losses()
        self._arrivals: list[tuple[int, Callable[[], None]]] = []
        self.history_frames = HISTORY_FRAMES
        """Frames that stay readable."""
        self.kept_frames = HISTORY_FRAMES
        """Frames for which loops with long ticks find what was detected, and what was made of them: from when
        it is set, as far as the device can."""
        self.backlog = Backlog()
        """What is kept beyond those for recordings, which write later."""
        self._next_trim = self.start + HISTORY_FRAMES + _TRIM_EVERY
        self.dropped: deque[Participant] = deque()
        """Participants whose iterators were let go while the lock was taken."""
        self.runs: dict[LoopRun, None] = {}
        """The loops that run, for whoever looks on or keeps out of their way."""
        self.looked_at = False
        """Whether one who never moves time has looked at the position; taken back by the housekeeper."""
        self.on_begin: Callable[[], None] = no_op
        """To be called, without the lock, once the device is open: time may begin."""
        self.on_opened: Callable[[], None] = no_op
        """To be called once the one who opens the device has control, if they want it."""
        self.on_park: Callable[[], None] = no_op
        """Called, without the lock, when a participant begins to wait for others."""
        self.on_posted: Callable[[], None] = no_op
        """Called, locked, when data have come that were not made on demand."""
        self.on_recalled: Callable[[], None] = no_op
        """Called, locked, when such data will not come before they are asked for anew."""
        self.has_ended: Callable[[object], bool] = never_ends
        """Whether a task or thread has come to its end; given by the room that knows them."""
        self.listeners: list[Callable[[], None]] = []
        """Called, locked, when the device ends."""

    # -- state ----------------------------------------------------------------------------

    def check(self) -> None:
        """Raise if the device is gone. What the program calls begins with this."""
        self.time.calls += 1
        if self.failure is not None:
            raise DeviceDisconnectedError(f"the device failed: {self.failure}") from self.failure
        if self.closed:
            raise DeviceDisconnectedError(self.inherited or "the device was closed")

    def is_open(self) -> bool:
        """Return whether the device is there."""
        return self.failure is None and not self.closed

    def fail(self, error: BaseException) -> None:
        """End the device with `error`, and wake everybody who waits. Locked."""
        if self.failure is None and not self.closed:
            self.failure = error
            self._release()

    def end(self) -> None:
        """Note that the device was closed, and wake everybody who waits. Locked."""
        self.closed = True
        self._release()

    def disown(self, text: str) -> None:
        """Have every call raise an error of this text: this is a fork, and the device its parent's.

        Locks are as they happened to be, and the threads that held them are not here.
        """
        self.lock.begin_anew()
        self.inherited, self.failure, self.closed = text, None, True
        self.consumers, self.standing, self.quiet_until = [], 0, -1
        self._arrivals, self.listeners = [], []
        self.time.disown()

    def _release(self) -> None:
        self.standing = 0
        arrivals, self._arrivals = self._arrivals, []
        for _, wake in arrivals:
            wake()
        for listener in self.listeners:
            listener()

    def reap(self) -> None:
        """Forget the participants that were dropped. Locked."""
        while self.dropped:
            self.time.leave(self.dropped.popleft())

    def now(self) -> int:
        """Return the present device time."""
        return self.time.now()

    @property
    def oldest(self) -> int:
        """The oldest timestamp that can still be read."""
        return max(self.start, self.position - self.history_frames)

    @property
    def readable_from(self) -> int:
        """The oldest timestamp that a read may begin at.

        A simulator reads as silent before its timeline begins: programs read the last second just after
        opening. A device has not been switched on before.
        """
        return self.position - self.history_frames if self.device.info.is_simulator else self.oldest

    @property
    def oldest_to_write(self) -> int:
        """The oldest timestamp that a recording still finds."""
        return max(self.start, self.position - self.kept_frames - self.backlog.spare)

    # -- moving time ----------------------------------------------------------------------

    def advance(self, to: int) -> None:
        """Give everything before `to` to the history, or up to where a consumer has to be waited for.

        Only for data that are made on demand. Locked.
        """
        if to > self.quiet_until:
            self._produce(to)
        elif to > self.position:
            self.position = self.committed = to

    def step(self, to: int) -> bool:
        """Move virtual time to `to` if that can be done at once; return whether it was. Locked.

        For the only participant, which has nothing to be scheduled with.
        """
        if to - self.position > self.budget.frames or self.standing:
            return False
        return self.supply.move(to) and self.position >= to and not self.standing

    def _produce(self, to: int) -> None:
        self.history.heal()
        try:
            while self.position < to and not self.standing:
                stop = self.next_stop(to)
                self.committed = stop
                self.produce(self.position, stop)
                self._arrive(stop)
        except DeviceDisconnectedError as error:
            self.fail(error)
            raise
        finally:
            self.refresh()

    def next_stop(self, to: int) -> int:
        """Return `to`, or where a consumer has to be served or the data end before that. Locked."""
        end = self.device.acquisition.end_timestamp
        if to > end:
            if self.position >= end:
                raise DeviceDisconnectedError(f"{self.device.info.name} has ended at frame {end}")
            to = end
        for consumer in self.consumers:
            if consumer.limit < to:
                to = max(consumer.limit, self.position + 1)
        return to

    def _arrive(self, stop: int) -> None:
        self.position = stop
        for consumer in tuple(self.consumers):
            if consumer.limit <= stop and consumer.take(stop):
                self.standing += 1
        if stop >= self._next_trim:
            self._trim(stop)
        if self._arrivals:
            self._wake_arrived(stop)

    def _trim(self, stop: int) -> None:
        """Drop what is old, as far as no loop has such long ticks, and no recording is so late."""
        longest = max((run.n for run in tuple(self.runs)), default=0)
        if longest <= FRAMES_PER_SECOND:
            self.kept_frames = self.history_frames
        self.kept_frames = self.backlog.kept(stop, self.kept_frames)
        self.history.trim(stop - self.kept_frames - self.backlog.spare)
        self._next_trim = stop + _TRIM_EVERY

    def refresh(self) -> None:
        """Compute anew up to where time may pass without a look at the device. Locked."""
        if self.standing:
            self.quiet_until = self.position
            return
        quiet = self.supply.quiet_until()
        for consumer in self.consumers:
            # At its limit a consumer is served: that is something to look at.
            quiet = min(quiet, consumer.limit - 1)
        self.quiet_until = min(quiet, self._next_trim)

    def post(self, position: int) -> None:
        """Take note that everything before `position` has been logged. Locked."""
        if position <= self.position:
            return
        self.committed = max(self.committed, position)
        self._arrive(position)
        self.refresh()
        self.on_posted()

    def _wake_arrived(self, position: int) -> None:
        due = [wake for frame, wake in self._arrivals if frame <= position]
        if due:
            self._arrivals = [entry for entry in self._arrivals if entry[0] > position]
            for wake in due:
                wake()

    def recall(self) -> None:
        """Have those who wait for data ask for them anew: what was demanded is so no longer. Locked."""
        arrivals, self._arrivals = self._arrivals, []
        for _, wake in arrivals:
            wake()
        self.on_recalled()

    def on_arrival(self, frame: int, wake: Callable[[], None]) -> None:
        """Call `wake` once the position has come to `frame`, or the device is gone. Locked."""
        self._arrivals.append((frame, wake))

    def forget_arrival(self, wake: Callable[[], None]) -> None:
        """Take back an `on_arrival`. Locked."""
        self._arrivals = [entry for entry in self._arrivals if entry[1] != wake]

    def keep(self, frames: int) -> None:
        """Keep what comes for at least `frames` and the usual history: a loop has such long ticks. Locked.

        What is readable stays the same: of what has come already, older parts are gone.
        """
        self.kept_frames = max(self.kept_frames, frames + HISTORY_FRAMES)

    # -- reading --------------------------------------------------------------------------

    def window(self, start: int, stop: int) -> DetectionResult:
        """Return what was detected and delivered in [start, stop), all of it before the position."""
        if start < self.position - self.kept_frames:
            self.check_readable(start, self.readable_from)
        history = self.history
        return DetectionResult(
            start, stop, history.spikes.window(start, stop), history.stims.window(start, stop)
        )

    def commanded(self) -> None:
        """Tell those who know of nothing to come before a timestamp that a command has been given. Locked."""
        # In this order: who looks meanwhile finds that there has been one.
        self.commands += 1
        for run in tuple(self.runs):
            run.look_again()

    def look(self, start: int, stop: int) -> tuple[DetectionResult, int]:
        """Return a `window`, and a timestamp before which nothing comes behind it, unless by a command."""
        if start < self.position - self.kept_frames:
            self.check_readable(start, self.readable_from)
        # First: what is logged meanwhile lies behind it.
        quiet = self.quiet_until
        history = self.history
        spikes, spike = history.spikes.look(start, stop)
        stims, stim = history.stims.look(start, stop)
        if spike < quiet:
            quiet = spike
        if stim < quiet:
            quiet = stim
        return DetectionResult(start, stop, spikes, stims), quiet if quiet > stop else stop

    def check_readable(self, start: int, oldest: int | None = None) -> None:
        """Raise if `start` is older than `oldest`, by default the oldest timestamp that there is data of."""
        if oldest is None:
            oldest = self.oldest
        if start < oldest:
            how = "no longer readable" if start >= self.start else "before the timeline's beginning"
            raise ValueError(f"timestamp {start} is {how}: the oldest is {oldest}")

    def frames(self, start: int, stop: int) -> NDArray[np.int16]:
        """Return the frames of [start, stop), int16 (n, 64), owned by the caller; zeros before the start."""
        if start < max(self.start, self.position - self.kept_frames):
            self.check_readable(start, self.readable_from)
            if start < self.start:
                return self._early_frames(start, stop)
        return self.device.acquisition.frames(start, stop)

    def _early_frames(self, start: int, stop: int) -> NDArray[np.int16]:
        """Return frames of which the first lie before the timeline's beginning."""
        import numpy as np

        found = np.zeros((stop - start, CHANNEL_COUNT), np.int16)
        if stop > self.start:
            found[self.start - start :] = self.device.acquisition.frames(self.start, stop)
        return found

    def cut_waveform(self, timestamp: int, channel: int) -> tuple[NDArray[np.float32], float]:
        """Cut a spike's 75 samples out of the frames, mean-centred, in µV."""
        own = self.device.acquisition.waveform(timestamp, channel)
        if own is not None:
            return own
        import numpy as np

        low = max(timestamp - SAMPLES_BEFORE, self.start)
        frames = self.device.acquisition.frames(low, timestamp + SAMPLES_FROM)[:, channel]
        # Before the first frame there was nothing; the first sample stands for it.
        missing = low - (timestamp - SAMPLES_BEFORE)
        raw = np.concatenate((np.repeat(frames[:1], missing), frames)).astype(np.float64)
        mean = float(raw.mean())
        return ((raw - mean) * self.device.info.uV_per_sample_unit).astype(np.float32), mean
