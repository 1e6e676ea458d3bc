"""How a link ends: once, for one reason, and everybody who waits wakes up."""

from __future__ import annotations

import select
import threading
from contextlib import suppress

from cl.error import DeviceDisconnectedError
from cl.hw.wire.eventfd import add_eventfd, raise_eventfd
from cl.hw.wire.transport import Descriptors


class LinkState:
    """The end of a link, shared by its reader thread, its waiters and whoever submits commands.

    `fd` is an eventfd that becomes readable at the end and stays so, for waits in `poll`.
    """

    __slots__ = ("_lock", "_owned", "error", "fd")

    def __init__(self) -> None:
        self._lock = threading.RLock()  # A signal handler of the thread that has it may close the device.
        self.error: Exception | None = None
        """Why the link ended, or None while it lives."""
        self._owned = Descriptors()
        self.fd = add_eventfd(self._owned)

    def end(self, error: Exception) -> bool:
        """End the link; return False where it had ended already, for the reason that came first."""
        with self._lock:
            if self.error is not None:
                return False
            self.error = error
            if self.fd >= 0:
                with suppress(OSError):  # Those who wait look now and then without it, too.
                    raise_eventfd(self.fd)
            return True

    def check(self) -> None:
        """Raise DeviceDisconnectedError where the link has ended, naming the reason."""
        error = self.error
        if error is None:
            return
        # Every caller gets an exception of its own: raising one object from several threads mixes
        # their tracebacks.
        raise DeviceDisconnectedError(str(error)) from error

    def wait(self, milliseconds: float) -> None:
        """Wait for the end of the link, so long at most."""
        if self.fd < 0:
            return
        poller = select.poll()
        poller.register(self.fd, select.POLLIN)
        poller.poll(milliseconds)

    def close(self) -> None:
        """Give the eventfd back."""
        with self._lock:
            self.fd = -1
            self._owned.close()
