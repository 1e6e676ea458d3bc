"""COMMAND: the operations of one transaction. ANSWER and CONTROL."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from cl._stim.designs import NOTICE_STEPS, STEP_US, StimDesign
from cl._stim.operations import InterruptOperation, StimOperation, SyncOperation
from cl._values.constants import CHANNEL_COUNT

from .layout import (
    FRAME_LIMIT,
    MOST_OPERATIONS,
    MOST_STEPS,
    TEXT_LIMIT,
    Action,
    Outcome,
    ProtocolError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cl._stim.operations import Operation

_COMMAND: Final = struct.Struct("<QqqII")
_OPERATION: Final = struct.Struct("<B7xQ3Q3Q3d")
OPERATION_BYTES: Final = _OPERATION.size
_ANSWER: Final = struct.Struct("<QIq")
_CONTROL: Final = struct.Struct("<QB7x")
_STIM, _SYNC, _INTERRUPT = 1, 2, 3
_PHASES: Final = 3


class Command(NamedTuple):
    """A transaction whose operations have not been looked at yet."""

    id: int
    as_of: int
    at: int | None
    records: bytes


class Answer(NamedTuple):
    """What became of a command, or of a request for control."""

    id: int
    outcome: Outcome
    frame: int
    text: str


class ControlRequest(NamedTuple):
    """A request to take or release control."""

    id: int
    action: Action


def pack_command(id: int, operations: Sequence[Operation], as_of: int, at: int | None) -> bytes:
    """Return the body of COMMAND. ValueError for what the wire cannot carry."""
    if len(operations) > MOST_OPERATIONS:
        raise ValueError(
            f"{len(operations)} operations in one plan; over a link there are at most {MOST_OPERATIONS}"
        )
    if at is not None and not 0 <= at <= FRAME_LIMIT:
        raise ValueError(f"a plan cannot wait for the frame {at}")
    head = _COMMAND.pack(id, as_of, -1 if at is None else at, len(operations), 0)
    try:
        return head + b"".join(map(_encoded, operations))
    except struct.error as error:
        raise ValueError(f"a command cannot be sent to the device: {error}") from None


def unpack_command(body: memoryview[int]) -> Command:
    """Return a transaction, or raise ProtocolError; `operations_of` looks at what it consists of."""
    if len(body) < _COMMAND.size:
        raise ProtocolError(f"a COMMAND of {len(body)} bytes")
    id, as_of, at, count, zero = _COMMAND.unpack_from(body)
    if count > MOST_OPERATIONS or len(body) != _COMMAND.size + count * _OPERATION.size or zero:
        raise ProtocolError(f"a COMMAND of {count} operations in {len(body)} bytes")
    if not 0 <= as_of < FRAME_LIMIT or not -1 <= at <= FRAME_LIMIT:
        raise ProtocolError(f"a COMMAND as of {as_of}, at {at}")
    _check_id(id)
    return Command(id, as_of, None if at < 0 else at, bytes(body[_COMMAND.size :]))


def _check_id(id: int) -> None:
    if not 1 <= id < FRAME_LIMIT:
        raise ProtocolError(f"a command with the id {id}")


def operations_of(command: Command) -> list[Operation]:
    """Return a transaction's operations, checked as if a program had made them.

    Raises ValueError that names the operation which is bad.
    """
    records, size, operations = command.records, _OPERATION.size, []
    for at in range(0, len(records), size):
        try:
            operations.append(_decoded(records[at : at + size]))
        except ValueError as error:
            raise ValueError(f"operation {at // size}: {error}") from None
    return operations


def _encoded(operation: Operation) -> bytes:
    mask = sum(1 << channel for channel in operation.channels)
    if not isinstance(operation, StimOperation):
        kind = _SYNC if isinstance(operation, SyncOperation) else _INTERRUPT
        return _OPERATION.pack(kind, mask, *(0,) * 9)
    design = operation.design
    unused = (0,) * (_PHASES - len(design.phase_durations_us))
    return _OPERATION.pack(
        _STIM,
        mask,
        min(operation.count, MOST_STEPS - 1),
        min(operation.period_steps, MOST_STEPS - 1),
        min(operation.delay_steps, MOST_STEPS - 1),
        *(*design.phase_durations_us, *unused),
        *(*design.phase_currents_uA, *unused),
    )


# Programs repeat themselves, and operations are values.
@lru_cache(maxsize=1024)
def _decoded(record: bytes) -> Operation:
    kind, mask, *numbers = _OPERATION.unpack(record)
    channels = tuple(channel for channel in range(CHANNEL_COUNT) if mask >> channel & 1)
    if not channels:
        raise ValueError("it has no channels")
    if kind == _STIM:
        return _stim(channels, (numbers[0], numbers[1], numbers[2]), numbers[3:6], numbers[6:])
    if kind not in (_SYNC, _INTERRUPT):
        raise ValueError(f"of the unknown kind {kind}")
    if any(numbers):
        raise ValueError(f"numbers where none belong: {numbers}")
    return SyncOperation(channels) if kind == _SYNC else InterruptOperation(channels)


def _stim(
    channels: tuple[int, ...], timing: tuple[int, int, int], durations: list[int], currents: list[float]
) -> StimOperation:
    count, period, delay = timing
    phases = sum(duration > 0 for duration in durations)
    if any(durations[phases:]) or any(currents[phases:]):
        raise ValueError(f"phases of {durations} µs and {currents} µA")
    pairs = zip(durations[:phases], currents[:phases], strict=True)
    design = StimDesign(*(number for pair in pairs for number in pair))
    if period < NOTICE_STEPS + design.duration_us // STEP_US:
        raise ValueError(f"a period of {period} steps is too short for {design}")
    if max(count, period, delay) >= MOST_STEPS:
        raise ValueError(f"a number is not below {MOST_STEPS}")
    return StimOperation(channels, design, count, period, delay)


def pack_answer(answer: Answer) -> bytes:
    """Return the body of ANSWER; a text that is too long is cut."""
    text = answer.text.encode(errors="replace")[:TEXT_LIMIT].decode(errors="ignore").encode()
    return _ANSWER.pack(answer.id, answer.outcome, answer.frame) + text


def unpack_answer(body: memoryview[int]) -> Answer:
    """Return an answer, or raise ProtocolError."""
    if not _ANSWER.size <= len(body) <= _ANSWER.size + TEXT_LIMIT:
        raise ProtocolError(f"an ANSWER of {len(body)} bytes")
    id, outcome, frame = _ANSWER.unpack_from(body)
    _check_id(id)
    if not 0 <= frame < FRAME_LIMIT:
        raise ProtocolError(f"an ANSWER as of {frame}")
    try:
        return Answer(id, Outcome(outcome), frame, str(body[_ANSWER.size :], "utf-8"))
    except ValueError as error:
        raise ProtocolError(f"an ANSWER with {error}") from None


def pack_control(request: ControlRequest) -> bytes:
    """Return the body of CONTROL."""
    return _CONTROL.pack(*request)


def unpack_control(body: memoryview[int]) -> ControlRequest:
    """Return a request for control, or raise ProtocolError."""
    if len(body) != _CONTROL.size:
        raise ProtocolError(f"a CONTROL of {len(body)} bytes")
    id, action = _CONTROL.unpack(body)
    _check_id(id)
    try:
        return ControlRequest(id, Action(action))
    except ValueError as error:
        raise ProtocolError(f"a CONTROL with {error}") from None
