"""A frame that is shown somewhere, as the kernel knows it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from .lease import Lease

if TYPE_CHECKING:
    from cl.visualisation.server.server import VisualiserServer
    from cl.visualisation.server.throttle import Throttle

    from .link import KernelLink, Tell

_MOST_WANTS: Final = 16


class Frame:
    """A frame and its connection, which comes again with every device that opens.

    `page` makes the page that it shows. Messages of the frame come by `hear`, in any thread.
    """

    def __init__(
        self, server: VisualiserServer, throttle: Throttle, page: Callable[[], str], tell: Tell
    ) -> None:
        self.lease = Lease()
        self._server = server
        self._throttle = throttle
        self._page = page
        self._tell = tell
        self._wants: list[str] = []
        self._asked = False
        self._link: KernelLink | None = None
        self._serial = 0
        self._changing = threading.RLock()

    def hear(self, message: dict[str, Any], deaf: bool) -> None:
        """Take what the frame says; `deaf`: it was heard in the thread that runs cells."""
        if message.get("gone"):
            self.leave()
            return
        self.lease.renew(deaf)
        if message.get("page"):
            self._tell({"page": self._page()}, None)
        if "open" in message:
            self._open(message["open"])
        with self._changing:
            link = self._link
        if link is not None and message.get("serial") == link.serial:
            if "received" in message:
                link.received(int(message["received"]))
            if "command" in message:
                link.put(str(message["command"]))
        self._come_again()

    def _open(self, wants: Any) -> None:
        if isinstance(wants, list):
            self._wants = [str(command) for command in wants[:_MOST_WANTS]]
        with self._changing:
            link, self._link = self._link, None
            self._asked = True
        if link is not None:
            link.drop()
        self._server.when_attached.add(self.come)
        if self._server.make_source is None:
            self._tell({"closed": [1001, "no device is open"]}, None)

    def _come_again(self) -> None:
        """Come where there is a device and no connection: that has ended, or was given up."""
        if self._asked and (self._link is None or self._link.closed):
            self.come()

    def come(self) -> None:
        """Connect to the device that is open, if there is one and the frame is looked at."""
        from .link import KernelLink

        with self._changing:
            if self._server.make_source is None or not self._asked or not self.lease.holds():
                return
            if self._link is not None and not self._link.closed:
                return
            self._serial += 1
            link = self._link = KernelLink(self._serial, self._tell, self._wants, self.lease, self._throttle)
        self._server.join(link)

    def leave(self) -> None:
        """End: the frame is shown no more."""
        self.lease.end()
        self._server.when_attached.discard(self.come)
        with self._changing:
            link, self._link, self._asked = self._link, None, False
        if link is not None:
            link.drop()
