"""Submitting commands: put them into the ring, ring the doorbell, wait for the device's answer."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Final

from cl import error as errors
from cl._core.host_clock import host_ns
from cl._core.patience import Patience
from cl._core.reentry_lock import ReentryLock
from cl.error import ControlRequiredError, DeviceDisconnectedError, TransactionRejected
from cl.hw.wire.commands import encode_transaction
from cl.hw.wire.eventfd import drain_eventfd, raise_eventfd
from cl.hw.wire.layout import (
    COMPLETION_BYTES,
    PAGE,
    SLOT_BYTES,
    U64,
    ClientRegister,
    Control,
    RegionKind,
    Register,
    Result,
    RingWord,
)
from cl.hw.wire.ring import ring_capacity

from .reader import POLL_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cl._stim.sequencer import Operation

    from .link_state import LinkState
    from .session import Session

_EXCEPTIONS: Final[dict[int, type[Exception]]] = {
    Result.INVALID: ValueError,
    Result.REJECTED: TransactionRejected,
    Result.CHANNEL_QUEUE_FULL: errors.ChannelQueueFull,
    Result.SYNC_LIMIT: errors.SyncLimitExceeded,
    Result.RUN_TIMESTAMP_ORDER: errors.RunTimestampOrderError,
    Result.DEFERRED_INTERRUPT_LIMIT: errors.DeferredInterruptLimitExceeded,
    Result.NOT_OWNER: errors.ControlRequiredError,
    Result.UNSUPPORTED: NotImplementedError,
    Result.SUSPENDED: errors.StimulationSuspended,
}
_TEXT_LIMIT: Final = COMPLETION_BYTES - 32
_OPERATION_NS: Final = 50_000
"""How much longer an answer may take for each operation."""


class Commander:
    """The controller's way to the device. Any thread may submit; they take turns."""

    def __init__(self, session: Session, link_state: LinkState, timeout: float = 1.0) -> None:
        """Take the rings that came with control; ValueError where they are not right.

        A device that has not answered a command after `timeout` seconds, and 50 µs for each operation in it,
        is taken to be broken. Seconds for which this process stood still do not count.
        """
        self._session = session
        self._link_state = link_state
        self._timeout_ns = int(timeout * 1e9)
        self._lock = ReentryLock()
        commands, completions = (
            session.regions[kind] for kind in (RegionKind.COMMANDS, RegionKind.COMPLETIONS)
        )
        self.capacity = ring_capacity(commands, SLOT_BYTES)
        """Slots in the command ring; a transaction takes one, and one for each operation."""
        self._completion_capacity = ring_capacity(completions, COMPLETION_BYTES)
        self._commands, self._completions = commands, completions
        # What a former commander has left to be answered, interrupted while it took control, is none's.
        self._answers = completions.words[RingWord.PRODUCED]
        self._sent = 0, commands.words[RingWord.PRODUCED]
        """How many transactions were put, and slots: each has one answer, in this order."""
        self._slots = 0
        """How many the last transaction has."""
        self._requested: int | None = None
        """The last control request."""
        self.retired = False
        """Whether control was given back, or is about to be."""
        self._poller = select.poll()
        self._poller.register(session.completion_fd, select.POLLIN)
        self._poller.register(link_state.fd, select.POLLIN)

    def submit(self, operations: Sequence[Operation], step: int, at_step: int | None = None) -> int:
        """Submit operations as one transaction; return the step as of which the device took them.

        They take effect at `step`, or at the first step after it that the device has not passed yet.
        `at_step` makes them a plan that waits for that time. Raises what the device refused them for
        (ChannelQueueFull and its kin, with the device's text), DeviceDisconnectedError where it is gone.
        """
        self._lock.refuse_reentry()
        with self._lock:
            self._check()
            self._settle()
            sequence = self._sent[0] + 1
            self._put(encode_transaction(sequence, operations, step, at_step))
            raise_eventfd(self._session.doorbell_fd)
            result, effective, text = self._await_completion(sequence)
        if result == Result.OK:
            return effective
        raise _EXCEPTIONS.get(result, TransactionRejected)(text)

    def control(self, request: Control) -> None:
        """Start, stop or reset the device; return when it has been done."""
        registers = self._session.regions[RegionKind.REGISTERS].words
        self._lock.refuse_reentry()
        with self._lock:
            self._check()
            self._settle()
            # CONTROL_DONE may still show a request of whoever had control before: numbers are not used again.
            word = ((registers[Register.CONTROL_DONE] >> 8) + 1 << 8 | request) & U64
            self._requested = word
            self._session.regions[RegionKind.CLIENT].words[ClientRegister.CONTROL_REQUEST] = word
            raise_eventfd(self._session.doorbell_fd)
            self._await_done(word)
            result = registers[Register.CONTROL_RESULT]
        if result != Result.OK:
            raise _EXCEPTIONS.get(result, TransactionRejected)(
                f"the device refused to {request.name.lower()}"
            )

    def retire(self) -> None:
        """Take no more commands: control is given back. What is being submitted is finished first."""
        self._lock.refuse_reentry()
        with self._lock:
            self.retired = True
            if self._link_state.error is None:
                self._settle()

    def _check(self) -> None:
        self._link_state.check()
        if self.retired:
            raise ControlRequiredError("control of the device has been given back")

    def _settle(self) -> None:
        """Have what an interruption has left under way answered: nobody waits for that any more.

        Whether it was sent is known by what stands in the shared memory, and not by how far the call came.
        """
        sent, produced = self._sent
        there = self._commands.words[RingWord.PRODUCED]
        if there != produced:
            self._sent = sent + 1, there
        if self._completions.words[RingWord.PRODUCED] - self._answers < self._sent[0]:
            raise_eventfd(self._session.doorbell_fd)
            self._await_completion(self._sent[0])
        word, regions = self._requested, self._session.regions
        if word is not None:
            was_made = regions[RegionKind.CLIENT].words[ClientRegister.CONTROL_REQUEST] == word
            if was_made and regions[RegionKind.REGISTERS].words[Register.CONTROL_DONE] != word:
                raise_eventfd(self._session.doorbell_fd)
                self._await_done(word)
            self._requested = None

    def _put(self, slots: bytes) -> None:
        """Write a transaction's slots and then their count. The ring is empty: every answer was awaited."""
        count = len(slots) // SLOT_BYTES
        capacity = self.capacity
        if count > capacity:
            raise TransactionRejected(
                f"{count - 1} operations in one plan; the device takes at most {capacity - 1}"
            )
        words = self._commands.words
        sent, produced = self._sent
        self._slots = count
        words[RingWord.RESERVED] = produced + count
        low = produced & (capacity - 1)
        head = min(count, capacity - low) * SLOT_BYTES
        self._commands.view(PAGE + low * SLOT_BYTES, head)[:] = slots[:head]
        if head < len(slots):
            self._commands.view(PAGE, len(slots) - head)[:] = slots[head:]
        words[RingWord.PRODUCED] = produced + count
        self._sent = sent + 1, produced + count

    def _await_completion(self, sequence: int) -> tuple[int, int, str]:
        """Wait for the answer to the last transaction; return its result, step and text."""
        words, at = self._completions.words, self._answers + sequence - 1
        patience = Patience(host_ns(), self._timeout_ns + self._slots * _OPERATION_NS)
        while words[RingWord.PRODUCED] == at:
            if self._wait(patience) and words[RingWord.PRODUCED] == at:
                self._fail_late(f"command {sequence}")
        if words[RingWord.PRODUCED] != at + 1 or self._record(at)[0] != sequence:
            self._fail(f"the device answered something else than command {sequence}")
        return self._completion(at)

    def _await_done(self, word: int) -> None:
        """Wait until a control request was carried out."""
        registers = self._session.regions[RegionKind.REGISTERS].words
        patience = Patience(host_ns(), self._timeout_ns)
        while registers[Register.CONTROL_DONE] != word:
            if self._wait(patience) and registers[Register.CONTROL_DONE] != word:
                self._fail_late(f"a request to {_spoken(word & 0xFF)}")

    def _wait(self, patience: Patience) -> bool:
        """Wait for the completion interrupt, or a little while, if it got lost; return whether it is late."""
        self._link_state.check()
        regions = self._session.regions
        for fd, _ in self._poller.poll(POLL_MS):
            if fd == self._session.completion_fd:
                drain_eventfd(fd)
                raised = regions[RegionKind.REGISTERS].words[Register.RAISED_COMPLETION]
                regions[RegionKind.CLIENT].words[ClientRegister.ACK_COMPLETION] = raised
        return patience.is_over(host_ns())

    def _fail_late(self, what: str) -> None:
        self._fail(f"the device did not answer {what} within {self._timeout_ns / 1e9:g} s")

    def _fail(self, reason: str) -> None:
        self._link_state.end(DeviceDisconnectedError(reason))
        self._link_state.check()

    def _record(self, at: int) -> memoryview[int]:
        offset = PAGE + (at & (self._completion_capacity - 1)) * COMPLETION_BYTES
        return self._completions.words[offset // 8 : (offset + COMPLETION_BYTES) // 8]

    def _completion(self, at: int) -> tuple[int, int, str]:
        """Return result, step and text of an answer."""
        record = self._record(at)
        text = record[4:].tobytes()[: min(record[3], _TEXT_LIMIT)]
        return record[1], record[2], text.decode(errors="replace")


def _spoken(request: int) -> str:
    """Return a control request as a verb, also one that only the device may know."""
    return next((known.name.lower() for known in Control if known == request), f"do {request}")
