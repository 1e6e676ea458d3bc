"""The hardware as the engine sees it: a device that is where it is, and tells of it by interrupts."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from cl._core.losses import Loss
from cl._core.noting import lose
from cl._core.posted import Posted
from cl._values.saying import Log
from cl.hw.wire.layout import LEAD_FRAMES

from .acquisition import HardwareAcquisition
from .control import HardwareControl
from .stimulator import HardwareStimulator
from .timebase import DeviceTimebase

if TYPE_CHECKING:
    from cl._core.device import DeviceInfo
    from cl._core.engine import Engine
    from cl.hw.wire.ring import EventReader, Events

    from .link import Link

_SLACK_FRAMES: Final = 1_000
"""What is read must stay for as long as it takes to copy it."""

_log = Log()


class HardwareDevice:
    """A device at the other end of a link.

    Data comes by itself: the reader thread, or a thread that waits for a frame anyhow, takes what the
    rings hold, logs it, and lets the engine know (`on_data`).
    """

    acquisition: HardwareAcquisition
    stimulator: HardwareStimulator
    control: HardwareControl

    def __init__(self, info: DeviceInfo, link: Link) -> None:
        self.info = info
        self._link = link
        self._engine: Engine | None = None
        self._unsaid: deque[Loss] = deque()

    def attach(self, engine: Engine) -> None:
        """Take the engine that is to be told of what happens."""
        link = self._link
        self._engine = engine
        engine.time = self._time = DeviceTimebase(engine, link)
        engine.supply = Posted(engine, link.catch_up)
        engine.on_opened = link.forgive_no_more
        self.acquisition = HardwareAcquisition(engine, link)
        self.stimulator = HardwareStimulator(engine, link)
        self.control = HardwareControl(engine, link, self.info.name)
        held = link.capacity - LEAD_FRAMES - _SLACK_FRAMES
        engine.history_frames = engine.kept_frames = min(engine.history_frames, held)
        engine.backlog.spare = min(engine.backlog.spare, held - engine.history_frames)

    def open(self) -> None:
        """Begin to follow the device."""
        assert self._engine is not None, "a device that is attached"
        try:
            # A device that has failed is not given up before whoever opens it could reset it.
            self._link.start(
                self,
                lock=self._engine.lock,
                start=self.info.start_timestamp,
                forgives_failure=True,
                afterwards=self._say,
            )
        except BaseException:
            self._link.close()
            raise

    def close(self) -> None:
        """Give control back, if it is held, and let go of everything."""
        self._link.close()

    def disown(self) -> None:
        """Let go of the connection, which is that of the process that this one is a fork of."""
        self._link.disown()

    # -- Sink -----------------------------------------------------------------------------

    def on_data(self, posted: int) -> None:
        """Log what has happened before `posted`, and let the engine know. Locked."""
        assert self._engine is not None
        link, history = self._link, self._engine.history
        if link.spikes is not None:
            spikes = self._taken(link.spikes, posted)
            if spikes.timestamps:
                history.add_spikes(spikes.timestamps, spikes.channels)
        if link.stims is not None:
            stims = self._taken(link.stims, posted)
            if stims.timestamps:
                designs = link.stims.take_designs(len(stims.timestamps))
                history.add_stims(stims.timestamps, stims.channels, designs)
        self._time.clock.tell(posted)
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
        loss = Loss(start, stop, count, what)
        lose(self._engine, loss)
        self._unsaid.append(loss)

    def _say(self) -> None:
        """Log the losses that have not been: without the lock, since a log's handlers are the program's."""
        while self._unsaid:
            try:
                start, stop, count, what = self._unsaid.popleft()
            except IndexError:
                return  # Another thread says it.
            # A handler that fails is no failure of the device.
            with suppress(Exception):
                _log.warning(
                    "%s lost %d %s between the frames %d and %d", self.info.name, count, what, start, stop
                )

    def on_error(self, error: Exception) -> None:
        """End the device."""
        assert self._engine is not None
        self._time.clock.end()
        with self._engine.lock:
            self._engine.fail(error)
        self._say()
