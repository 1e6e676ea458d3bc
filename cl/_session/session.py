"""A device that is open: its engine, the threads that serve it, its page, and how it is closed."""

from __future__ import annotations

import atexit
import os
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from cl._core.last_words import daemons_inside, hear_out
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
    from collections.abc import Callable, Iterator

    from cl._core.attachable import Attachable
    from cl._core.settings import Settings
    from cl._core.wall_time import WallTimebase
    from cl._current import Page

_log = Log()


class Session:
    """A device that is open: made by the outermost open, ended when that is left."""

    def __init__(self, device: Attachable, settings: Settings, culture: dict[str, Any] | None = None) -> None:
        """`culture` is what the program says of it; None: what the environment does."""
        self.settings = settings
        device.info = replace(device.info, culture=settings.culture if culture is None else culture)
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
        self.neurons._annotation_url = self._annotation_url
        self._watched_seconds: float | None = None
        self._finishing = ReentryLock()
        """Held by the one who closes, while others that leave wait for that."""
        # Others may share its time, which is not to go on while it ends: what is recorded ends at one moment.
        self._hold = Hold(object(), f"{self.engine.device.info.name}, which closes", transient=False)
        self._left: list[Callable[[], None]] = [
            self._end,
            self._end_engine,
            self._leave_page,
            self._wired.stop,
            self._close_device,
        ]
        """What is still to be done to close it."""

    def open(self) -> None:
        """Open the device, and let its time begin. What an interruption leaves is closed."""
        devices.note(self)
        self.neurons._recordings.sync_seconds = self.settings.sync_seconds
        self.neurons._advice.strict = self.settings.stim_warnings
        is_open = False
        try:
            self._device.open()
            is_open = True
            # A program may end without leaving its block; the threads that close recordings end with it.
            atexit.register(self._at_exit)
            self._wired.begin()
            self.neurons._set_laboratorys_budgets(self.settings.stim_budgets)
            if self.settings.visualisation:
                self.visualiser = self._show()
        except BaseException as error:
            if not is_open:
                self.closed = True
                # What has failed has cleared up, what was interrupted has not.
                self._left = self._left[1:-1] if isinstance(error, Exception) else self._left[1:]
            raise

    def watch(self, seconds: float | None) -> None:
        """Begin to watch the program, if it or the environment says how long it may leave the device alone.

        In accelerated time there is nothing to watch: it stands still where no participant waits for it.
        """
        seconds = self.settings.stim_watchdog_seconds if seconds is None else seconds
        time = self.engine.time
        if seconds is None:
            return
        self._watched_seconds = seconds
        if time.clock is None:
            return
        from cl._core.stim_watchdog import StimWatchdog

        watchdog = StimWatchdog(
            self.engine, cast("WallTimebase", time), seconds, self.engine.device.info.name
        )
        self.neurons._watchdog = watchdog
        self._wired.housekeeper.watch(watchdog.look, watchdog.period_s)

    def check_watched(self, seconds: float | None) -> None:
        """Raise RuntimeError where the device is watched otherwise than another open of it wants."""
        if seconds is not None and seconds != self._watched_seconds:
            raise RuntimeError(
                f"stim_watchdog_seconds={seconds:g}: the device is open already, with {self._watched_seconds}"
            )

    @contextmanager
    def watched_event_loop(self) -> Iterator[None]:
        """Have the program count as at work as long as the running event loop turns, within a block."""
        if self.neurons._watchdog is None:
            yield
            return
        from cl._wait.loop_pulse import LoopPulse

        looks, pulse = self._wired.housekeeper.looks, LoopPulse(self.engine)
        looks.insert(0, pulse.look)
        try:
            yield
        finally:
            looks.remove(pulse.look)

    def _show(self) -> Page | None:
        recordings = self.neurons._recordings
        server: Page | None = from_above("start_server")(
            self.engine,
            self.settings.visualisation_host,
            public_url=self.settings.visualisation_url,
            recordings=recordings.running,
            loops=lambda: tuple(run.loop for run in tuple(self.engine.runs)),
            streams=recordings.streams,
            annotate=lambda text: self.neurons.annotate(text, by="page"),
        )
        return server

    def _annotation_url(self) -> str | None:
        page = self.visualiser
        return page.annotation_url if page is not None and page.alive else None

    def disown(self) -> None:
        """Let go of everything, in a fork: the device goes on in the process that has opened it."""
        self._finishing.begin_anew()
        if self._gone.is_set():
            return
        self.closed, self._left = True, []
        self._gone = threading.Event()
        self._gone.set()
        self.control.lock.begin_anew()
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
        self.finish()

    def finish(self) -> None:
        """Do what is left of closing it, or wait for the thread that does. Again: nothing."""
        if not self.closed:
            return
        self._finishing.refuse_reentry()
        with self._finishing:
            try:
                # All of them, whatever becomes of the others.
                with ExitStack() as steps:
                    for step in reversed(self._left):
                        steps.callback(self._do, step)
            finally:
                if not self._left:
                    atexit.unregister(self._at_exit)
                    self._gone.set()

    def _do(self, step: Callable[[], None]) -> None:
        """Take a step of closing. One that was interrupted is left to be taken again."""
        try:
            step()
        except Exception:
            self._left.remove(step)
            raise
        self._left.remove(step)

    def _at_exit(self) -> None:
        if os.getpid() != self._process:
            return
        callers = daemons_inside()
        try:
            self.close()
            self.finish()
        finally:
            hear_out(callers)

    def _end_engine(self) -> None:
        engine = self.engine
        with engine.lock:
            engine.end()
            engine.time.give_back(self._hold)
            engine.time.go_on(False)

    def _leave_page(self) -> None:
        if self.visualiser is not None:
            self.visualiser.leave()

    def _end(self) -> None:
        engine = self.engine
        try:
            with engine.lock:
                engine.time.take_hold(self._hold)
            if engine.is_open():
                self.neurons._interrupt_all("close")
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
