"""Waiting for a frame with as few hands in between as possible."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

from cl._core.host_clock import host_ns
from cl._core.reentry_lock import ReentryLock
from cl._values.constants import NEVER
from cl.hw.wire.eventfd import drain_eventfd

from .reader import POLL_MS

if TYPE_CHECKING:
    from cl.hw.wire.ring import FrameReader

    from .link_state import LinkState


class FrameWaiter:
    """Blocks until a frame has been posted, on a data interrupt of its own.

    Going through the reader thread would cost two thread switches; here the interrupt wakes the
    waiter itself. It has one eventfd, so one thread waits like that at a time; further ones look once a
    millisecond, or find another way where `try_wait` tells them.
    """

    def __init__(self, frames: FrameReader, link_state: LinkState, data_fd: int) -> None:
        """`data_fd` is an eventfd bound to the data interrupt that nobody else reads."""
        self._frames = frames
        self._link_state = link_state
        self._fd = data_fd
        self._lock = ReentryLock()
        self._closed = False
        self._is_used = False
        """Whether a thread has the interrupt, is about to, or had it when it was interrupted."""
        self.target = NEVER
        """What the thread waits for that is about to bring everybody else up to date.

        After an interruption nobody may wait for it: when it comes, the reader's next look makes up for that.
        """
        self._poller = select.poll()
        self._poller.register(data_fd, select.POLLIN)
        self._poller.register(link_state.fd, select.POLLIN)

    def is_busy(self) -> bool:
        """Return whether another thread has the interrupt, or this one, which was interrupted."""
        if not self._is_used:
            return False  # The usual case, for less than a look at the lock.
        lock = self._lock
        if lock.held_here():
            return True
        try:
            is_taken = not lock.acquire(blocking=False)
            if not is_taken:
                self._is_used = False  # The one who waited was interrupted.
        finally:
            try:
                lock.release()
            except RuntimeError:
                pass  # It was not taken.
        return is_taken

    def try_wait(self, frame: int) -> bool:
        """Block until the frames before `frame` are posted; False, at once, where another thread does so.

        The caller is to call `Link.catch_up` then: for that interrupt the reader thread leaves it to it.
        Raises DeviceDisconnectedError where the link has ended and the frame is not there.
        """
        lock = self._lock
        if lock.held_here():
            return False
        try:
            self._is_used = True
            if not lock.acquire(blocking=False):
                return False
            self._check()
            self.target = frame
            self._block(frame, NEVER)
            self.target = NEVER
            self._is_used = False
        finally:
            try:
                lock.release()
            except RuntimeError:
                pass  # It was not taken.
        return True

    def wait(self, frame: int, timeout: float | None = None) -> int:
        """Block until the frames before `frame` are posted, or `timeout` seconds; return what is posted.

        Raises DeviceDisconnectedError where the link has ended and the frame is not there.
        """
        self._check()
        posted = self._frames.posted
        if posted >= frame:
            return posted
        deadline = NEVER if timeout is None else host_ns() + int(timeout * 1e9)
        lock = self._lock
        if lock.held_here():
            return self._look(frame, deadline)
        try:
            self._is_used = True
            if lock.acquire(blocking=False):
                posted = self._block(frame, deadline)
                self._is_used = False
                return posted
        finally:
            try:
                lock.release()
            except RuntimeError:
                pass  # It was not taken.
        return self._look(frame, deadline)

    def close(self) -> None:
        """Let nobody wait any more; when this returns nobody does. The link has ended."""
        self._closed = True
        # Who waits has been woken by the end, and looks at the memory no more once the lock is free.
        with self._lock:
            pass

    def _check(self) -> None:
        if self._closed:
            self._link_state.check()

    def _block(self, frame: int, deadline: int) -> int:
        """Wait on the interrupt; now and then look without one, since it may have got lost."""
        while True:
            drain_eventfd(self._fd)
            posted = self._frames.posted
            left = 1 if deadline == NEVER else (deadline - host_ns()) / 1e6
            if posted >= frame or left <= 0:
                return posted
            self._link_state.check()
            self._poller.poll(POLL_MS if deadline == NEVER else min(POLL_MS, left))

    def _look(self, frame: int, deadline: int) -> int:
        """Wait while somebody else has the interrupt: look once a millisecond."""
        poller = select.poll()
        poller.register(self._link_state.fd, select.POLLIN)
        while (posted := self._frames.posted) < frame and host_ns() < deadline:
            self._link_state.check()
            poller.poll(1)
        return posted
