"""The wire layout: what is packed comes out again, and nothing else is believed."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cl._stim.channels import ChannelSet
from cl._stim.designs import BurstDesign, StimDesign
from cl._stim.operations import (
    StimOperation,
    SyncOperation,
    interrupt_then_stim_operations,
    stim_operations,
    sync_operations,
)
from cl._stim.sequencer import Operation
from cl.hw.wire import layout
from cl.hw.wire.commands import decode_operations, encode_operation, encode_transaction, read_header
from cl.hw.wire.layout import (
    ERROR_TEXT_OFFSET,
    FRAME_CAPACITY,
    LEAD_FRAMES,
    PAGE,
    SLOT_BYTES,
    WORD,
    ClientRegister,
    Register,
    RingWord,
    ring_bytes,
)
from cl.hw.wire.transport import ProtocolError

channels = st.lists(st.integers(0, 63), min_size=1, max_size=8).map(ChannelSet)
designs = st.one_of(
    st.builds(StimDesign, st.integers(1, 50).map(lambda n: 20 * n), st.floats(-3, 3)),
    st.tuples(st.integers(1, 50), st.floats(0.01, 3), st.booleans()).map(
        lambda x: StimDesign(20 * x[0], x[1] if x[2] else -x[1], 40, -0.5 if x[2] else 0.5)
    ),
    st.just(StimDesign(160, -1.0, 320, 0.5, 40, -0.1)),
)
bursts = st.none() | st.builds(BurstDesign, st.integers(0, 10**9), st.floats(0.001, 100))
leads = st.integers(4, 10_000).map(lambda n: 20 * n)
commands = st.one_of(
    st.tuples(channels, designs, bursts, leads).map(lambda x: stim_operations(*x)),
    st.tuples(channels, designs, bursts, leads).map(lambda x: interrupt_then_stim_operations(*x)),
    channels.map(sync_operations),
)


def fields(operation: Operation) -> tuple[Any, ...]:
    return type(operation), *(getattr(operation, name) for name in type(operation).__slots__)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(commands, max_size=6),
    st.integers(0, 2**40),
    st.none() | st.integers(0, 2**40),
    st.integers(1, 2**63),
)
def test_a_transaction_comes_out_as_it_went_in(
    given_commands: list[tuple[Operation, ...]], step: int, at_step: int | None, sequence: int
) -> None:
    operations = [operation for command in given_commands for operation in command]
    slots = encode_transaction(sequence, operations, step, at_step)
    assert len(slots) == SLOT_BYTES * (1 + len(operations))
    assert read_header(slots[:SLOT_BYTES]) == (sequence, len(operations), step, at_step)
    decoded = decode_operations(slots[SLOT_BYTES:])
    assert [fields(o) for o in decoded] == [fields(o) for o in operations]


def test_numbers_beyond_every_lifetime_are_cut_off() -> None:
    design = StimDesign(160, -1.0, 160, 1.0)
    endless = StimOperation((5,), design, 10**40, 300, 10**40)
    (decoded,) = decode_operations(encode_operation(endless))
    assert isinstance(decoded, StimOperation)
    assert decoded.count == decoded.delay_steps == 1 << 60
    assert decoded.period_steps == 300


def test_what_the_wire_cannot_carry_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be sent"):
        encode_transaction(1, sync_operations(1), -1, None)
    with pytest.raises(ValueError, match="cannot be sent"):
        encode_transaction(1, stim_operations(1, StimDesign(20 * 2**63, 0.0)), 0, None)


@settings(deadline=None, max_examples=200)
@given(st.binary(min_size=SLOT_BYTES, max_size=SLOT_BYTES))
def test_random_slots_are_operations_or_a_value_error(slot: bytes) -> None:
    for kind in (1, 2, 3):
        try:
            (operation,) = decode_operations(struct.pack("=Q", kind) + slot[8:])
        except ValueError:
            continue
        assert operation.channels
    with pytest.raises(ProtocolError):
        read_header(slot)


def stim_slot(**changes: Any) -> bytes:
    names = ("kind", "mask", "phases", "count", "period", "delay", "d0", "d1", "d2", "c0", "c1", "c2")
    values = dict(zip(names, (1, 2, 2, 1, 250, 0, 160, 160, 0, -1.0, 1.0, 0.0), strict=True))
    return struct.pack("=9Q3d32x", *(values | changes).values())


def test_the_slot_of_a_stim_is_laid_out_as_documented() -> None:
    assert encode_operation(stim_operations(1, 1.0)[0]) == stim_slot()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"kind": 4}, "unknown kind 4"),
        ({"mask": 0}, "no channels"),
        ({"phases": 0}, "0 phases"),
        ({"phases": 4}, "4 phases"),
        ({"c0": 3.5}, "limit of 3.0"),
        ({"c0": float("nan")}, "current"),
        ({"c1": -1.0}, "polarity"),
        ({"d0": 30}, "multiple of 20"),
        ({"d1": 0}, "multiple of 20"),
        ({"d0": 4000}, "charge"),
        ({"period": 19}, "too short"),
        ({"count": 2**61}, "beyond"),
        ({"delay": 2**64 - 1}, "beyond"),
    ],
)
def test_an_operation_no_program_could_have_made_is_refused(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        decode_operations(stim_slot(**changes))


def test_an_empty_slot_is_no_header() -> None:
    with pytest.raises(ProtocolError):
        read_header(bytes(SLOT_BYTES))


def test_the_error_names_the_operation_that_is_wrong() -> None:
    with pytest.raises(ValueError, match="operation 2"):
        decode_operations(stim_slot() + encode_operation(SyncOperation((1, 2))) + stim_slot(mask=0))


def test_registers_do_not_overlap_and_fit_into_their_page() -> None:
    for words in (Register, ClientRegister, RingWord):
        values = [int(word) for word in words]
        assert len(set(values)) == len(values)
        assert max(values) * WORD < PAGE
    assert max(Register) * WORD + WORD == ERROR_TEXT_OFFSET


def test_the_ring_holds_five_seconds_besides_what_is_written_ahead() -> None:
    assert FRAME_CAPACITY - LEAD_FRAMES >= 5 * 25_000
    for name in ("FRAME_CAPACITY", "EVENT_CAPACITY", "COMMAND_CAPACITY", "COMPLETION_CAPACITY"):
        capacity = getattr(layout, name)
        assert capacity & (capacity - 1) == 0


@given(st.integers(1, 4096), st.integers(1, 1 << 20))
def test_a_rings_region_is_whole_pages_with_room_for_its_records(record: int, capacity: int) -> None:
    size = ring_bytes(record, capacity)
    assert size % PAGE == 0
    assert record * capacity <= size - PAGE < record * capacity + PAGE
