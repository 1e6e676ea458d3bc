"""The reader thread: it blocks on the device's interrupts and tells a sink what they brought."""

from __future__ import annotations

import select
import threading
from typing import TYPE_CHECKING, Final, Protocol

from cl._core.clock import host_ns
from cl.error import DeviceDisconnectedError

from .eventfd import drain_eventfd
from .layout import ClientRegister, DeviceError, RegionKind, Register, RingWord, Status
from .watchdog import LIMIT_NS, Watchdog

if TYPE_CHECKING:
    from .fate import Fate
    from .session import Session

_LONGEST_JUMP: Final = 1 << 40
"""Frames that no device can have made since the last interrupt: more than a year's worth."""
POLL_MS: Final = 5
"""How often to look without an interrupt: one that got lost costs no more than this."""


class Sink(Protocol):
    """Who is told what the device did. Called by the reader thread, one call at a time."""

    def on_data(self, posted: int) -> None:
        """Take note that all frames, spikes and stims before timestamp `posted` can be read."""
        ...

    def on_lost(self, frames: int) -> None:
        """Take note that `frames` frames are gone for good: nobody could or can read them."""
        ...

    def on_error(self, error: Exception) -> None:
        """Take note that the link has ended; the last call there is."""
        ...


class Reader(threading.Thread):
    """Waits for the data and error interrupts, for silence, and for the socket to close.

    eventfd counts add up while nobody looks, so a wake-up says only that something happened: where the
    device is comes from the ring's counter.
    """

    def __init__(self, session: Session, fate: Fate, sink: Sink, limit_ns: int = LIMIT_NS) -> None:
        """Get ready; the thread begins with `start()`."""
        super().__init__(name="cl-hw-reader", daemon=True)
        self._session = session
        self._fate = fate
        self._sink = sink
        self._registers = session.regions[RegionKind.REGISTERS].words
        self._client = session.regions[RegionKind.CLIENT].words
        frames = session.regions[RegionKind.FRAMES].words
        self._frames = frames
        self._capacity = frames[RingWord.CAPACITY]
        self.posted = frames[RingWord.PRODUCED]
        """What the sink has been told of."""
        self._dropped = self._registers[Register.FRAMES_DROPPED]
        self._watchdog = Watchdog(host_ns(), self._registers[Register.LIVENESS], self.posted, limit_ns)
        self._frame_ns = 1_000_000_000 // session.facts.frames_per_second

    def run(self) -> None:
        """Follow the device until the link ends; then tell the sink why, unless it was closed here."""
        try:
            self._follow()
        except Exception as error:
            self._fate.end(error)
        error_ = self._fate.error
        if error_ is not None and not isinstance(error_, LinkClosed):
            self._sink.on_error(error_)

    def _follow(self) -> None:
        session, fate = self._session, self._fate
        data_fd, error_fd, sock_fd = session.data_fds[-1], session.error_fd, session.sock.fileno()
        poller = select.poll()
        for fd in (data_fd, error_fd, sock_fd, fate.fd):
            poller.register(fd, select.POLLIN)
        wait, registers = poller.poll, self._registers
        while fate.error is None:
            ready = wait(POLL_MS)
            for fd, _ in ready:
                if fd == data_fd:
                    drain_eventfd(fd)
                elif fd == error_fd:
                    drain_eventfd(fd)
                    self._look_at_error()
                elif fd == sock_fd:
                    raise DeviceDisconnectedError(self._last_words())
            self._deliver()
            if not ready:
                self._look_at_error()
            self._look_for_life(registers)

    def _deliver(self) -> None:
        """Tell the sink how far the device is, if it is further than before."""
        posted, before = self._frames[RingWord.PRODUCED], self.posted
        if posted == before:
            return
        if not before < posted < before + _LONGEST_JUMP:
            raise DeviceDisconnectedError(f"the device's frame counter went from {before} to {posted}")
        lost = self._frames[RingWord.RESERVED] - self._capacity - before
        self.posted = posted
        self._client[ClientRegister.ACK_DATA] = self._registers[Register.RAISED_DATA]
        if lost > 0:
            self._sink.on_lost(min(lost, posted - before))
        self._sink.on_data(posted)

    def _look_at_error(self) -> None:
        registers = self._registers
        dropped = registers[Register.FRAMES_DROPPED]
        if dropped != self._dropped:
            lost, self._dropped = dropped - self._dropped, dropped
            if lost < 0:
                raise DeviceDisconnectedError(f"the device's count of dropped frames went back to {dropped}")
            self._sink.on_lost(lost)
        self._client[ClientRegister.ACK_ERROR] = registers[Register.RAISED_ERROR]
        if registers[Register.STATUS] == Status.FAILED or registers[Register.ERROR] == DeviceError.FATAL:
            raise DeviceDisconnectedError(f"the device failed: {self._session.error_text()}")

    def _look_for_life(self, registers: memoryview[int]) -> None:
        wrong = self._watchdog.look(
            host_ns(),
            registers[Register.LIVENESS],
            self.posted,
            registers[Register.STATUS] == Status.RUNNING,
            min(registers[Register.MODERATION], _LONGEST_JUMP) * self._frame_ns,
        )
        if wrong is not None:
            raise DeviceDisconnectedError(wrong)

    def _last_words(self) -> str:
        """Return what became of a socket that has something to say, which is against the protocol."""
        try:
            data = self._session.sock.recv(64)
        except OSError as error:
            return f"the device is gone: {error.strerror}"
        if not data:
            return "the device closed the connection"
        return f"the device sent a message it was not asked for: {data[:16]!r}"


class LinkClosed(DeviceDisconnectedError):
    """The link was closed on this side."""
