"""Messages on a UNIX socket, with file descriptors attached (PROTOCOL.md, section 2).

One message is one packet (SOCK_SEQPACKET): a header, a body of a few kilobytes at most, and at most
`FD_LIMIT` descriptors. Whatever breaks these bounds is refused with ProtocolError, and the descriptors that
came with it are closed.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from array import array
from enum import IntEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from .layout import RegionFlag, RegionKind

if TYPE_CHECKING:
    from collections.abc import Sequence

MESSAGE_LIMIT: Final = 4096
FD_LIMIT: Final = 16
_MAGIC: Final = b"CLHW"
_HEADER: Final = struct.Struct("=4sHHII")
_HELLO: Final = struct.Struct("=HHIQ")
_INTERRUPTS: Final = struct.Struct("=III")
_COUNT: Final = struct.Struct("=I")
_REGION: Final = struct.Struct("=IIQ")
_PID: Final = struct.Struct("=Q")
REPLY: Final = 1


class ProtocolError(Exception):
    """The far side said something that the protocol does not allow."""


class Refused(Exception):
    """The far side answered a request with an error."""

    def __init__(self, code: ErrorCode, body: bytes) -> None:
        super().__init__(f"refused: {code.name}")
        self.code = code
        self.body = body


class Message(IntEnum):
    """What a client may ask for."""

    HELLO = 1
    ATTRIBUTES = 2
    REGIONS = 3
    INTERRUPTS = 4
    ACQUIRE = 5
    RELEASE = 6


class ErrorCode(IntEnum):
    """Why a request was refused."""

    NONE = 0
    MALFORMED = 1
    VERSION = 2
    UNSUPPORTED = 3
    BUSY = 4
    ORDER = 5
    LIMIT = 6


class Descriptors(list[int]):
    """File descriptors that came with a message: closed with the last reference, unless they were taken.

    So none is left open where an interruption comes before there is an owner.
    """

    def close(self, *kept: int) -> None:
        """Close them, but for those at the indices `kept`. Again: nothing."""
        for at in reversed(range(len(self))):
            fd = self[at]
            if at not in kept:
                # It is closed and goes in one step of Python's, which no signal's handler comes between. An
                # error is not told of: it is closed all the same, and the others have to be.
                self[at : at + 1] = filter(None, map(os.closerange, (fd,), (fd + 1,)))

    def take(self) -> list[int]:
        """Return them; they are the caller's to close."""
        taken = list(self)
        self.clear()
        return taken

    def __del__(self) -> None:
        self.close()


class Packet(NamedTuple):
    """One message as it came in. The receiver owns `fds`."""

    message: int
    flags: int
    number: int
    error: int
    body: bytes
    fds: Descriptors


class RegionInfo(NamedTuple):
    """What a region is, how it may be used, and its size in bytes."""

    kind: int
    flags: int
    size: int


def send_packet(
    sock: socket.socket,
    message: int,
    number: int,
    body: bytes = b"",
    fds: Sequence[int] = (),
    flags: int = 0,
    error: int = ErrorCode.NONE,
) -> None:
    """Send one message; OSError where the far side is gone or does not read."""
    packet = _HEADER.pack(_MAGIC, message, flags, number, error) + body
    assert len(packet) <= MESSAGE_LIMIT and len(fds) <= FD_LIMIT
    if fds:
        socket.send_fds(sock, [packet], list(fds))
    else:
        sock.send(packet)


def receive_packet(sock: socket.socket) -> Packet | None:
    """Return the next message, or None when the far side has closed.

    Raises ProtocolError for anything that is no message, OSError (TimeoutError) as the socket does.
    """
    data, fds, flags = _receive(sock)
    if not data:
        fds.close()
        return None
    try:
        return parse_packet(data, fds, bool(flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC)))
    except ProtocolError:
        fds.close()
        raise


def _receive(sock: socket.socket) -> tuple[bytes, Descriptors, int]:
    """Return a packet's bytes, its descriptors, and the flags it came with.

    Not `socket.recv_fds`: that one drops the flags it is given, and children would inherit the descriptors.
    """
    fds, packets = Descriptors(), list[tuple[bytes, list[tuple[int, int, bytes]], int, object]]()
    _wait_for_packet(sock)
    room = socket.CMSG_LEN(FD_LIMIT * array("i").itemsize)
    try:
        # One step of Python's: what has been received is here before a signal's handler can run.
        packets.extend(map(sock.recvmsg, (MESSAGE_LIMIT,), (room,), (socket.MSG_CMSG_CLOEXEC,)))
        data, ancillary, flags, _ = packets[0]
        fds += _attached(ancillary)
    except BaseException:
        if not fds:
            for packet in packets:
                fds += _attached(packet[1])
        raise
    return data, fds, flags


def _attached(ancillary: Sequence[tuple[int, int, bytes]]) -> array[int]:
    """Return the descriptors that came with a packet."""
    found = array("i")
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(payload[: len(payload) // found.itemsize * found.itemsize])
    return found


def _wait_for_packet(sock: socket.socket) -> None:
    """Wait for a packet; TimeoutError where the socket has a timeout and that is over.

    Where the socket itself waits, a signal that comes meanwhile is handled once it has received, and the
    descriptors have no owner yet.
    """
    timeout = sock.gettimeout()
    if timeout:
        poller = select.poll()
        poller.register(sock, select.POLLIN)
        if not poller.poll(timeout * 1e3):
            raise TimeoutError("timed out")


def parse_packet(data: bytes, fds: Descriptors, truncated: bool = False) -> Packet:
    """Take a packet apart, or raise ProtocolError."""
    if truncated:
        raise ProtocolError(
            f"a message of more than {MESSAGE_LIMIT} bytes or {FD_LIMIT} descriptors, or of more descriptors "
            "than this process may still open"
        )
    if len(data) < _HEADER.size:
        raise ProtocolError(f"a message of {len(data)} bytes, shorter than its header")
    magic, message, flags, number, error = _HEADER.unpack_from(data)
    if magic != _MAGIC:
        raise ProtocolError(f"a message that begins with {data[:4]!r}")
    return Packet(message, flags, number, error, data[_HEADER.size :], fds)


class Requester:
    """The client's side of the socket: one request, one reply, each within a time limit."""

    __slots__ = ("_answered", "_number", "sock")

    def __init__(self, sock: socket.socket, timeout: float) -> None:
        sock.settimeout(timeout)
        self.sock = sock
        self._number = self._answered = 0

    def request(
        self, message: Message, body: bytes = b"", fds: Sequence[int] = ()
    ) -> tuple[bytes, Descriptors]:
        """Send a request and return the reply's body and descriptors, which become the caller's.

        Raises Refused with the device's reason, ProtocolError where the reply is none, OSError where
        there is no device any more; a device that takes too long is a TimeoutError. Replies to requests that
        were interrupted are skipped.
        """
        self._number += 1
        send_packet(self.sock, message, self._number, body, fds)
        reply = self._receive()
        self._answered = self._number
        if (reply.message, reply.flags, reply.number) != (message, REPLY, self._number):
            reply.fds.close()
            raise ProtocolError(f"a reply to something else than {message.name}")
        if reply.error:
            reply.fds.close()
            raise Refused(_error_code(reply.error), reply.body)
        return reply.body, reply.fds

    def _receive(self) -> Packet:
        while True:
            reply = receive_packet(self.sock)
            if reply is None:
                raise ConnectionResetError("the device closed the connection")
            if not self._is_owed(reply) or reply.number == self._number:
                return reply
            reply.fds.close()

    def was_asked(self, data: bytes) -> bool:
        """Return whether a message is the answer to a request that was interrupted."""
        try:
            return self._is_owed(parse_packet(data, Descriptors()))
        except ProtocolError:
            return False

    def _is_owed(self, packet: Packet) -> bool:
        return packet.flags == REPLY and self._answered < packet.number <= self._number


def _error_code(value: int) -> ErrorCode:
    try:
        return ErrorCode(value)
    except ValueError:
        raise ProtocolError(f"a reply with the unknown error {value}") from None


def _unpack(form: struct.Struct, body: bytes, what: str) -> tuple[int, ...]:
    if len(body) != form.size:
        raise ProtocolError(f"{what} of {len(body)} bytes, not {form.size}")
    return form.unpack(body)


def pack_hello(major: int, minor: int, capabilities: int) -> bytes:
    """Return the body of HELLO and of its reply."""
    return _HELLO.pack(major, minor, 0, capabilities)


def unpack_hello(body: bytes) -> tuple[int, int, int]:
    """Return major and minor version and the capabilities."""
    major, minor, _, capabilities = _unpack(_HELLO, body, "a HELLO")
    return major, minor, capabilities


def pack_interrupts(data: int, completion: int, error: int) -> bytes:
    """Return the body of INTERRUPTS: how many eventfds come for each interrupt, in this order."""
    return _INTERRUPTS.pack(data, completion, error)


def unpack_interrupts(body: bytes) -> tuple[int, int, int]:
    """Return how many eventfds there are for data, completion and error."""
    data, completion, error = _unpack(_INTERRUPTS, body, "an INTERRUPTS")
    return data, completion, error


def pack_regions(regions: Sequence[RegionInfo]) -> bytes:
    """Return the body of the reply to REGIONS and ACQUIRE; the descriptors come in the same order."""
    return _COUNT.pack(len(regions)) + b"".join(_REGION.pack(*region) for region in regions)


def unpack_regions(body: bytes) -> list[RegionInfo]:
    """Return the regions that a reply describes."""
    if len(body) < _COUNT.size:
        raise ProtocolError("a region list without a count")
    (count,) = _COUNT.unpack_from(body)
    rest = body[_COUNT.size :]
    if count > FD_LIMIT or len(rest) != count * _REGION.size:
        raise ProtocolError(f"a list of {count} regions in {len(rest)} bytes")
    regions = [RegionInfo(*fields) for fields in _REGION.iter_unpack(rest)]
    kinds = [region.kind for region in regions]
    if len(set(kinds)) != len(kinds):
        raise ProtocolError("a region that is listed twice")
    return regions


def pack_pid(pid: int) -> bytes:
    """Return the body of a BUSY reply: who holds control."""
    return _PID.pack(pid)


def unpack_pid(body: bytes) -> int:
    """Return the process that holds control."""
    return _unpack(_PID, body, "a BUSY reply")[0]


def pack_attributes(attributes: dict[str, str]) -> bytes:
    """Return the body of the reply to ATTRIBUTES: "key=value" in UTF-8, separated by zero bytes."""
    return b"\0".join(f"{key}={value}".encode() for key, value in attributes.items())


def unpack_attributes(body: bytes) -> dict[str, str]:
    """Return what a device says about itself."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise ProtocolError("attributes that are not UTF-8") from None
    pairs = [entry.partition("=") for entry in text.split("\0") if entry]
    return {key: value for key, _, value in pairs}


def writable(info: RegionInfo) -> bool:
    """Return whether the client may write to a region."""
    return bool(info.flags & RegionFlag.WRITE)


def kind_name(kind: int) -> str:
    """Return what a region is called in messages to people."""
    try:
        return RegionKind(kind).name
    except ValueError:
        return f"region kind {kind}"
