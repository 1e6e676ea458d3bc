"""Stimulation operations as the slots of the command ring (PROTOCOL.md, section 6)."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from cl._stim.designs import NOTICE_STEPS, STEP_US, StimDesign
from cl._stim.operations import InterruptOperation, StimOperation, SyncOperation

from .layout import SLOT_BYTES
from .transport import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cl._stim.sequencer import Operation

_HEADER: Final = struct.Struct("=6Q80x")
_STIM: Final = struct.Struct("=9Q3d32x")
_SET: Final = struct.Struct("=2Q112x")
_TRANSACTION: Final = 0x54584E
_HAS_AT: Final = 1
_STIM_KIND: Final = 1
_SYNC_KIND: Final = 2
_INTERRUPT_KIND: Final = 3
_ENDLESS: Final = 1 << 60
"""More steps, or pulses, than any device lives to see."""


class Header(NamedTuple):
    """The first slot of a transaction; `at_step` None means now."""

    sequence: int
    size: int
    """How many operations follow."""
    step: int
    at_step: int | None


class Transaction(NamedTuple):
    """A header and the slots of its operations."""

    header: Header
    slots: bytes


def encode_transaction(
    sequence: int, operations: Sequence[Operation], step: int, at_step: int | None
) -> bytes:
    """Return the slots of a transaction. ValueError for what the wire cannot carry."""
    flags = 0 if at_step is None else _HAS_AT
    try:
        header = _HEADER.pack(_TRANSACTION, sequence, len(operations), flags, step, at_step or 0)
        return header + b"".join(map(encode_operation, operations))
    except struct.error as error:
        raise ValueError(f"a command cannot be sent to the device: {error}") from None


def read_header(slot: bytes) -> Header:
    """Return the header in a slot; ProtocolError where it is none."""
    kind, sequence, count, flags, step, at_step = _HEADER.unpack(slot)
    if kind != _TRANSACTION or flags & ~_HAS_AT:
        raise ProtocolError(f"a transaction that begins with {kind:#x}, flags {flags:#x}")
    return Header(sequence, count, step, at_step if flags else None)


def encode_operation(operation: Operation) -> bytes:
    """Return the slot of one operation."""
    mask = 0
    for channel in operation.channels:
        mask |= 1 << channel
    if not isinstance(operation, StimOperation):
        kind = _SYNC_KIND if isinstance(operation, SyncOperation) else _INTERRUPT_KIND
        return _SET.pack(kind, mask)
    design = operation.design
    phases = len(design.phase_durations_us)
    unused = 3 - phases
    return _STIM.pack(
        _STIM_KIND,
        mask,
        phases,
        min(operation.count, _ENDLESS),
        min(operation.period_steps, _ENDLESS),
        min(operation.delay_steps, _ENDLESS),
        *design.phase_durations_us,
        *(0,) * unused,
        *design.phase_currents_uA,
        *(0.0,) * unused,
    )


def decode_operations(slots: bytes, first: int = 0) -> list[Operation]:
    """Return the operations in slots, checked as if a program had made them.

    Raises ValueError that names the operation which is bad; `first` is the number of the first one.
    """
    operations = []
    for at in range(0, len(slots), SLOT_BYTES):
        try:
            operations.append(_decode(slots[at : at + SLOT_BYTES]))
        except ValueError as error:
            raise ValueError(f"operation {first + at // SLOT_BYTES}: {error}") from None
    return operations


# Programs repeat themselves, and operations are values.
@lru_cache(maxsize=1024)
def _decode(slot: bytes) -> Operation:
    kind, mask = _SET.unpack(slot)
    channels = _channels(mask)
    if kind == _SYNC_KIND:
        return SyncOperation(channels)
    if kind == _INTERRUPT_KIND:
        return InterruptOperation(channels)
    if kind != _STIM_KIND:
        raise ValueError(f"of the unknown kind {kind}")
    return _decode_stim(channels, slot)


@lru_cache(maxsize=256)
def _channels(mask: int) -> tuple[int, ...]:
    if not mask:
        raise ValueError("it has no channels")
    return tuple(channel for channel in range(64) if mask >> channel & 1)


def _decode_stim(channels: tuple[int, ...], slot: bytes) -> StimOperation:
    _, _, phases, count, period, delay, *numbers = _STIM.unpack(slot)
    if not 1 <= phases <= 3:
        raise ValueError(f"it has {phases} phases")
    pairs = zip(numbers[:phases], numbers[3 : 3 + phases], strict=True)
    design = StimDesign(*(number for pair in pairs for number in pair))
    if period < NOTICE_STEPS + design.duration_us // STEP_US:
        raise ValueError(f"a period of {period} steps is too short for {design}")
    if max(count, period, delay) > _ENDLESS:
        raise ValueError(f"a number is beyond {_ENDLESS}")
    return StimOperation(channels, design, count, period, delay)
