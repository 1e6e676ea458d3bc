"""The emulated device and clients that mean no good, and what it keeps of those that left."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator

import pytest
from hw_tools import PATIENCE, PatientEmulator, hold, linked

from cl._stim.operations import interrupt_operations
from cl.error import DeviceDisconnectedError
from cl.hw.driver.session import Session
from cl.hw.emulator import EmulatorProcess
from cl.hw.emulator.server import CLIENT_LIMIT
from cl.hw.wire.eventfd import add_eventfd, raise_eventfd
from cl.hw.wire.layout import PAGE, VERSION_MINOR, RegionKind, RingWord, Status
from cl.hw.wire.transport import (
    REPLY,
    ErrorCode,
    Message,
    Refused,
    Requester,
    pack_hello,
    pack_interrupts,
    receive_packet,
    send_packet,
)

HEAD = (1 << 64) - 1


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorProcess]:
    """One counting device for all tests that leave it as it was."""
    with PatientEmulator("--source", "counter", "--sync-limit", "5", "--deferred-interrupt-limit", "3") as it:
        yield it


def emulator_fds(emulator: EmulatorProcess) -> int:
    """Descriptors that the device's process has open, once it is done with what was asked before."""
    session = Session(emulator.address)
    session.close()
    other = Session(emulator.address)
    count = len(os.listdir(f"/proc/{emulator.pid}/fd"))
    other.close()
    return count


def test_the_device_keeps_nothing_of_clients_that_left(emulator: EmulatorProcess) -> None:
    before = emulator_fds(emulator)
    for _ in range(5):
        with linked(emulator.address):
            pass
    hold_and_leave = hold(emulator.address)
    hold_and_leave.communicate()
    assert emulator_fds(emulator) == before


def connect(emulator: EmulatorProcess) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.settimeout(PATIENCE)
    sock.connect(emulator.address.removeprefix("unix:"))
    return sock


def test_garbage_is_answered_with_malformed_and_a_closed_socket(emulator: EmulatorProcess) -> None:
    before = emulator_fds(emulator)
    rng = random.Random(1)
    for size in (1, 15, 16, 100, 4096, 6000):
        with connect(emulator) as sock:
            socket.send_fds(sock, [rng.randbytes(size)], [0, 1, 2])
            packet = receive_packet(sock)
            assert packet is not None and packet.error == ErrorCode.MALFORMED and packet.flags == REPLY
            assert receive_packet(sock) is None
    assert emulator_fds(emulator) == before


@pytest.mark.parametrize("body", [b"", b"\xff" * 3, bytes(4000)])
def test_bodies_of_the_wrong_size_close_the_connection(emulator: EmulatorProcess, body: bytes) -> None:
    with connect(emulator) as sock:
        send_packet(sock, Message.HELLO, 1, body)
        packet = receive_packet(sock)
        assert packet is not None and packet.error == ErrorCode.MALFORMED
        assert receive_packet(sock) is None


def test_messages_out_of_order_are_refused(emulator: EmulatorProcess) -> None:
    with connect(emulator) as sock:
        requester = Requester(sock, PATIENCE)
        for message in Message:
            if message != Message.HELLO:
                with pytest.raises(Refused, match="ORDER"):
                    requester.request(message)
        requester.request(Message.HELLO, pack_hello(1, 0, 0))
        for message in (Message.ACQUIRE, Message.RELEASE):
            with pytest.raises(Refused, match="ORDER"):
                requester.request(message)


def test_another_version_is_refused_with_the_devices_own(emulator: EmulatorProcess) -> None:
    with connect(emulator) as sock, pytest.raises(Refused, match="VERSION") as caught:
        Requester(sock, PATIENCE).request(Message.HELLO, pack_hello(2, 0, 0))
    assert caught.value.body == pack_hello(1, VERSION_MINOR, 0)


def test_capabilities_are_those_of_both(emulator: EmulatorProcess) -> None:
    with connect(emulator) as sock:
        body, _ = Requester(sock, PATIENCE).request(Message.HELLO, pack_hello(1, 7, 1 | 1 << 50))
    assert body == pack_hello(1, VERSION_MINOR, 1)


def test_interrupts_that_are_no_eventfds_are_refused_and_closed(emulator: EmulatorProcess) -> None:
    before = emulator_fds(emulator)
    fd = add_eventfd([])
    with connect(emulator) as sock:
        requester = Requester(sock, PATIENCE)
        requester.request(Message.HELLO, pack_hello(1, 0, 0))
        for counts, fds, why in (
            ((1, 1, 1), [0, fd, fd], "MALFORMED"),
            ((1, 0, 0), [fd, fd], "MALFORMED"),
            ((2**32 - 1, 1, 1), [fd], "MALFORMED"),
            ((5, 1, 1), [fd] * 7, "LIMIT"),
            ((1, 2, 1), [fd] * 4, "LIMIT"),
        ):
            with pytest.raises(Refused, match=why):
                requester.request(Message.INTERRUPTS, pack_interrupts(*counts), fds)
    os.close(fd)
    assert emulator_fds(emulator) == before


def test_an_unknown_message_is_unsupported(emulator: EmulatorProcess) -> None:
    with connect(emulator) as sock:
        Requester(sock, PATIENCE).request(Message.HELLO, pack_hello(1, 0, 0))
        sock.send(b"CLHW" + (99).to_bytes(2, "little") + bytes(10))
        packet = receive_packet(sock)
        assert packet is not None and (packet.message, packet.error) == (99, ErrorCode.UNSUPPORTED)


def test_a_client_that_never_reads_holds_nobody_up(emulator: EmulatorProcess) -> None:
    with connect(emulator) as deaf, linked(emulator.address, take_control=False) as (_, sink):
        hello = b"CLHW\1\0" + bytes(10) + pack_hello(1, 0, 0)
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            for _ in range(20_000):
                deaf.send(hello)
        seen = len(sink.posted)
        sink.until(lambda s: len(s.posted) > seen + 20)


def test_there_is_a_limit_to_clients() -> None:
    with PatientEmulator("--source", "counter") as emulator:
        sessions = [Session(emulator.address) for _ in range(CLIENT_LIMIT)]
        with pytest.raises(DeviceDisconnectedError, match="as many clients as it can have"):
            Session(emulator.address)
        sessions.pop().close()
        sessions.append(Session(emulator.address))
        for session in sessions:
            session.close()


@pytest.mark.parametrize("seed", range(8))
def test_a_command_ring_full_of_nonsense_costs_the_connection_and_nothing_else(
    emulator: EmulatorProcess, seed: int
) -> None:
    rng = random.Random(seed)
    with linked(emulator.address, take_control=False) as (reader, watching):
        session = Session(emulator.address)
        session.acquire()
        commands = session.regions[RegionKind.COMMANDS]
        size = commands.size - PAGE
        commands.view(PAGE, size)[:] = rng.randbytes(size)
        commands.words[RingWord.PRODUCED] = rng.choice([1, 5, 65_536, 65_537, 1 << 40, HEAD])
        raise_eventfd(session.doorbell_fd)
        session.sock.settimeout(PATIENCE)
        assert session.sock.recv(1) == b"", "the device closed the connection"
        session.close()
        reader.waiter.wait(reader.posted + 50, PATIENCE)
        assert reader.owner == 0 and not watching.errors


def test_a_transaction_of_nonsense_is_refused_and_the_next_one_taken(emulator: EmulatorProcess) -> None:
    class Nonsense:
        channels = ()

    with linked(emulator.address) as (link, _):
        with pytest.raises(ValueError, match="operation 0: it has no channels"):
            link.submit([Nonsense()], 0)  # type: ignore[list-item]
        assert link.submit(interrupt_operations(1), 0) > 0


def test_an_unknown_control_request_is_refused(emulator: EmulatorProcess) -> None:
    with linked(emulator.address) as (link, _):
        with pytest.raises(NotImplementedError):
            link.control(Strange.SELF_DESTRUCT)  # type: ignore[arg-type]
        assert link.status == Status.RUNNING


class Strange(int):
    SELF_DESTRUCT: Strange
    name = "SELF_DESTRUCT"


Strange.SELF_DESTRUCT = Strange(77)
