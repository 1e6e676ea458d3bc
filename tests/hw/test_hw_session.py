"""Connecting to devices that do not keep to the protocol: a clear error, at once, and nothing left open."""

from __future__ import annotations

import dataclasses
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hw_tools import Collector, linked
from leak_tools import open_files

from cl.error import ControlRequestError, DeviceDisconnectedError
from cl.hw import build
from cl.hw.driver.link import Link
from cl.hw.driver.session import DeviceFacts, Session, parse_address
from cl.hw.emulator.device_memory import CAPABILITIES, ControlRings, DeviceMemory, Handout
from cl.hw.wire.eventfd import add_eventfd
from cl.hw.wire.layout import PAGE, Capability, RegionKind, Register, RingWord
from cl.hw.wire.transport import (
    REPLY,
    ErrorCode,
    Message,
    Packet,
    RegionInfo,
    pack_attributes,
    pack_hello,
    pack_pid,
    pack_regions,
    receive_packet,
    send_packet,
)

Answer = Callable[["FakeDevice", socket.socket, Packet], None]


class FakeDevice:
    """A device in a thread that answers rightly, except where it is told what to do instead."""

    def __init__(self, path: Path, wrong: dict[Message, Answer]) -> None:
        self.address = f"unix:{path}"
        self.wrong = wrong
        self.memory = DeviceMemory(0, 0.195, 25)
        self.page = Handout()
        self.page.add_region(RegionKind.CLIENT, PAGE, True)
        self.doorbell = add_eventfd([])
        self.rings = ControlRings(self.doorbell, (1, 0))
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(str(path))
        self.listener.listen()
        self.listener.settimeout(10)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        sock, _ = self.listener.accept()
        sock.settimeout(10)
        with sock:
            try:
                while (packet := receive_packet(sock)) is not None:
                    packet.fds.close()
                    self.wrong.get(Message(packet.message), FakeDevice.answer)(self, sock, packet)
            except OSError:
                pass  # The driver has left, or the test has closed the socket.

    def answer(self, sock: socket.socket, packet: Packet) -> None:
        infos = [*self.memory.shared.infos, *self.page.infos]
        fds = [*self.memory.shared.fds, *self.page.fds]
        handout = self.rings.handout
        replies: dict[Message, tuple[bytes, list[int]]] = {
            Message.HELLO: (pack_hello(1, 0, CAPABILITIES), []),
            Message.ATTRIBUTES: (pack_attributes({"chip_id": "fake"}), []),
            Message.REGIONS: (pack_regions(infos), fds),
            Message.INTERRUPTS: (b"", []),
            Message.ACQUIRE: (pack_regions(handout.infos), handout.fds),
            Message.RELEASE: (b"", []),
        }
        reply(*replies[Message(packet.message)])(self, sock, packet)

    def close(self) -> None:
        self.thread.join()
        self.listener.close()
        self.memory.close()
        self.page.close()
        self.rings.close()
        os.close(self.doorbell)


@contextmanager
def fake(path: Path, wrong: dict[Message, Answer] | None = None) -> Iterator[FakeDevice]:
    device = FakeDevice(path / "fake.sock", wrong or {})
    try:
        yield device
    finally:
        device.close()


def reply(body: bytes = b"", fds: list[int] | None = None, error: int = 0) -> Answer:
    def send(_: FakeDevice, sock: socket.socket, packet: Packet) -> None:
        send_packet(sock, packet.message, packet.number, body, fds or [], REPLY, error)

    return send


def raw(data: bytes) -> Answer:
    return lambda _, sock, __: (sock.send(data), None)[1]


def hang_up(_: FakeDevice, sock: socket.socket, __: Packet) -> None:
    sock.shutdown(socket.SHUT_RDWR)


def silence(_: FakeDevice, __: socket.socket, ___: Packet) -> None:
    pass


def regions(change: Callable[[list[RegionInfo], list[int]], None]) -> Answer:
    """Answer with the right regions after `change` was made to them."""

    def send(device: FakeDevice, sock: socket.socket, packet: Packet) -> None:
        control = packet.message == Message.ACQUIRE
        handouts = [device.rings.handout] if control else [device.memory.shared, device.page]
        infos = [info for handout in handouts for info in handout.infos]
        fds = [fd for handout in handouts for fd in handout.fds]
        change(infos, fds)
        send_packet(sock, packet.message, packet.number, pack_regions(infos), fds, REPLY)

    return send


def without(kind: RegionKind) -> Answer:
    def change(infos: list[RegionInfo], fds: list[int]) -> None:
        at = [info.kind for info in infos].index(kind)
        del infos[at], fds[at]

    return regions(change)


def changed(region: RegionKind, **changes: int) -> Answer:
    def change(infos: list[RegionInfo], fds: list[int]) -> None:
        at = [info.kind for info in infos].index(region)
        infos[at] = infos[at]._replace(**changes)

    return regions(change)


def swapped(kind: RegionKind, fd: int) -> Answer:
    def change(infos: list[RegionInfo], fds: list[int]) -> None:
        fds[[info.kind for info in infos].index(kind)] = fd

    return regions(change)


def test_a_right_device_is_connected_to(tmp_path: Path) -> None:
    with fake(tmp_path) as device:
        device.memory.words[Register.FIRST_FRAME] = 5
        session = Session(device.address)
        facts = session.facts
        assert (facts.version, facts.channel_count, facts.frames_per_second) == ((1, 0), 64, 25_000)
        assert (facts.uV_per_sample_unit, facts.first_frame) == (0.195, 5)
        assert facts.attributes == {"chip_id": "fake"}
        assert facts.capabilities == CAPABILITIES
        session.acquire()
        session.release()
        session.close()


WRONG: dict[str, tuple[dict[Message, Answer], str]] = {
    **{
        f"{name} to {message.name}": ({message: answer}, text)
        for message in Message
        if message != Message.RELEASE
        for name, answer, text in (
            ("garbage", raw(b"\xff" * 60), "does not keep to the protocol"),
            ("too much", raw(b"CLHW" + bytes(5000)), "more than 4096 bytes"),
            ("hanging up", hang_up, "no device at|closed"),
            ("silence", silence, "does not answer"),
            ("error", reply(error=3), "refused: UNSUPPORTED"),
            ("unknown error", reply(error=77), "unknown error 77"),
            ("a short body", reply(b"\1"), "does not keep to the protocol"),
            ("stray descriptors", reply(fds=[0]), "does not keep to the protocol"),
        )
        if not (name == "a short body" and message in (Message.ATTRIBUTES, Message.INTERRUPTS))
    },
    "another version": ({Message.HELLO: reply(pack_hello(2, 1, 7))}, "speaks version 2.1"),
    "version refused": (
        {Message.HELLO: reply(pack_hello(3, 0, 0), error=ErrorCode.VERSION)},
        "speaks version 3.0 of the protocol, this driver 1.x",
    ),
    "version refused without one": ({Message.HELLO: reply(error=ErrorCode.VERSION)}, "refused: VERSION"),
    "too many clients": ({Message.HELLO: reply(error=ErrorCode.LIMIT)}, "as many clients"),
    "attributes": ({Message.ATTRIBUTES: reply(b"\xff\xfe")}, "not UTF-8"),
    **{
        f"no {kind.name}": ({Message.REGIONS: without(kind)}, f"no {kind.name} region")
        for kind in RegionKind
        if kind <= RegionKind.STIMS
    },
    "no doorbell": ({Message.ACQUIRE: without(RegionKind.DOORBELL)}, "without a way to command"),
    "no commands": ({Message.ACQUIRE: without(RegionKind.COMMANDS)}, "without a COMMANDS region"),
    "a fixed command ring": (
        {Message.ACQUIRE: changed(RegionKind.COMMANDS, flags=1)},
        "without a way to command",
    ),
    "a fixed page": ({Message.REGIONS: changed(RegionKind.CLIENT, flags=1)}, "cannot be written"),
    "a size of nothing": ({Message.REGIONS: changed(RegionKind.FRAMES, size=0)}, "FRAMES of 0 bytes"),
    "a huge size": ({Message.REGIONS: changed(RegionKind.FRAMES, size=1 << 63)}, "FRAMES of"),
    "a false size": ({Message.REGIONS: changed(RegionKind.FRAMES, size=8192)}, "announced with 8192 bytes"),
    "registers for writing": ({Message.REGIONS: changed(RegionKind.REGISTERS, flags=3)}, "cannot be mapped"),
    "no memory": ({Message.REGIONS: swapped(RegionKind.FRAMES, 0)}, "not shared memory|announced with"),
    "no eventfd": ({Message.ACQUIRE: swapped(RegionKind.DOORBELL, 0)}, "doorbell that is no eventfd"),
    "an unknown region": ({Message.REGIONS: changed(RegionKind.STIMS, kind=44)}, "no STIMS region"),
    "a region twice": ({Message.REGIONS: changed(RegionKind.STIMS, kind=4)}, "listed twice"),
    "too few descriptors": ({Message.REGIONS: regions(lambda infos, fds: fds.pop() and None)}, "descriptors"),
}


@pytest.mark.parametrize(("wrong", "text"), WRONG.values(), ids=WRONG)
def test_a_device_that_does_not_keep_to_the_protocol_is_refused(
    tmp_path: Path, wrong: dict[Message, Answer], text: str
) -> None:
    before = open_files()
    with fake(tmp_path, wrong) as device:
        timeout = 0.02 if silence in wrong.values() else 5.0
        with pytest.raises(DeviceDisconnectedError, match=text) as caught:
            Link(device.address, take_control=True, timeout=timeout)
        assert device.address in str(caught.value)
    assert open_files() <= before


@pytest.mark.parametrize(
    ("register", "value", "text"),
    [
        (Register.MAGIC, 7, "registers that begin with 0x7"),
        (Register.CHANNELS, 0, "0 channels"),
        (Register.CHANNELS, 1 << 40, "channels"),
        (Register.CHANNELS, 32, "a ring has records of 128 bytes"),
        (Register.FRAME_RATE, 0, "0 frames"),
        (Register.STEP_RATE, 60_000, "60000 steps"),
        (Register.LIVENESS_MS, 10_001, "a sign of life every 10001 ms"),
        (Register.UV_PER_UNIT, 0, "0.0 µV"),
        (Register.UV_PER_UNIT, 0x7FF8 << 48, "nan µV"),
        (Register.UV_PER_UNIT, 0x7FF0 << 48, "inf µV"),
    ],
)
def test_registers_that_make_no_sense_are_refused(
    tmp_path: Path, register: Register, value: int, text: str
) -> None:
    with fake(tmp_path) as device:
        device.memory.words[register] = value
        with pytest.raises(DeviceDisconnectedError, match=text):
            Link(device.address, take_control=False)


def test_rings_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    with fake(tmp_path) as device:
        device.rings.commands.words[RingWord.CAPACITY] = 1 << 50
        with pytest.raises(DeviceDisconnectedError, match="no power of two"):
            Link(device.address, take_control=True)


def test_event_counters_that_make_no_sense_at_the_start_leave_nothing_behind(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with fake(tmp_path) as device:
        _, spikes, *_ = device.memory._rings
        spikes.words[RingWord.RESERVED] = 1 << 40
        link = Link(device.address, take_control=False)
        with pytest.raises(DeviceDisconnectedError, match="count of spikes went back"):
            link.start(Collector())
        link.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_frame_counter_beyond_what_is_reserved_ends_the_device(tmp_path: Path) -> None:
    with fake(tmp_path) as device:
        device.memory.words[Register.LIVENESS_MS] = 10_000
        with linked(device.address, take_control=False) as (_, sink):
            device.memory.frames._words[RingWord.PRODUCED] = 25
            sink.until(lambda s: bool(s.errors))
    assert isinstance(sink.errors[0], DeviceDisconnectedError)
    assert "posted frames up to 25, and has written none that far" in str(sink.errors[0])
    assert not sink.posted


@pytest.mark.parametrize(("register", "taken"), [(0, 1), (1, 1), (25_000, 25_000), ((1 << 64) - 1, 25_000)])
def test_a_moderation_that_cannot_be_is_taken_for_the_nearest_that_can(
    tmp_path: Path, register: int, taken: int
) -> None:
    with fake(tmp_path) as device:
        device.memory.words[Register.MODERATION] = register
        link = Link(device.address, take_control=False)
        assert link.moderation == taken
        link.close()


def test_the_holder_of_control_is_named(tmp_path: Path) -> None:
    busy = {Message.ACQUIRE: reply(pack_pid(4242), error=ErrorCode.BUSY)}
    with fake(tmp_path, busy) as device, pytest.raises(ControlRequestError, match="held by process 4242"):
        Link(device.address, take_control=True)


def test_a_refusal_without_a_holder_is_no_refusal(tmp_path: Path) -> None:
    busy = {Message.ACQUIRE: reply(b"?", error=ErrorCode.BUSY)}
    with fake(tmp_path, busy) as device, pytest.raises(DeviceDisconnectedError, match="protocol"):
        Link(device.address, take_control=True)


def test_a_device_that_only_records_is_read(tmp_path: Path) -> None:
    def recorder(infos: list[RegionInfo], fds: list[int]) -> None:
        for kind in (RegionKind.SPIKES, RegionKind.STIMS):
            at = [info.kind for info in infos].index(kind)
            del infos[at], fds[at]

    wrong = {Message.HELLO: reply(pack_hello(1, 0, 0)), Message.REGIONS: regions(recorder)}
    with fake(tmp_path, wrong) as device:
        link = Link(device.address, take_control=False)
        assert link.spikes is None and link.stims is None
        assert link.facts.capabilities == Capability(0)
        link.close()


def test_a_newer_minor_version_is_fine(tmp_path: Path) -> None:
    with fake(tmp_path, {Message.HELLO: reply(pack_hello(1, 9, CAPABILITIES | 1 << 40))}) as device:
        session = Session(device.address)
        assert session.facts.version == (1, 9)
        assert session.facts.capabilities == CAPABILITIES
        session.close()


@pytest.mark.parametrize("size", [0, 8, PAGE, 1 << 40])
def test_a_newer_minor_version_may_have_more_regions(tmp_path: Path, size: int) -> None:
    def more(infos: list[RegionInfo], fds: list[int]) -> None:
        infos.append(RegionInfo(44, 1 << 10, size))
        fds.append(fds[0])

    before = len(os.listdir("/proc/self/fd"))
    with fake(tmp_path, {Message.REGIONS: regions(more), Message.ACQUIRE: regions(more)}) as device:
        session = Session(device.address)
        session.acquire()
        assert sorted(session.regions) == sorted(kind for kind in RegionKind if kind != RegionKind.DOORBELL)
        session.close()
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("address", ["", "unix:", "/tmp/x.sock", "tcp:localhost", "unix", "unix:a\0b"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"takes unix:/path/to\.sock"):
        parse_address(address)


def test_where_there_is_no_device_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DeviceDisconnectedError, match=r"no device at unix:.*No such file"):
        Session(f"unix:{tmp_path}/none.sock")
    (tmp_path / "file").write_text("")
    with pytest.raises(DeviceDisconnectedError, match="no device at unix:"):
        Session(f"unix:{tmp_path}/file")
    with pytest.raises(DeviceDisconnectedError, match="no device at unix:"):
        Session(f"unix:{tmp_path}/{'x' * 200}")


def test_a_socket_of_another_kind_is_refused(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(str(tmp_path / "stream.sock"))
        other.listen()
        with pytest.raises(DeviceDisconnectedError, match="no device at"):
            Session(f"unix:{tmp_path}/stream.sock")


@pytest.mark.parametrize("changed", [{"channel_count": 32}, {"frames_per_second": 20_000}])
def test_a_device_that_is_no_cl1_is_refused_with_what_it_has(changed: dict[str, int]) -> None:
    usual = {"channel_count": 64, "frames_per_second": 25_000, "steps_per_second": 50_000}
    rest = {"uV_per_sample_unit": 0.2, "first_frame": 0, "boot_id": 1, "liveness_ms": 25}
    address, capabilities = "unix:/a", Capability.SPIKES
    facts = DeviceFacts(address=address, version=(1, 0), capabilities=capabilities, **rest, **usual)  # type: ignore[arg-type]
    build._check_kind(facts)
    (value,) = changed.values()
    with pytest.raises(RuntimeError, match=rf"unix:/a has .*{value}.*a CL1 has 64, 25000 and 50000"):
        build._check_kind(dataclasses.replace(facts, **changed))  # type: ignore[arg-type]
