"""The device's end of the command ring: takes transactions out, and answers them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cl import error as errors
from cl.hw.wire.commands import Transaction, read_header
from cl.hw.wire.layout import COMPLETION_BYTES, COMPLETION_CAPACITY, PAGE, SLOT_BYTES, Result, RingWord
from cl.hw.wire.ring import ring_capacity
from cl.hw.wire.transport import ProtocolError

if TYPE_CHECKING:
    from cl.hw.wire.memory import Region

_TEXT_LIMIT: Final = COMPLETION_BYTES - 32
_RESULTS: Final[dict[type[BaseException], Result]] = {
    errors.ChannelQueueFull: Result.CHANNEL_QUEUE_FULL,
    errors.SyncLimitExceeded: Result.SYNC_LIMIT,
    errors.RunTimestampOrderError: Result.RUN_TIMESTAMP_ORDER,
    errors.DeferredInterruptLimitExceeded: Result.DEFERRED_INTERRUPT_LIMIT,
    errors.StimulationSuspended: Result.SUSPENDED,
    errors.TransactionRejected: Result.REJECTED,
    ValueError: Result.INVALID,
    TypeError: Result.INVALID,
}


def result_of(error: BaseException) -> Result:
    """Return the code that stands for a refusal."""
    return _RESULTS.get(type(error), Result.REJECTED)


class CommandPort:
    """One controller's rings. What the controller writes is copied first and believed afterwards."""

    def __init__(self, commands: Region, completions: Region) -> None:
        self._commands = commands
        self._completions = completions
        self._capacity = ring_capacity(commands, SLOT_BYTES)
        self._taken = 0
        self._answered = 0

    def take(self) -> Transaction | None:
        """Return the next transaction, or None. ProtocolError where the ring is not in order."""
        waiting = self._commands.words[RingWord.PRODUCED] - self._taken
        if waiting == 0:
            return None
        if not 0 < waiting <= self._capacity:
            raise ProtocolError(f"a command ring with {waiting} slots waiting")
        header = read_header(self._slots(self._taken, 1))
        if not 0 <= header.size < waiting:
            raise ProtocolError(f"a transaction of {header.size} operations in {waiting} slots")
        slots = self._slots(self._taken + 1, header.size)
        self._taken += 1 + header.size
        return Transaction(header, slots)

    def drop(self) -> None:
        """Forget what waits in the ring."""
        self._taken = self._commands.words[RingWord.PRODUCED]

    def _slots(self, first: int, count: int) -> bytes:
        low = first & (self._capacity - 1)
        head = min(count, self._capacity - low)
        data = bytes(self._commands.view(PAGE + low * SLOT_BYTES, head * SLOT_BYTES))
        if head < count:
            data += bytes(self._commands.view(PAGE, (count - head) * SLOT_BYTES))
        return data

    def answer(self, sequence: int, result: Result, step: int, text: str) -> None:
        """Write the answer to a transaction: the record first, then the count."""
        words = self._completions.words
        offset = PAGE + (self._answered & (COMPLETION_CAPACITY - 1)) * COMPLETION_BYTES
        data = text.encode()[:_TEXT_LIMIT]
        record = offset // 8
        words[RingWord.RESERVED] = self._answered + 1
        words[record] = sequence
        words[record + 1] = result
        words[record + 2] = step
        words[record + 3] = len(data)
        self._completions.view(offset + 32, len(data))[:] = data
        self._answered += 1
        words[RingWord.PRODUCED] = self._answered
