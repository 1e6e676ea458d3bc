"""The socket: messages with descriptors, and what comes from a far side that means no good."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from leak_tools import open_files

from cl.hw.wire import transport
from cl.hw.wire.transport import (
    FD_LIMIT,
    MESSAGE_LIMIT,
    REPLY,
    Descriptors,
    ErrorCode,
    Message,
    Packet,
    ProtocolError,
    Refused,
    RegionInfo,
    Requester,
    receive_packet,
    send_packet,
)

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        end.settimeout(5)
    yield ends
    for end in ends:
        end.close()


u16, u32, u64 = st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)


@settings(deadline=None, max_examples=50)
@given(u16, u16, u32, u32, st.binary(max_size=MESSAGE_LIMIT - 16), st.integers(0, FD_LIMIT))
def test_a_message_comes_out_as_it_went_in(
    message: int, flags: int, number: int, error: int, body: bytes, fd_count: int
) -> None:
    sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with sender, receiver:
        send_packet(sender, message, number, body, [0] * fd_count, flags, error)
        packet = receive_packet(receiver)
        assert packet is not None
        assert packet[:5] == (message, flags, number, error, body)
        assert len(packet.fds) == fd_count
        assert not any(os.get_inheritable(fd) for fd in packet.fds)
        packet.fds.close()


@settings(deadline=None, max_examples=100)
@given(st.binary(min_size=1, max_size=200))
def test_random_bytes_are_no_message(data: bytes) -> None:
    if data[:4] != b"CLHW":
        with pytest.raises(ProtocolError):
            transport.parse_packet(data, Descriptors())
    if len(data) < 12:
        with pytest.raises(ProtocolError):
            transport.parse_packet(b"CLHW" + data[:11], Descriptors())


def test_a_message_that_is_too_long_is_refused_and_the_next_one_is_read(pair: Pair) -> None:
    sender, receiver = pair
    sender.send(b"CLHW" + bytes(MESSAGE_LIMIT))
    send_packet(sender, 1, 2)
    with pytest.raises(ProtocolError, match="more than 4096 bytes"):
        receive_packet(receiver)
    assert receive_packet(receiver) == Packet(1, 0, 2, 0, b"", Descriptors())


def test_descriptors_beyond_the_limit_are_refused_and_closed(pair: Pair) -> None:
    sender, receiver = pair
    before = open_files()
    socket.send_fds(sender, [b"CLHW" + bytes(12)], [0] * (FD_LIMIT + 40))
    with pytest.raises(ProtocolError, match="16 descriptors"):
        receive_packet(receiver)
    assert open_files() <= before


def test_descriptors_that_come_with_garbage_are_closed(pair: Pair) -> None:
    sender, receiver = pair
    before = open_files()
    socket.send_fds(sender, [b"garbage"], [0, 1, 2])
    with pytest.raises(ProtocolError):
        receive_packet(receiver)
    assert open_files() <= before


def test_a_closed_socket_is_the_end(pair: Pair) -> None:
    sender, receiver = pair
    sender.close()
    assert receive_packet(receiver) is None


def test_a_requester_does_not_wait_longer_than_it_should(pair: Pair) -> None:
    asking, _ = pair
    with pytest.raises(TimeoutError):
        Requester(asking, 0.01).request(Message.HELLO)


def test_a_requester_returns_body_and_descriptors(pair: Pair) -> None:
    asking, answering = pair
    send_packet(answering, Message.REGIONS, 1, b"body", [0], REPLY)
    body, fds = Requester(asking, 5).request(Message.REGIONS, b"question")
    assert body == b"body" and len(fds) == 1
    fds.close()
    assert receive_packet(answering) == Packet(Message.REGIONS, 0, 1, 0, b"question", Descriptors())


@pytest.mark.parametrize(
    "reply",
    [
        (Message.ATTRIBUTES, 1, REPLY),
        (Message.REGIONS, 2, REPLY),
        (Message.REGIONS, 1, 0),
        (Message.REGIONS, 1, 3),
    ],
)
def test_a_reply_to_something_else_is_refused(pair: Pair, reply: tuple[int, int, int]) -> None:
    asking, answering = pair
    message, number, flags = reply
    before = open_files()
    send_packet(answering, message, number, b"", [0, 1], flags)
    with pytest.raises(ProtocolError, match="something else than REGIONS"):
        Requester(asking, 5).request(Message.REGIONS)
    assert open_files() <= before


def test_a_refusal_carries_its_reason(pair: Pair) -> None:
    asking, answering = pair
    send_packet(answering, Message.ACQUIRE, 1, transport.pack_pid(77), [], REPLY, ErrorCode.BUSY)
    with pytest.raises(Refused, match="BUSY") as caught:
        Requester(asking, 5).request(Message.ACQUIRE)
    assert caught.value.code is ErrorCode.BUSY
    assert transport.unpack_pid(caught.value.body) == 77


def test_an_unknown_reason_is_refused(pair: Pair) -> None:
    asking, answering = pair
    send_packet(answering, Message.ACQUIRE, 1, b"", [], REPLY, 99)
    with pytest.raises(ProtocolError, match="unknown error 99"):
        Requester(asking, 5).request(Message.ACQUIRE)


@given(u16, u16, u64)
def test_a_hello_comes_out_as_it_went_in(major: int, minor: int, capabilities: int) -> None:
    packed = transport.pack_hello(major, minor, capabilities)
    assert transport.unpack_hello(packed) == (major, minor, capabilities)


@given(u32, u32, u32)
def test_interrupt_counts_come_out_as_they_went_in(data: int, completion: int, error: int) -> None:
    packed = transport.pack_interrupts(data, completion, error)
    assert transport.unpack_interrupts(packed) == (data, completion, error)


@given(st.lists(st.tuples(u32, u32, u64), max_size=FD_LIMIT, unique_by=lambda r: r[0]))
def test_regions_come_out_as_they_went_in(regions: list[tuple[int, int, int]]) -> None:
    infos = [RegionInfo(*region) for region in regions]
    assert transport.unpack_regions(transport.pack_regions(infos)) == infos


keys = st.text(st.characters(exclude_characters="\0=", codec="utf-8"), min_size=1)
values = st.text(st.characters(exclude_characters="\0", codec="utf-8"))


@given(st.dictionaries(keys, values))
def test_attributes_come_out_as_they_went_in(attributes: dict[str, str]) -> None:
    assert transport.unpack_attributes(transport.pack_attributes(attributes)) == attributes


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=100))
def test_random_bodies_are_understood_or_refused(body: bytes) -> None:
    for unpack in (
        transport.unpack_hello,
        transport.unpack_interrupts,
        transport.unpack_regions,
        transport.unpack_pid,
        transport.unpack_attributes,
    ):
        try:
            unpack(body)
        except ProtocolError:
            pass


@pytest.mark.parametrize(
    "body",
    [
        b"",
        struct.pack("=I", 1),
        struct.pack("=I", 2**32 - 1),
        struct.pack("=IIIQ", 2, 1, 1, 4096),
        struct.pack("=IIIQIIQ", 2, 1, 1, 4096, 1, 1, 4096),
        struct.pack("=I", 17) + b"".join(struct.pack("=IIQ", i, 0, 0) for i in range(17)),
    ],
)
def test_a_region_list_that_does_not_add_up_is_refused(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        transport.unpack_regions(body)


def test_regions_have_names_also_unknown_ones() -> None:
    assert transport.kind_name(3) == "FRAMES"
    assert transport.kind_name(99) == "region kind 99"


def test_descriptors_that_nobody_took_are_closed(pair: Pair) -> None:
    sender, receiver = pair
    before = open_files()
    send_packet(sender, Message.REGIONS, 1, b"", [0, 0], REPLY)
    packet = receive_packet(receiver)
    assert packet is not None and open_files() == before + 2
    first, *_ = packet.fds.take()
    del packet
    assert open_files() == before + 2, "taken: they are the test's now"
    for fd in (first, first + 1):
        os.close(fd)
    send_packet(sender, Message.REGIONS, 2, b"", [0, 0], REPLY)
    packet = receive_packet(receiver)
    assert packet is not None and open_files() == before + 2
    packet.fds.close(1)
    assert open_files() == before + 1
    del packet
    assert open_files() == before


def test_the_answer_to_a_request_that_was_interrupted_is_skipped(pair: Pair) -> None:
    asking, answering = pair
    requester = Requester(asking, 5)
    with pytest.raises(TimeoutError):
        asking.settimeout(0.01)
        requester.request(Message.ACQUIRE)
    asking.settimeout(5)
    send_packet(answering, Message.ACQUIRE, 1, b"late", [0], REPLY)
    send_packet(answering, Message.RELEASE, 2, b"in time", [], REPLY)
    assert requester.request(Message.RELEASE) == (b"in time", [])
    send_packet(answering, Message.ACQUIRE, 1, b"late", [], REPLY)
    with pytest.raises(ProtocolError, match="something else than HELLO"):
        requester.request(Message.HELLO)
