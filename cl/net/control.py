"""Control of a device across the network: one session has it, by a lease."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl.error import DeviceDisconnectedError

if TYPE_CHECKING:
    from cl._core.engine import Engine

    from .link import Link


class NetworkControl:
    """Takes and gives back control over the link."""

    def __init__(self, engine: Engine, link: Link) -> None:
        self._engine = engine
        self._link = link

    def take(self) -> None:
        """Become the controller. ControlRequestError where somebody else is."""
        if not self._link.controls:
            self._link.take_control()

    def release(self) -> None:
        """Give control back: all channels are interrupted."""
        if not self._link.controls:
            return
        try:
            self._link.release_control()
        except DeviceDisconnectedError:
            pass  # With the link it is lost, too.

    def holds(self) -> bool:
        """Return whether control that was taken has not been lost since."""
        return self._link.controls

    def is_running(self) -> bool:
        """Return whether frames come."""
        return self._link.state.status == "running"

    def next_sign(self) -> int:
        """Return the next frame: one that comes shows that the device runs."""
        return self._engine.position + 1
