"""The engine: one device, its history, and the rules of time. What happens at frame n is decided here.

Sans-I/O: it reads no clock by itself, starts no thread and never waits. The ways of waiting for it
are in `cl._wait`. Every method whose docstring says "locked" wants the caller to hold `lock`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from cl._values.constants import FRAMES_PER_SECOND, HISTORY_FRAMES, NEVER, SPARE_FRAMES
from cl.error import DeviceDisconnectedError
from cl.events import SAMPLES_BEFORE, SAMPLES_FROM, DetectionResult

from .device import Device, EventHistory
from .host_clock import host_ns
from .losses import Losses
from .virtual import Participant, Scheduler
from .work_budget import WorkBudget

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cl._stim.sequencer import Operation

    from .host_clock import Clock
    from .remote import Remote

_TRIM_EVERY = FRAMES_PER_SECOND


class Tap(Protocol):
    """A consumer that must miss nothing: it is called before device time goes beyond its limit."""

    limit: int
    """Never move beyond this frame without having called `take`."""

    def take(self, position: int) -> None:
        """Consume what there is before `position`, and set a later limit. Never raises. Locked."""
        ...


class LoopRun(Protocol):
    """A loop that runs."""

    loop: Any
    """The program's handle on it."""
    due: int
    """When its next tick is due, or the one whose body runs was."""
    n: int
    """Frames from tick to tick."""


class Engine:
    """A device in time.

    `position` is the frontier: frames before it have been given to the consumers, commands take
    effect at it at the earliest. With `clock` None time is virtual, and `scheduler` serves it out.
    """

    def __init__(
        self,
        device: Device,
        clock: Clock | None,
        ended: Callable[[object], bool] = lambda owner: False,
    ) -> None:
        self.device = device
        self.clock = clock
        self.lock = threading.Lock()
        self.history = EventHistory()
        self.start = device.info.start_timestamp
        self.position = self.start
        self.free_until = self.start
        self.failure: BaseException | None = None
        self.closed = False
        self.taps: list[Tap] = []
        self.scheduler = Scheduler(self, ended)
        self.budget = WorkBudget(host_ns)
        self.asked = self.start
        """Frames that are being made or have been; commands take effect behind them."""
        self.demand: Callable[[int], None] | None = None
        """How to ask a pushing device for frames up to a timestamp, where it wants to be asked."""
        self.remote: Remote | None = None
        """The device, where it is one in a time of its own."""
        self.losses = Losses()
        self._arrivals: list[tuple[int, Callable[[], None]]] = []
        self.history_frames = HISTORY_FRAMES
        """Frames that stay readable."""
        self.kept_frames = HISTORY_FRAMES
        """Frames for which loops with long ticks find what was detected, and `device` what it made."""
        self.spare_frames = SPARE_FRAMES
        """Frames beyond those for which a recording finds both."""
        self._next_trim = self.start + HISTORY_FRAMES + _TRIM_EVERY
        self.watch: Callable[[], None] = _nothing
        """Called when a participant of virtual time begins to wait for others."""
        self.dropped: deque[Participant] = deque()
        """Participants whose iterators were let go while the lock was taken."""
        self.runs: list[LoopRun] = []
        """The loops that run, for whoever looks on or keeps out of their way."""
        self.looked_at = False
        """Whether somebody who never moves time has looked at the position; taken back by the keeper."""
        self.listeners: list[Callable[[], None]] = []
        """Called, locked, when the device ends."""

    # -- state ----------------------------------------------------------------------------

    def check(self) -> None:
        """Raise if the device is gone."""
        if self.failure is not None:
            raise DeviceDisconnectedError(f"the device failed: {self.failure}") from self.failure
        if self.closed:
            raise DeviceDisconnectedError("the device was closed")

    def fail(self, error: BaseException) -> None:
        """End the device with `error`, and wake everybody who waits. Locked."""
        if self.failure is None and not self.closed:
            self.failure = error
            self._release()

    def end(self) -> None:
        """Note that the device was closed, and wake everybody who waits. Locked."""
        self.closed = True
        self._release()

    def _release(self) -> None:
        self.scheduler.solo = None
        self.scheduler.release_all()
        arrivals, self._arrivals = self._arrivals, []
        for _, wake in arrivals:
            wake()
        for listener in self.listeners:
            listener()

    def reap(self) -> None:
        """Forget the participants that were dropped. Locked."""
        while self.dropped:
            self.scheduler.unregister(self.dropped.popleft())

    def now(self) -> int:
        """Return the present device time."""
        clock = self.clock
        if clock is None:
            return self.position
        return max(clock.now(), self.position)

    @property
    def oldest(self) -> int:
        """The oldest timestamp that can still be read."""
        return max(self.start, self.position - self.history_frames)

    @property
    def oldest_to_write(self) -> int:
        """The oldest timestamp that a recording still finds."""
        return max(self.start, self.position - self.history_frames - self.spare_frames)

    # -- moving time ----------------------------------------------------------------------

    def advance(self, to: int) -> None:
        """Give everything before `to` to the history; only for devices that produce on demand. Locked."""
        if to > self.free_until:
            self._produce(to)
        elif to > self.position:
            self.position = self.asked = to

    def step(self, to: int) -> bool:
        """Move virtual time to `to` if that can be done at once; return whether it was. Locked.

        For the only participant, which has nothing to be scheduled with.
        """
        if self.device.info.pushes or to - self.position > self.budget.frames:
            return False
        self.advance(to)
        return True

    def _produce(self, to: int) -> None:
        device = self.device
        try:
            while self.position < to:
                stop = self.next_stop(to)
                self.asked = stop
                device.produce(self.position, stop)
                self._arrive(stop)
        except BaseException as error:
            self.fail(error)
            raise
        finally:
            self.refresh()

    def next_stop(self, to: int) -> int:
        """Return `to`, or where a tap has to be served or the data ends before that. Locked."""
        end = self.device.end_timestamp
        if to > end:
            if self.position >= end:
                raise DeviceDisconnectedError(f"{self.device.info.name} has ended at frame {end}")
            to = end
        for tap in self.taps:
            if tap.limit < to:
                to = tap.limit
        return to

    def _arrive(self, stop: int) -> None:
        self.position = stop
        for tap in tuple(self.taps):
            if tap.limit <= stop:
                tap.take(stop)
        if stop >= self._next_trim:
            self.history.trim(stop - self.kept_frames - self.spare_frames)
            self._next_trim = stop + _TRIM_EVERY

    def refresh(self) -> None:
        """Compute anew up to where time may pass without a look at the device. Locked."""
        free = self.device.quiet_until()
        for tap in self.taps:
            # At its limit a tap is served: that is something to look at.
            free = min(free, tap.limit - 1)
        self.free_until = min(free, self._next_trim)

    def pass_quietly(self, to: int) -> bool:
        """Let time pass to `to` if everything before it is logged already; return whether it is. Locked.

        Not for a device whose position is its own doing.
        """
        if self.demand is None or to > self.free_until:
            return False
        self.advance(to)
        return True

    def post(self, position: int) -> None:
        """Take note that a pushing device has logged everything before `position`. Locked."""
        if position <= self.position:
            return
        self.asked = max(self.asked, position)
        self._arrive(position)
        self.refresh()
        self.scheduler.moved()
        while not self.scheduler.dispatch(self.budget):
            pass
        if self._arrivals:
            self._wake_arrived(position)

    def _wake_arrived(self, position: int) -> None:
        due = [wake for frame, wake in self._arrivals if frame <= position]
        self._arrivals = [entry for entry in self._arrivals if entry[0] > position]
        for wake in due:
            wake()

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
        self.device.keep(self.kept_frames)

    def move(self, to: int) -> bool:
        """Move virtual time to `to`, for the scheduler; False if it arrives later, by `post`. Locked."""
        if not self.device.info.pushes or to <= self.free_until:
            self.advance(to)
            return True
        assert self.demand is not None
        self.demand(to)
        return False

    def catch_up(self) -> None:
        """Bring a wall-clock device that produces on demand to the present. Locked."""
        if self.clock is not None and not self.device.info.pushes:
            # Where the data ends, only somebody who wants more finds the device ended.
            self.advance(min(self.clock.now(), self.device.end_timestamp))

    # -- reading --------------------------------------------------------------------------

    def window(self, start: int, stop: int) -> DetectionResult:
        """Return what was detected and delivered in [start, stop), all of it before the position."""
        if start < self.position - self.kept_frames:
            self.check_readable(start)
        history = self.history
        return DetectionResult(
            start, stop, history.spikes.window(start, stop), history.stims.window(start, stop)
        )

    def check_readable(self, start: int) -> None:
        """Raise if the history no longer (or never) held `start`."""
        oldest = self.oldest
        if start < oldest:
            raise ValueError(f"timestamp {start} is no longer readable: the oldest is {oldest}")

    def frames(self, start: int, stop: int) -> NDArray[np.int16]:
        """Return the frames of [start, stop), int16 (n, 64), owned by the caller."""
        if start < max(self.start, self.position - self.kept_frames):
            self.check_readable(start)
        return self.device.frames(start, stop)

    def cut_waveform(self, timestamp: int, channel: int) -> tuple[NDArray[np.float32], float]:
        """Cut a spike's 75 samples out of the frames, mean-centred, in µV."""
        own = self.device.waveform(timestamp, channel)
        if own is not None:
            return own
        import numpy as np

        low = max(timestamp - SAMPLES_BEFORE, self.start)
        frames = self.device.frames(low, timestamp + SAMPLES_FROM)[:, channel]
        # Before the first frame there was nothing; the first sample stands for it.
        missing = low - (timestamp - SAMPLES_BEFORE)
        raw = np.concatenate((np.repeat(frames[:1], missing), frames)).astype(np.float64)
        mean = float(raw.mean())
        return ((raw - mean) * self.device.info.uV_per_sample_unit).astype(np.float32), mean

    def next_event(self, start: int, spikes: bool, stims: bool) -> int:
        """Return a timestamp at or after `start` before which no event of the kinds comes."""
        found = NEVER
        if spikes:
            found = self.device.next_spike(start)
        if stims:
            found = min(found, self.device.next_stim(start))
        return found

    # -- commands -------------------------------------------------------------------------

    def submit(self, operations: Sequence[Operation], frame: int, at: int | None = None) -> None:
        """Queue stimulation as of `frame`, or where frames beyond it were given, as of the next."""
        if self.remote is not None:
            self.check()
            self.remote.submit(operations, frame, at)
            return
        with self.lock:
            if self.failure is not None or self.closed:
                self.check()
            device = self.device
            asked = self.asked
            device.submit(operations, frame if frame > asked else asked, at)
            quiet = device.quiet_until()
            if quiet < self.free_until:
                self.free_until = quiet

    def snapshot(self) -> dict[str, Any]:
        """Return the engine's state, for a person or a page."""
        return {
            "device": self.device.info.name,
            "position": self.position,
            "oldest": self.oldest,
            "accelerated": self.clock is None,
        }


def _nothing() -> None:
    """Stand for a hook that nobody has set."""
