"""The part of `Neurons` that is about control of the device, and whether it is ready."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cl._core.device_log import Happening, LogKind
from cl._core.noting import note
from cl._values.constants import CHANNEL_COUNT
from cl._values.no_op import no_op
from cl._values.numbers import real
from cl._wait import threads
from cl.error import ControlRequiredError

from .time import TimeMethods

if TYPE_CHECKING:
    from .recordings import Recordings


class ControlMethods(TimeMethods):
    """Taking and giving up control, starting and stopping, readiness."""

    _recordings: Recordings
    _control: bool
    _started: bool

    def has_control(self) -> bool:
        """Return whether commands that change the device may be given."""
        self._engine.time.calls += 1
        engine = self._engine
        return self._control and not engine.closed and engine.device.control.holds()

    def take_control(self) -> None:
        """Take control of the device; `ControlRequestError` where somebody else has it."""
        engine = self._engine
        engine.check()
        engine.device.control.take()
        if not self._control:
            self._note(LogKind.CONTROL, "take_control")
        self._control = True

    def release_control(self) -> None:
        """Give control up: stimulation ends with what has begun."""
        if self._control:
            self._interrupt_all("release_control")
            self._note(LogKind.CONTROL, "release_control")
            self._control = False
            self._engine.device.control.release()

    def _require_control(self) -> None:
        self._engine.check()
        if not self._control:
            raise ControlRequiredError(
                "stimulation needs control of the device: open it with take_control=True, or take_control()"
            )
        self._require_started()

    def _require_started(self) -> None:
        if not self._started:
            raise RuntimeError("the device is stopped: call start() first")

    def start(self) -> None:
        """Start the device after `stop`. `cl.open()` has started it already."""
        self._engine.check()
        if not self._started:
            self._note(LogKind.CONTROL, "start")
        self._started = True

    def has_started(self) -> bool:
        """Return whether the device is started."""
        self._engine.time.calls += 1
        return self._started and not self._engine.closed

    def stop(self) -> None:
        """Stop the device: recordings are finalised and stimulation ends; `start` starts it again."""
        self._interrupt_all("stop")
        self._note(LogKind.CONTROL, "stop")
        self._recordings.finalise()
        self._started = False

    def restart(self, timeout_seconds: float = 15.0, wait_until_recordable: bool = True) -> None:
        """Stop and start the device. Device time goes on."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Close the device, as leaving the block of `cl.open()` does."""
        self._on_close()

    def is_readable(self) -> bool:
        """Return whether frames can be read."""
        engine = self._engine
        engine.time.calls += 1
        if engine.closed or engine.failure is not None or not self._started:
            return False
        return engine.device.control.is_running()

    def wait_until_readable(self, timeout_seconds: float = 15.0) -> None:
        """Wait until frames can be read; raises where they never will be.

        `RuntimeError` after `stop`; `TimeoutError` where a device stands still so long, which only its
        controller can start.
        """
        timeout_seconds = real(timeout_seconds, "timeout_seconds")
        if timeout_seconds != timeout_seconds:
            raise ValueError("timeout_seconds must be a number of seconds, not nan")
        self._engine.check()
        self._require_started()
        if not (timeout_seconds <= 0 and self.is_readable()):
            threads.wait_for_sign(self._engine, timeout_seconds)

    def is_recordable(self) -> bool:
        """Return whether a recording can be started."""
        return self.is_readable()

    def wait_until_recordable(self, timeout_seconds: float = 15.0) -> None:
        """Wait until a recording can be started; raises where it never will be."""
        self.wait_until_readable(timeout_seconds)

    _on_close: Callable[[], None] = staticmethod(no_op)

    def _interrupt_all(self, why: str) -> None:
        """Interrupt all channels, and have what has begun delivered, where that needs no turn in time."""
        engine = self._engine
        engine.check()
        threads.refuse_reentry(engine)
        self._note(LogKind.INTERRUPT, why, tuple(range(CHANNEL_COUNT)))
        delivered = engine.device.stimulator.interrupt_all()
        threads.hasten(engine, delivered)

    def _note(self, kind: LogKind, text: str, channels: tuple[int, ...] = ()) -> None:
        """Log what is done to the device as a whole."""
        note(self._engine, Happening(self._present(), kind, text, channels))
