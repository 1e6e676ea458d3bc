"""Control of the device: one process commands it, and has it run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl._values.saying import Log
from cl.hw.wire.layout import Control, Status

if TYPE_CHECKING:
    from cl._core.engine import Engine

    from .link import Link

_log = Log()


class HardwareControl:
    """Takes and gives back control over the link."""

    def __init__(self, engine: Engine, link: Link, name: str) -> None:
        self._engine = engine
        self._link = link
        self._name = name

    def take(self) -> None:
        """Become the controller, and have the device run. ControlRequestError where somebody else is."""
        link = self._link
        link.acquire()
        if link.status == Status.FAILED:
            _log.warning("%s had failed, and is reset: %s", self._name, link.error_text())
            link.control(Control.RESET)
            link.control(Control.START)

    def release(self) -> None:
        """Give control back: all channels are interrupted."""
        self._link.release()

    def holds(self) -> bool:
        """Return whether control that was taken has not been lost since: it is not, while the link lasts."""
        return True

    def is_running(self) -> bool:
        """Return whether frames come."""
        return self._link.status == Status.RUNNING

    def next_sign(self) -> int:
        """Return the next frame: one that comes shows that the device runs."""
        return self._engine.position + 1
