"""Control of a device across the network: one session has it, by a lease."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl.error import DeviceDisconnectedError

if TYPE_CHECKING:
    from cl._core.engine import Engine

    from .clock import NetworkClock
    from .link import Link


class NetworkControl:
    """Takes and gives back control over the link."""

    def __init__(self, engine: Engine, link: Link, clock: NetworkClock) -> None:
        self._engine = engine
        self._link = link
        self._clock = clock

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
        """Return a frame whose arrival shows that the device runs, and that what is here is the present.

        Opening takes a while, in which the device has gone on.
        """
        following = self._engine.position + 1
        return max(following, self._clock.at_device()) if self.is_running() else following
