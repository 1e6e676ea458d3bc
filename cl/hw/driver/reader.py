"""The reader thread: it blocks on the device's interrupts and tells a sink what they brought."""

from __future__ import annotations

import select
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

from cl._core.host_clock import host_ns
from cl._values.no_op import no_op
from cl._values.saying import Log
from cl.error import DeviceDisconnectedError
from cl.hw.wire.eventfd import drain_eventfd
from cl.hw.wire.layout import ClientRegister, DeviceError, RegionKind, Register, RingWord, Status
from cl.hw.wire.moderation import stated_moderation

from .standstill import Standstill
from .watchdog import MISSED_SIGNS, Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from .link_state import LinkState
    from .session import Session

LONGEST_JUMP: Final = 1 << 40
"""Frames that no device can have made since the last interrupt: more than a year's worth."""
POLL_MS: Final = 5
"""How often to look without an interrupt: one that got lost costs no more than this."""

_log = Log()


class Sink(Protocol):
    """Who is told what the device did.

    `on_lost` and `on_data` are called with the link's lock held, by the reader thread or by whoever
    calls `Link.catch_up`; `on_error` by the reader thread, without it.
    """

    def on_data(self, posted: int) -> None:
        """Take note that all frames, spikes and stims before timestamp `posted` can be read."""
        ...

    def on_lost(self, frames: int, start: int, stop: int) -> None:
        """Take note that `frames` frames of [start, stop) are gone for good: nobody can read them."""
        ...

    def on_error(self, error: Exception) -> None:
        """Take note that the link has ended; the last call there is."""
        ...


class Reader(threading.Thread):
    """Waits for the data and error interrupts, for silence, and for the socket to close.

    eventfd counts add up while nobody looks, so a wake-up says only that something happened: where the
    device is comes from the ring's counter.
    """

    def __init__(
        self,
        session: Session,
        link_state: LinkState,
        sink: Sink,
        lock: AbstractContextManager[Any] | None = None,
        start: int | None = None,
        is_taken: Callable[[int, int], bool] = lambda start, stop: False,
        forgives_failure: bool = False,
        afterwards: Callable[[], None] = no_op,
    ) -> None:
        """Get ready; the thread begins with `start()`. The sink is told of what follows the frame `start`.

        `is_taken(start, stop)` says that another thread is about to catch up with a block that has come.
        `afterwards` is called without the lock by whoever has told the sink of something.
        """
        super().__init__(name="cl-hw-reader", daemon=True)
        self._session = session
        self._link_state = link_state
        self._sink = sink
        self._lock = threading.Lock() if lock is None else lock
        self._is_taken = is_taken
        self._afterwards = afterwards
        self.forgives_failure = forgives_failure
        """Whether a device that has failed is followed all the same: somebody may be about to reset it."""
        self._registers = session.regions[RegionKind.REGISTERS].words
        self._client = session.regions[RegionKind.CLIENT].words
        frames = session.regions[RegionKind.FRAMES].words
        self._frames = frames
        self._capacity = frames[RingWord.CAPACITY]
        self.posted = frames[RingWord.PRODUCED] if start is None else start
        """What the sink has been told of."""
        self._dropped = self._registers[Register.FRAMES_DROPPED]
        limit_ns = MISSED_SIGNS * session.facts.liveness_ms * 1_000_000
        self._watchdog = Watchdog(host_ns(), self._registers[Register.LIVENESS], self.posted, limit_ns)
        self._standstill = Standstill(host_ns())
        self._frame_ns = 1_000_000_000 // session.facts.frames_per_second

    def run(self) -> None:
        """Follow the device until the link ends; then tell the sink why, unless it was closed here."""
        try:
            self._follow()
        except Exception as error:
            self._link_state.end(error)
        error_ = self._link_state.error
        if error_ is not None and not isinstance(error_, LinkClosed):
            self._sink.on_error(error_)

    def _follow(self) -> None:
        session, link_state = self._session, self._link_state
        data_fd, error_fd, sock_fd = session.data_fds[-1], session.error_fd, session.sock.fileno()
        poller = select.poll()
        for fd in (data_fd, error_fd, sock_fd, link_state.fd):
            poller.register(fd, select.POLLIN)
        wait, registers = poller.poll, self._registers
        while link_state.error is None:
            taken, ready = False, wait(POLL_MS)
            for fd, _ in ready:
                if fd == data_fd:
                    drain_eventfd(fd)
                    taken = self._is_taken_by_others()
                elif fd == error_fd:
                    drain_eventfd(fd)
                    self._look_at_error()
                elif fd == sock_fd:
                    self._listen()
            if taken and len(ready) == 1:
                # Two threads that want the same lock at once would keep each other waiting.
                continue
            self.catch_up()
            if not ready:
                self._look_at_error()
            self._look_for_life(registers)

    def _is_taken_by_others(self) -> bool:
        posted = self._frames[RingWord.PRODUCED]
        return self._is_taken(posted - stated_moderation(self._registers), posted)

    def catch_up(self) -> None:
        """Tell the sink how far the device is, if it is further than before. From any thread."""
        if self._tell():
            self._afterwards()

    def _tell(self) -> bool:
        with self._lock:
            posted, before = self._frames[RingWord.PRODUCED], self.posted
            if posted == before:
                return False
            if not before < posted < before + LONGEST_JUMP:
                raise DeviceDisconnectedError(f"the device's frame counter went from {before} to {posted}")
            if posted > self._frames[RingWord.RESERVED]:
                raise DeviceDisconnectedError(
                    f"the device posted frames up to {posted}, and has written none that far"
                )
            self.posted = posted
            self._client[ClientRegister.ACK_DATA] = self._registers[Register.RAISED_DATA]
            self._look_for_losses(before, posted)
            self._sink.on_data(posted)
            return True

    def _look_for_losses(self, start: int, stop: int) -> None:
        """Tell the sink of the frames of [start, stop) that nobody can read."""
        overwritten = self._frames[RingWord.RESERVED] - self._capacity - start
        if overwritten > 0:
            lost = min(overwritten, stop - start)
            self._sink.on_lost(lost, start, start + lost)
        # After the frame counter, never before: what that one covers has been counted by then.
        dropped = self._registers[Register.FRAMES_DROPPED]
        lost = dropped - self._dropped
        if lost < 0:
            raise DeviceDisconnectedError(f"the device's count of dropped frames went back to {dropped}")
        if lost:
            self._dropped = dropped
            # Those that the frame counter does not cover yet are the next.
            self._sink.on_lost(lost, start, stop if lost <= stop - start else stop + lost)

    def _look_at_error(self) -> None:
        registers = self._registers
        self._client[ClientRegister.ACK_ERROR] = registers[Register.RAISED_ERROR]
        # First: what the registers say from then on is what has come of a reset.
        if self.forgives_failure:
            return
        if registers[Register.STATUS] == Status.FAILED or registers[Register.ERROR] == DeviceError.FATAL:
            raise DeviceDisconnectedError(f"the device failed: {self._session.error_text()}")

    def _look_for_life(self, registers: memoryview[int]) -> None:
        now_ns, status = host_ns(), registers[Register.STATUS]
        self._look_at_status(now_ns, status)
        wrong = self._watchdog.look(
            now_ns,
            registers[Register.LIVENESS],
            self.posted,
            status == Status.RUNNING,
            stated_moderation(registers) * self._frame_ns,
        )
        if wrong is not None:
            raise DeviceDisconnectedError(wrong)

    def _look_at_status(self, now_ns: int, status: int) -> None:
        address = self._session.facts.address
        try:
            has_stopped = self._standstill.look(now_ns, status)
        except ValueError as error:
            raise DeviceDisconnectedError(
                f"the device at {address} does not keep to the protocol: {error}"
            ) from error
        if has_stopped:
            # A handler that fails is no failure of the device.
            with suppress(Exception):
                _log.warning(
                    "the device at %s has stopped: its time stands still, and so do all who wait for it, "
                    "until its controller starts it",
                    address,
                )

    def _listen(self) -> None:
        """Look at a socket that has something to say; unless somebody has asked, that is the end."""
        if not self._session.talking.acquire(blocking=False):
            # The answer is somebody's who waits for it: let them have it.
            self._link_state.wait(1)
            return
        try:
            words = self._session.listen()
        finally:
            self._session.talking.release()
        if words is not None:
            raise DeviceDisconnectedError(words)


class LinkClosed(DeviceDisconnectedError):
    """The link was closed on this side."""
