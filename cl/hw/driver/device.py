"""The hardware as the engine sees it: a device that is where it is, and tells of it by interrupts."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from cl._core.losses import Loss
from cl._stim.operations import InterruptOperation
from cl._values.constants import CHANNEL_COUNT, NEVER, NOTICE_FRAMES, STEPS_PER_FRAME
from cl.error import ControlRequiredError, DeviceDisconnectedError, TransactionRejected
from cl.hw.wire.layout import LEAD_FRAMES, Capability, Control, Status
from cl.hw.wire.moderation import fitting_moderation

from .clock import HardwareClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from cl._core.device import DeviceInfo, EventHistory
    from cl._core.engine import Engine
    from cl._stim.sequencer import Operation
    from cl.hw.wire.ring import EventReader, Events

    from .link import Link

_AT_ONCE_S: Final = 0.003
"""A waiter that has longer than this sleeps until then, and is not woken by the interrupts before."""
_LONGEST_REST_S: Final = 0.05
"""Device time may leap, where a device has lost frames: a sleeper looks as often as this."""
_SLACK_FRAMES: Final = 1_000
"""What is read must stay for as long as it takes to copy it."""

_log = logging.getLogger("cl")


class HardwareDevice:
    """A device at the other end of a link. Frames are read from its own ring when somebody looks.

    Data comes by itself: the reader thread, or a thread that waits for a frame anyhow, takes what the
    rings hold, logs it, and lets the engine know (`on_data`).
    """

    def __init__(self, info: DeviceInfo, link: Link) -> None:
        self.info = info
        self.clock = HardwareClock(link)
        self._link = link
        self._usual_moderation = link.moderation
        self._periods: list[int] = []
        self._history: EventHistory | None = None
        self._engine: Engine | None = None

    def attach(self, engine: Engine) -> None:
        """Take the engine that is to be told of what happens."""
        self._engine = engine
        engine.remote = self
        held = self._link.capacity - LEAD_FRAMES - _SLACK_FRAMES
        engine.history_frames = engine.kept_frames = min(engine.history_frames, held)
        engine.spare_frames = min(engine.spare_frames, held - engine.history_frames)

    # -- cl._core.device.Device -----------------------------------------------------------

    @property
    def end_timestamp(self) -> int:
        return NEVER

    def open(self, history: EventHistory) -> None:
        """Begin to follow the device."""
        assert self._engine is not None, "a device that is attached"
        self._history = history
        try:
            # A device that has failed is not given up before whoever opens it could reset it.
            self._link.start(
                self, lock=self._engine.lock, start=self.info.start_timestamp, forgives_failure=True
            )
        except BaseException:
            self._link.close()
            raise

    def close(self) -> None:
        """Give control back, if it is held, and let go of everything."""
        self._link.close()

    def keep(self, frames: int) -> None:
        """Do nothing: how many frames are kept is the device's own doing."""

    def produce(self, start: int, stop: int) -> None:
        """Do nothing: the device produces by itself."""

    def quiet_until(self) -> int:
        return self.info.start_timestamp

    def next_spike(self, position: int) -> int:
        return position

    def next_stim(self, position: int) -> int:
        return position

    def frames(self, start: int, stop: int) -> NDArray[np.int16]:
        """Return the frames of [start, stop), see `FrameReader.read`."""
        assert self._engine is not None
        try:
            return self._link.frames(start, stop)
        except (ValueError, AttributeError):
            # Where the memory has just been given back, that is what to tell.
            self._engine.check()
            raise

    def waveform(self, timestamp: int, channel: int) -> tuple[NDArray[np.float32], float] | None:
        return None

    def submit(self, operations: Sequence[Operation], frame: int, at: int | None) -> None:
        """Have the device take operations as of `frame`, or as soon as it can. Waits for its answer."""
        at_step = None if at is None else at * STEPS_PER_FRAME
        self._submit(operations, frame * STEPS_PER_FRAME, at_step)

    def interrupt_all(self, frame: int) -> int:
        """Interrupt all channels; return the frame by which what has begun is delivered."""
        assert self._engine is not None
        if not self._link.controls or Capability.STIMULATION not in self._link.facts.capabilities:
            return self._engine.position
        try:
            step = self._submit([InterruptOperation(tuple(range(CHANNEL_COUNT)))], 0)
        except ControlRequiredError:
            return self._engine.position  # control was given back this very moment, which interrupts as well
        return step // STEPS_PER_FRAME + NOTICE_FRAMES

    def _submit(self, operations: Sequence[Operation], step: int, at_step: int | None = None) -> int:
        """Submit a transaction; one that is refused because the device has failed ends it."""
        link, engine = self._link, self._engine
        assert engine is not None
        try:
            return link.submit(operations, step, at_step)
        except TransactionRejected:
            if link.status == Status.FAILED:
                with engine.lock:
                    engine.fail(DeviceDisconnectedError(f"the device failed: {link.error_text()}"))
                engine.check()
            raise

    # -- cl._core.remote.Remote -----------------------------------------------------------

    def wait(self, frame: int) -> bool:
        """Block until everything before `frame` is given; False where another thread waits like that."""
        assert self._engine is not None
        link = self._link
        try:
            while (left := self.clock.seconds_until(frame) - _AT_ONCE_S) > _AT_ONCE_S and link.error is None:
                link.rest(min(left, _LONGEST_REST_S))
            if not link.waiter.try_wait(frame):
                return False
            link.catch_up()
        except DeviceDisconnectedError as error:
            with self._engine.lock:
                self._engine.fail(error)
        return True

    def opened(self) -> None:
        """Take a failure for the end, from now on."""
        self._link.forgive_no_more()

    def take_control(self) -> None:
        """Become the controller, and have the device run. ControlRequestError where somebody else is."""
        link = self._link
        link.acquire()
        if link.status == Status.FAILED:
            _log.warning("%s had failed, and is reset: %s", self.info.name, link.error_text())
            link.control(Control.RESET)
            link.control(Control.START)

    def release_control(self) -> None:
        """Give control back: all channels are interrupted."""
        self._link.release()

    def is_running(self) -> bool:
        """Return whether frames come."""
        return self._link.status == Status.RUNNING

    def begin_loop(self, period: int) -> int:
        """Return when a loop whose ticks are `period` frames long had best begin.

        That is with an interrupt, and the interrupts are asked to come with its ticks. A device that posts
        another block before it takes the wish may give them blocks that are out of step, and at most a
        block late.
        """
        assert self._engine is not None
        self._periods.append(period)
        block = self._moderate() or self._link.moderation
        # The next block begins where the last one ended, be it known to everybody yet or not.
        posted = max(self._link.posted, self._engine.position)
        return posted + -(-(self.clock.now() - posted) // block) * block

    def end_loop(self, period: int) -> None:
        """Take note that such a loop has ended."""
        self._periods.remove(period)
        self._moderate()

    def _moderate(self) -> int:
        """Ask for the interrupts that the loops want; return their distance, or 0 where nobody is asked."""
        link, periods = self._link, tuple(self._periods)
        if not link.controls or Capability.MODERATION not in link.facts.capabilities:
            return 0
        frames = fitting_moderation(periods, self._usual_moderation) if periods else 0
        try:
            link.set_moderation(frames)
        except (ControlRequiredError, ValueError):
            return 0  # control was given back, or the link closed, this very moment
        return frames

    # -- Sink -----------------------------------------------------------------------------

    def on_data(self, posted: int) -> None:
        """Log what has happened before `posted`, and let the engine know. Locked."""
        assert self._engine is not None and self._history is not None
        link, history = self._link, self._history
        if link.spikes is not None:
            spikes = self._taken(link.spikes, posted)
            if spikes.timestamps:
                history.add_spikes(spikes.timestamps, spikes.channels)
        if link.stims is not None:
            stims = self._taken(link.stims, posted)
            if stims.timestamps:
                history.add_stims(stims.timestamps, stims.channels)
        self.clock.tell(posted)
        self._engine.post(posted)

    def _taken(self, reader: EventReader, posted: int) -> Events:
        """Return the events before `posted` that are new."""
        assert self._engine is not None
        events = reader.take(posted)
        if events.lost:
            self._lose(events.lost, self._engine.position, posted, reader.what)
        return events

    def on_lost(self, frames: int, start: int, stop: int) -> None:
        """Let everybody know that frames of [start, stop) are gone. Locked."""
        self._lose(frames, start, stop, "frames")

    def _lose(self, count: int, start: int, stop: int, what: str) -> None:
        assert self._engine is not None
        self._engine.losses.add(Loss(start, stop, count, what))
        _log.warning("%s lost %d %s between the frames %d and %d", self.info.name, count, what, start, stop)

    def on_error(self, error: Exception) -> None:
        """End the device."""
        assert self._engine is not None
        self.clock.end()
        with self._engine.lock:
            self._engine.fail(error)
