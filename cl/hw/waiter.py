"""Waiting for a frame with as few hands in between as possible."""

from __future__ import annotations

import select
import threading
from typing import TYPE_CHECKING

from cl._core.clock import host_ns

from .eventfd import drain_eventfd
from .reader import POLL_MS

if TYPE_CHECKING:
    from .fate import Fate
    from .ring import FrameReader


class FrameWaiter:
    """Blocks until a frame has been posted, on a data interrupt of its own.

    Going through the reader thread would cost two thread switches; here the interrupt wakes the
    waiter itself. It has one eventfd, so one thread waits at a time; further ones look every few
    milliseconds, or are told by whoever else they trust.
    """

    def __init__(self, frames: FrameReader, fate: Fate, data_fd: int) -> None:
        """`data_fd` is an eventfd bound to the data interrupt that nobody else reads."""
        self._frames = frames
        self._fate = fate
        self._fd = data_fd
        self._lock = threading.Lock()
        self._poller = select.poll()
        self._poller.register(data_fd, select.POLLIN)
        self._poller.register(fate.fd, select.POLLIN)

    def fileno(self) -> int:
        """Return the eventfd, for an event loop that waits instead of `wait`; see `clear`."""
        return self._fd

    def clear(self) -> None:
        """Make `fileno` unreadable until the next interrupt; look at the frames after that, not before."""
        drain_eventfd(self._fd)

    def wait(self, frame: int, timeout: float | None = None) -> int:
        """Block until the frames before `frame` are posted, or `timeout` seconds; return what is posted.

        Raises DeviceDisconnectedError where the link has ended and the frame is not there.
        """
        frames = self._frames
        posted = frames.posted
        if posted >= frame:
            return posted
        deadline = None if timeout is None else host_ns() + int(timeout * 1e9)
        with self._lock:
            while True:
                drain_eventfd(self._fd)
                posted = frames.posted
                if posted >= frame or (deadline is not None and host_ns() >= deadline):
                    return posted
                self._fate.check()
                self._poller.poll(POLL_MS)
