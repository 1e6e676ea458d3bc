"""The network's messages: what is packed comes out again, and what is malformed is a ProtocolError."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable
from typing import Any

import net_messages as drawn
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cl._stim.designs import StimDesign
from cl._stim.operations import Operation, stim_operations
from cl.net.wire import commands, small, texts
from cl.net.wire.data import Data, Events, pack_data, unpack_data
from cl.net.wire.envelope import ENVELOPE, Incoming, Outgoing
from cl.net.wire.layout import MESSAGE_LIMIT, Kind, ProtocolError, Wanted

few = settings(max_examples=30)


def view(body: bytes) -> memoryview[int]:
    return memoryview(body)


def packed(data: Data) -> bytes:
    return pack_data(data.start, data.stop, data.frames, data.spikes, data.stims, data.designs)


def flags_of(data: Data) -> int:
    return Wanted.EVENTS if data.frames is None else Wanted.EVENTS | Wanted.FRAMES


@few
@given(drawn.datas())
def test_data_comes_out_again(data: Data) -> None:
    found = unpack_data(view(packed(data)), flags_of(data))
    assert (found.start, found.stop, found.spikes, found.stims) == (
        *(data.start, data.stop),
        *(Events(*map(list, data.spikes)), Events(*map(list, data.stims))),
    ) or not data.spikes.timestamps + data.stims.timestamps  # type: ignore[operator]
    assert list(found.designs) == list(data.designs)
    if data.frames is None:
        assert found.frames is None
    else:
        assert found.frames is not None and np.array_equal(found.frames, data.frames)


def as_values(operations: list[Operation]) -> list[str]:
    return [repr(operation) for operation in operations]


@few
@given(drawn.operations, drawn.frames, st.one_of(st.none(), drawn.frames))
def test_commands_come_out_again(operations: list[Operation], as_of: int, at: int | None) -> None:
    command = commands.unpack_command(view(commands.pack_command(7, operations, as_of, at)))
    assert command[:3] == (7, as_of, at)
    assert as_values(commands.operations_of(command)) == as_values(operations)


@pytest.mark.parametrize(
    ("values", "pack", "unpack"),
    [
        (drawn.lags, small.pack_lag, lambda body, lag: small.unpack_lag(body, int(lag.jumps))),
        (drawn.pongs, small.pack_pong, lambda body, _: small.unpack_pong(body)),
        (
            drawn.subscriptions,
            small.pack_subscription,
            lambda body, each: small.unpack_subscription(body, each.wanted),
        ),
        (drawn.answers, commands.pack_answer, lambda body, _: commands.unpack_answer(body)),
        (drawn.requests, commands.pack_control, lambda body, _: commands.unpack_control(body)),
        (drawn.faults, lambda fault: small.pack_fault(*fault), lambda body, _: small.unpack_fault(body)),
        (drawn.hellos, texts.pack_hello, lambda body, _: texts.unpack_hello(body)),
        (drawn.states, texts.pack_state, lambda body, _: texts.unpack_state(body)),
        (drawn.welcomes, texts.pack_welcome, lambda body, _: texts.unpack_welcome(body)),
    ],
)
def test_the_others_come_out_again(
    values: Any, pack: Callable[[Any], bytes], unpack: Callable[[memoryview[int], Any], Any]
) -> None:
    @few
    @given(values)
    def check(value: Any) -> None:
        assert unpack(view(pack(value)), value) == value

    check()


def unpacked(body: memoryview[int], kind: Kind, flags: int) -> object:
    match kind:
        case Kind.DATA:
            return unpack_data(body, flags)
        case Kind.SUBSCRIBE:
            return small.unpack_subscription(body, flags)
        case Kind.LAG:
            return small.unpack_lag(body, flags)
        case Kind.COMMAND:
            command = commands.unpack_command(body)
            try:
                return commands.operations_of(command)
            except ValueError:
                return None  # It is answered, as one that is invalid.
    unpack: dict[Kind, Callable[[memoryview[int]], object]] = {
        Kind.HELLO: texts.unpack_hello,
        Kind.CREDIT: small.unpack_credit,
        Kind.CONTROL: commands.unpack_control,
        Kind.PING: small.unpack_ping,
        Kind.BYE: small.check_bye,  # type: ignore[dict-item]
        Kind.WELCOME: texts.unpack_welcome,
        Kind.ANSWER: commands.unpack_answer,
        Kind.PONG: small.unpack_pong,
        Kind.STATE: texts.unpack_state,
        Kind.FAULT: small.unpack_fault,
    }
    return unpack[kind](body)


def good_bodies() -> dict[Kind, bytes]:
    stims = stim_operations(3, 1.0)
    design = StimDesign(160, -1, 160, 1)
    data = pack_data(
        *(100, 110, np.ones((10, 64), np.int16), Events([101, 102], [3, 4])),
        *(Events([103], [5]), [design]),
    )
    state = texts.State("running", None, False, "")
    welcome = texts.Welcome(
        *("0" * 32, False, drawn.Capability(15), "a device", 64, 25_000, 0.195, 0, 0, 0, 125_000, 25),
        *(5_000, 250, 1_000, {"hostname": "x"}, state),
    )
    return {
        Kind.HELLO: texts.pack_hello(texts.Hello((1, 1), drawn.Capability(15), "0" * 32, "me", None)),
        Kind.SUBSCRIBE: struct.pack("<qII", -1, 1000, 25),
        Kind.CREDIT: struct.pack("<I", 9),
        Kind.COMMAND: commands.pack_command(1, stims * 3, 5, None),
        Kind.CONTROL: struct.pack("<QB7x", 1, 1),
        Kind.PING: bytes(8),
        Kind.BYE: b"",
        Kind.WELCOME: texts.pack_welcome(welcome),
        Kind.DATA: data,
        Kind.LAG: struct.pack("<qqQQQ", 1, 2, 3, 4, 5),
        Kind.ANSWER: struct.pack("<QIq", 1, 2, 3) + b"text",
        Kind.PONG: bytes(48),
        Kind.STATE: texts.pack_state(state),
        Kind.FAULT: struct.pack("<I", 1) + b"text",
    }


def test_what_is_malformed_is_a_protocol_error_and_nothing_else() -> None:
    dice, bodies = random.Random(16), good_bodies()
    for kind, body in bodies.items():
        unpacked(view(body), kind, 3 if kind in (Kind.DATA, Kind.SUBSCRIBE) else 0)
    refused = 0
    for _ in range(6_000):
        kind = dice.choice(list(bodies))
        body = bytearray(bodies[kind])
        for _ in range(dice.randint(0, 6)):
            if body:
                body[dice.randrange(len(body))] = dice.choice((0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)))
        if dice.random() < 0.3:
            body = body[: dice.randrange(len(body) + 1)] + dice.randbytes(dice.randrange(20))
        try:
            unpacked(view(bytes(body)), kind, dice.choice((0, 1, 2, 3, 3, 3, 0xFFFF)))
        except ProtocolError:
            refused += 1
    assert refused > 1_000


@given(st.binary(max_size=40), st.booleans())
def test_what_is_no_envelope_is_a_protocol_error(message: bytes, from_client: bool) -> None:
    try:
        taken = Incoming(from_client).take(message)
    except ProtocolError:
        return
    assert (taken.kind >= Kind.WELCOME) is not from_client


def test_messages_are_counted_and_a_gap_is_refused() -> None:
    out, into = Outgoing(), Incoming(from_client=True)
    first, second, third = (out.message(Kind.PING, bytes(8)) for _ in range(3))
    assert into.take(first) == into.take(second) == (Kind.PING, 0, bytes(8))
    into.take(third)
    with pytest.raises(ProtocolError, match="message 1, where 3"):
        into.take(second)


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("text", "text"),
        (b"short", "5 bytes"),
        (bytes(MESSAGE_LIMIT + 1), "bytes"),
        (ENVELOPE.pack(Kind.PING, 2, 0, 0), "version 2"),
        (ENVELOPE.pack(Kind.DATA, 1, 0, 0), "kind 65"),
        (ENVELOPE.pack(99, 1, 0, 0), "kind 99"),
    ],
)
def test_envelopes_that_a_client_may_not_send(message: bytes | str, why: str) -> None:
    with pytest.raises(ProtocolError, match=why):
        Incoming(from_client=True).take(message)


@pytest.mark.parametrize(
    "text", ["NaN", '{"protocol": NaN}', "[" * 60_000, "[]", "{", " " * 70_000, '{"a":1}']
)
def test_json_that_is_none(text: str) -> None:
    with pytest.raises(ProtocolError):
        texts.unpack_hello(view(text.encode()))


def test_a_key_that_is_not_known_is_ignored() -> None:
    state = texts.State("stopped", "somebody", True, "why")
    body = json.dumps({**state._asdict(), "later": [1]}).encode()
    assert texts.unpack_state(view(body)) == state


def test_a_plan_that_no_message_can_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="32769 operations.*32768"):
        commands.pack_command(1, stim_operations(1, 1.0) * 32_769, 0, None)
    largest = commands.pack_command(1, stim_operations(1, 1.0) * 32_768, 0, None)
    assert len(largest) + ENVELOPE.size <= MESSAGE_LIMIT
