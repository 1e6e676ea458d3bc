"""A device that is open: its engine, the threads that serve it, its page, and how it is closed."""

from __future__ import annotations

import atexit
import os
import threading
from typing import TYPE_CHECKING

from cl._core.participant import Hold
from cl._core.reentry_lock import ReentryLock
from cl._current import devices
from cl._values.saying import Log
from cl._values.upwards import from_above
from cl._wait.threads import refuse_reentry
from cl.error import DeviceDisconnectedError
from cl.neurons import Neurons

from .control import Control
from .wiring import Wired

if TYPE_CHECKING:
    from cl._core.attachable import Attachable
    from cl._core.settings import Settings
    from cl._current import Page

_log = Log()


class Session:
    """A device that is open: made by the outermost open, ended when that is left."""

    def __init__(self, device: Attachable, settings: Settings) -> None:
        self.settings = settings
        self._device = device
        self._wired = Wired(device)
        self.engine = self._wired.engine
        self.visualiser: Page | None = None
        self._process = os.getpid()
        self._closing = ReentryLock()
        self.closed = False
        self._gone = threading.Event()
        self.control = Control()
        self.neurons = Neurons(self.engine)
        self.neurons._on_close = self.close
        devices.note(self)
        self.neurons._recordings.sync_seconds = settings.sync_seconds
        device.open()
        # A program may end without leaving its block; the threads that close recordings end with it.
        atexit.register(self.close)
        try:
            self._wired.begin()
            if settings.visualisation:
                self.visualiser = self._show()
        except BaseException:
            self.close()
            raise

    def _show(self) -> Page | None:
        recordings = self.neurons._recordings
        server: Page | None = from_above("start_server")(
            self.engine,
            self.settings.visualisation_host,
            recordings=recordings.running,
            loops=lambda: tuple(run.loop for run in self.engine.runs),
            streams=recordings.streams,
        )
        return server

    def disown(self) -> None:
        """Let go of everything, in a fork: the device goes on in the process that has opened it."""
        if self._gone.is_set():
            return
        self.closed = True
        self._gone = threading.Event()
        self._gone.set()
        self.control.lock = threading.Lock()
        self.neurons._control = False
        self.engine.disown(
            f"this device belongs to process {self._process}, which opened it: a fork of it cannot use the "
            "device, and opens one of its own with cl.open()"
        )
        self.neurons._recordings.disown()
        if self.visualiser is not None:
            self.visualiser.disown()
        self._device.disown()

    def close(self) -> None:
        """Stop stimulation, finalise what is being recorded, close the device. Again: nothing."""
        if os.getpid() != self._process:
            return  # A fork has none of the threads, and what they work on is its parent's.
        if self.closed:
            return
        self._closing.refuse_reentry()
        refuse_reentry(self.engine)
        with self._closing:
            if self.closed:
                return
            self.closed = True
        self._finish()

    def finish(self) -> None:
        """Do what a `close` that was interrupted has left to be done. Again: nothing."""
        if self.closed and not self._gone.is_set():
            self._finish()

    def _finish(self) -> None:
        try:
            self._close()
        finally:
            atexit.unregister(self.close)
            self._gone.set()

    def wait_until_gone(self) -> None:
        """Wait until everything is given back, where another thread is about to."""
        self._gone.wait()

    def _close(self) -> None:
        engine = self.engine
        # Others may share its time, which is not to go on while it ends: what is recorded ends at one moment.
        hold = Hold(object(), f"{engine.device.info.name}, which closes", transient=False)
        try:
            with engine.lock:
                engine.time.take_hold(hold)
            self._end()
        finally:
            with engine.lock:
                engine.end()
                engine.time.give_back(hold)
                engine.time.go_on(False)
            if self.visualiser is not None:
                self.visualiser.leave()
            self._wired.stop()
            self._close_device()

    def _end(self) -> None:
        try:
            if self.engine.failure is None:
                self.neurons._interrupt_all()
                self._wired.settle()
        except DeviceDisconnectedError as error:
            if self.engine.device.info.is_simulator:
                raise
            # It went while it was being closed: nobody wants anything of it any more.
            _log.warning("closing %s: %s", self.engine.device.info.name, error)
        finally:
            self.neurons._recordings.finalise()

    def _close_device(self) -> None:
        try:
            self.engine.device.close()
        except Exception as error:
            if self.engine.failure is None:
                raise
            # What went wrong first is what the program has to hear of.
            _log.warning("closing the device, which has failed: %s", error)
