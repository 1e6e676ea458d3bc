"""The device's socket: who is connected, who has control, and what they asked for."""

from __future__ import annotations

import os
import select
import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cl._core.host_clock import host_seconds
from cl.hw.wire.eventfd import is_eventfd, raise_eventfd
from cl.hw.wire.layout import PAGE, VERSION_MAJOR, VERSION_MINOR, Capability, RegionKind, Register
from cl.hw.wire.memory import Region
from cl.hw.wire.socket_path import check_path
from cl.hw.wire.transport import (
    MESSAGE_LIMIT,
    REPLY,
    ErrorCode,
    Message,
    Packet,
    ProtocolError,
    pack_attributes,
    pack_hello,
    pack_pid,
    pack_regions,
    receive_packet,
    send_packet,
    unpack_hello,
    unpack_interrupts,
)

from .command_port import CommandPort
from .device_memory import CAPABILITIES, ControlRings, DeviceMemory, Handout, is_for

if TYPE_CHECKING:
    from collections.abc import Callable

CLIENT_LIMIT: Final = 16
VECTOR_LIMIT: Final = 4
HANDSHAKE_SECONDS: Final = 2.0
"""How long a client may take until its interrupts are bound."""


class _Denied(Exception):
    def __init__(self, code: ErrorCode, body: bytes = b"") -> None:
        super().__init__(code.name)
        self.code = code
        self.body = body


class Client:
    """One connection: its socket, its page, and the eventfds it wants to be woken by."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        self.pid: int = struct.unpack("3i", credentials)[0]
        self.since = host_seconds()
        self.greeted = False
        self.version = VERSION_MAJOR, 0
        """What was agreed on, the lower of both."""
        self.capabilities = Capability(0)
        """What was agreed on."""
        self.own = Handout()
        self.page: Region | None = None
        self.requested = 0
        """The CONTROL_REQUEST that was carried out last."""
        self.data_fds: list[int] = []
        self.completion_fds: list[int] = []
        self.error_fds: list[int] = []

    def bind(self, data: list[int], completion: list[int], error: list[int]) -> None:
        """Take new eventfds for the interrupts, in the place of the old."""
        for fd in (*self.data_fds, *self.completion_fds, *self.error_fds):
            os.close(fd)
        self.data_fds, self.completion_fds, self.error_fds = data, completion, error

    @property
    def bound(self) -> bool:
        """Whether the handshake is over."""
        return bool(self.data_fds or self.error_fds)

    def close(self) -> None:
        """Let go of the connection."""
        self.bind([], [], [])
        self.own.close()
        self.sock.close()


class Server:
    """Listens, answers, and knows who is there. Never blocks: a client that does not read is dropped.

    `on_release` is called when there was a controller and now is none.
    """

    def __init__(
        self, path: str, memory: DeviceMemory, attributes: dict[str, str], on_release: Callable[[], None]
    ) -> None:
        """Listen on `path`, in the place of a socket that nobody listens on any more; else OSError."""
        self._path = path
        self._memory = memory
        self._attributes = attributes
        self._on_release = on_release
        self.doorbell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.clients: dict[int, Client] = {}
        self.controller: Client | None = None
        self.port: CommandPort | None = None
        self.babble: Callable[[], bytes] | None = None
        """What to answer instead of the truth."""
        self._rings: ControlRings | None = None
        self._holder_fd = -1
        self._listener = _listen(path)
        self._place = _place(path)
        self.epoll = select.epoll()
        self.epoll.register(self._listener, select.EPOLLIN)
        self.epoll.register(self.doorbell, select.EPOLLIN)

    # -- events ---------------------------------------------------------------------------

    def serve(self, fd: int) -> bool:
        """Handle a ready descriptor; return whether it was the server's."""
        if fd == self._listener.fileno():
            self._accept()
        elif fd == self._holder_fd:
            # Not so where the descriptor was a former holder's when its event came.
            if self.controller is not None and _is_readable(fd):
                self.drop(self.controller)
        elif fd in self.clients:
            self._receive(self.clients[fd])
        else:
            return False
        return True

    def _accept(self) -> None:
        with suppress(OSError):
            sock, _ = self._listener.accept()
            if len(self.clients) >= CLIENT_LIMIT:
                self._evict_silent()
            if len(self.clients) >= 2 * CLIENT_LIMIT:
                sock.close()
                return
            client = Client(sock)
            self.clients[sock.fileno()] = client
            self.epoll.register(sock, select.EPOLLIN)

    def _evict_silent(self) -> None:
        """Drop the clients that came and never finished introducing themselves."""
        late = host_seconds() - HANDSHAKE_SECONDS
        for client in list(self.clients.values()):
            if not client.bound and client.since < late:
                self.drop(client)

    def _receive(self, client: Client) -> None:
        try:
            packet = receive_packet(client.sock)
            if packet is None:
                self.drop(client)
                return
            self._answer(client, packet)
        except BlockingIOError:
            pass
        except ProtocolError:
            with suppress(OSError):
                send_packet(client.sock, 0, 0, b"", (), REPLY, ErrorCode.MALFORMED)
            self.drop(client)
        except OSError:
            self.drop(client)

    def _answer(self, client: Client, packet: Packet) -> None:
        if self.babble is not None:
            packet.fds.close()
            client.sock.send(self.babble())
            return
        fds: list[int] = []
        error = ErrorCode.NONE
        try:
            body, fds = self._handle(client, packet)
        except _Denied as denied:
            error, body = denied.code, denied.body
        finally:
            packet.fds.close()
        try:
            send_packet(client.sock, packet.message, packet.number, body, fds, REPLY, error)
        except BlockingIOError:
            self.drop(client)  # It does not read.

    def _handle(self, client: Client, packet: Packet) -> tuple[bytes, list[int]]:
        """Return the reply's body and descriptors."""
        message = packet.message
        if message == Message.HELLO:
            return self._hello(client, packet), []
        if not client.greeted:
            raise _Denied(ErrorCode.ORDER)
        if message == Message.ATTRIBUTES:
            return pack_attributes(self._attributes), []
        if message == Message.REGIONS:
            return self._regions(client)
        if message == Message.INTERRUPTS:
            self._bind(client, packet)
            return b"", []
        if message == Message.ACQUIRE:
            return self._acquire(client)
        if message == Message.RELEASE:
            self._release(client)
            return b"", []
        raise _Denied(ErrorCode.UNSUPPORTED)

    # -- messages -------------------------------------------------------------------------

    def _hello(self, client: Client, packet: Packet) -> bytes:
        major, minor, wanted = unpack_hello(packet.body)
        if major != VERSION_MAJOR:
            raise _Denied(ErrorCode.VERSION, pack_hello(VERSION_MAJOR, VERSION_MINOR, 0))
        if len(self.clients) > CLIENT_LIMIT:
            raise _Denied(ErrorCode.LIMIT)
        client.greeted = True
        client.version = major, min(minor, VERSION_MINOR)
        client.capabilities = Capability(wanted & CAPABILITIES)
        return pack_hello(*client.version, client.capabilities)

    def _regions(self, client: Client) -> tuple[bytes, list[int]]:
        if client.page is None:
            client.page = client.own.add_region(RegionKind.CLIENT, PAGE, True)
        shared, own = self._memory.shared, client.own
        pairs = [
            pair
            for pair in zip(shared.infos, shared.fds, strict=True)
            if is_for(pair[0].kind, client.version, client.capabilities)
        ]
        pairs += zip(own.infos, own.fds, strict=True)
        return pack_regions([info for info, _ in pairs]), [fd for _, fd in pairs]

    def _bind(self, client: Client, packet: Packet) -> None:
        data, completion, error = unpack_interrupts(packet.body)
        fds = packet.fds
        if len(fds) != data + completion + error or not all(map(is_eventfd, fds)):
            raise _Denied(ErrorCode.MALFORMED)
        if data > VECTOR_LIMIT or completion > 1 or error > 1:
            raise _Denied(ErrorCode.LIMIT)
        for fd in fds:
            os.set_blocking(fd, False)
        own = packet.fds.take()
        client.bind(own[:data], own[data : data + completion], own[data + completion :])

    def _acquire(self, client: Client) -> tuple[bytes, list[int]]:
        if self.controller is not None and self.controller is not client:
            raise _Denied(ErrorCode.BUSY, pack_pid(self.controller.pid))
        if not client.bound or client.page is None:
            raise _Denied(ErrorCode.ORDER)
        if self.controller is None:
            self._give_control(client)
        assert self._rings is not None
        return pack_regions(self._rings.handout.infos), self._rings.handout.fds

    def _give_control(self, client: Client) -> None:
        try:
            holder = os.pidfd_open(client.pid)
        except OSError:
            raise _Denied(ErrorCode.ORDER) from None
        self._holder_fd = holder
        # A fork of the controller may hold the socket open: the process itself is watched too.
        self.epoll.register(holder, select.EPOLLIN)
        self._rings = ControlRings(self.doorbell, client.version)
        self.port = CommandPort(self._rings.commands, self._rings.completions)
        self.controller = client
        self._memory.words[Register.OWNER] = client.pid

    def _release(self, client: Client) -> None:
        if self.controller is not client:
            raise _Denied(ErrorCode.ORDER)
        self._take_control_back()

    def _take_control_back(self) -> None:
        if self.controller is None or self._rings is None:
            return
        self.controller = self.port = None
        self.epoll.unregister(self._holder_fd)
        os.close(self._holder_fd)
        self._holder_fd = -1
        self._rings.close()
        self._rings = None
        self._memory.words[Register.OWNER] = 0
        self._on_release()

    # -- the device's own doing -----------------------------------------------------------

    def raise_data(self) -> None:
        """Raise the data interrupt of every client."""
        for client in self.clients.values():
            for fd in client.data_fds:
                raise_eventfd(fd)

    def raise_error(self) -> None:
        """Raise the error interrupt of every client."""
        self._memory.words[Register.RAISED_ERROR] += 1
        for client in self.clients.values():
            for fd in client.error_fds:
                raise_eventfd(fd)

    def raise_completion(self) -> None:
        """Raise the completion interrupt of the controller."""
        self._memory.words[Register.RAISED_COMPLETION] += 1
        if self.controller is not None:
            for fd in self.controller.completion_fds:
                raise_eventfd(fd)

    def send_garbage(self, data: bytes) -> None:
        """Send bytes that nobody asked for to every client."""
        for client in self.clients.values():
            with suppress(OSError):
                client.sock.send(data[:MESSAGE_LIMIT])

    def drop(self, client: Client) -> None:
        """Close a connection, and take control back if it had it."""
        if client is self.controller:
            self._take_control_back()
        self.clients.pop(client.sock.fileno(), None)
        client.close()

    def drop_all(self) -> None:
        """Close all connections."""
        for client in list(self.clients.values()):
            self.drop(client)

    def close(self) -> None:
        """Close everything, and remove the socket from the file system, unless another took its place."""
        if _place(self._path) == self._place:
            os.unlink(self._path)
        self.drop_all()
        self._listener.close()
        self.epoll.close()
        os.close(self.doorbell)


def _listen(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        check_path(path)
        if _is_abandoned(path):
            os.unlink(path)
        # Whoever may connect may drive the device: only the user who runs it.
        before = os.umask(0o177)
        try:
            listener.bind(path)
        finally:
            os.umask(before)
        listener.listen(CLIENT_LIMIT)
        listener.setblocking(False)
    except BaseException as error:
        listener.close()
        if isinstance(error, OSError):
            raise OSError(error.errno, f"cannot listen on {path}: {error.strerror or error}") from None
        raise
    return listener


def _is_readable(fd: int) -> bool:
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    return bool(poller.poll(0))


def _place(path: str) -> tuple[int, int] | None:
    """Return what tells the file at `path` from any other, or None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_abandoned(path: str) -> bool:
    """Return whether there is a socket at `path` that nobody listens on."""
    if not Path(path).is_socket():
        return False  # Connecting to any other file is refused as well, and that one is somebody's.
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False
