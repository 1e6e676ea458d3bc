"""Connecting to a device: the handshake, the regions and the eventfds that come out of it."""

from __future__ import annotations

import os
import select
import socket
import struct
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from cl._core.reentry_lock import ReentryLock
from cl._values.descriptors import hang_up
from cl.error import ControlRequestError, DeviceDisconnectedError
from cl.hw.wire.eventfd import add_eventfd, is_eventfd
from cl.hw.wire.layout import (
    ERROR_TEXT_LIMIT,
    ERROR_TEXT_OFFSET,
    LONGEST_LIVENESS_MS,
    MAGIC,
    PAGE,
    USUAL_LIVENESS_MS,
    VERSION_MAJOR,
    VERSION_MINOR,
    WORD,
    Capability,
    RegionKind,
    Register,
)
from cl.hw.wire.memory import Region, map_region
from cl.hw.wire.socket_path import check_path
from cl.hw.wire.transport import (
    MESSAGE_LIMIT,
    Descriptors,
    ErrorCode,
    Message,
    ProtocolError,
    Refused,
    RegionInfo,
    Requester,
    kind_name,
    pack_hello,
    pack_interrupts,
    unpack_attributes,
    unpack_hello,
    unpack_pid,
    unpack_regions,
    writable,
)

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

TIMEOUT: Final = 1.0
"""Seconds that a device may take to answer a message."""
WANTED: Final = Capability.SPIKES | Capability.STIMULATION | Capability.MODERATION
_REQUIRED: Final = (RegionKind.REGISTERS, RegionKind.CLIENT, RegionKind.FRAMES)
_KINDS: Final = frozenset(map(int, RegionKind))
_LARGEST_REGION: Final = 1 << 32
_CHANNEL_LIMIT: Final = 2048


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What does not change while a device is on."""

    address: str
    version: tuple[int, int]
    capabilities: Capability
    channel_count: int
    frames_per_second: int
    steps_per_second: int
    uV_per_sample_unit: float
    first_frame: int
    """The oldest timestamp the device ever had."""
    boot_id: int
    """A number drawn when the device was switched on: the same timeline has the same one."""
    liveness_ms: int
    """The longest time between two signs of life that the device promises."""
    attributes: dict[str, str] = field(default_factory=dict)


def parse_address(address: str, called: str = "CL_DEVICE") -> str:
    """Return the path of the socket that `address` names: "unix:/path/to.sock". Else ValueError."""
    kind, _, path = address.partition(":")
    if kind != "unix" or not path or "\0" in path:
        raise ValueError(f"{called}={address!r}: it takes unix:/path/to.sock")
    return path


class Session:
    """A connection to a device: its regions are mapped, the interrupts are bound. Owns what it holds."""

    def __init__(self, address: str, data_vectors: int = 2, timeout: float = TIMEOUT) -> None:
        """Connect, with `data_vectors` eventfds for the data interrupt.

        Raises ValueError for an address that is none, DeviceDisconnectedError where there is no device
        or something that does not speak the protocol.
        """
        self.address = address
        self._held = ExitStack()
        self.regions: dict[int, Region] = {}
        self._eventfds = Descriptors()  # Closed also where an interruption comes before there is an owner.
        self._held.callback(self._eventfds.close)
        self.data_fds: list[int] = []
        self.completion_fd = self.error_fd = self.doorbell_fd = -1
        self.controls = False
        """Whether there is control, or an interruption has left it open."""
        self.talking = ReentryLock()
        """Held by whoever waits for an answer on the socket."""
        self._control_held = self._held.enter_context(ExitStack())
        path = parse_address(address)
        try:
            self._speak(lambda: self._connect(path, data_vectors, timeout))
        except BaseException:
            self.close()
            raise

    def _speak(self, talk: Callable[[], T]) -> T:
        """Run a piece of the conversation, with its failures as DeviceDisconnectedError."""
        try:
            return talk()
        except Refused as refused:
            raise DeviceDisconnectedError(f"the device at {self.address} {_why(refused)}") from refused
        except (ProtocolError, ValueError) as error:
            raise DeviceDisconnectedError(
                f"the device at {self.address} does not keep to the protocol: {error}"
            ) from error
        except TimeoutError as error:
            raise DeviceDisconnectedError(f"the device at {self.address} does not answer") from error
        except OSError as error:
            raise DeviceDisconnectedError(
                f"no device at {self.address}: {error.strerror or error}"
            ) from error

    def _connect(self, path: str, data_vectors: int, timeout: float) -> None:
        sock = self._held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        # A fork may hold it, too; control ends with it all the same.
        self._held.callback(hang_up, sock)
        self._requester = Requester(sock, timeout)
        check_path(path)
        sock.connect(path)
        major, minor, offered = unpack_hello(
            self._ask(Message.HELLO, pack_hello(VERSION_MAJOR, VERSION_MINOR, WANTED))
        )
        if major != VERSION_MAJOR:
            raise ProtocolError(f"it speaks version {major}.{minor}, this driver {VERSION_MAJOR}.x")
        capabilities = Capability(offered & WANTED)
        attributes = unpack_attributes(self._ask(Message.ATTRIBUTES))
        self._take_regions(Message.REGIONS, self._held)
        self._check_regions(capabilities)
        self.facts = self._read_facts((major, minor), capabilities, attributes)
        self._bind_interrupts(data_vectors)

    @property
    def sock(self) -> socket.socket:
        """The socket; it says nothing more once the handshake is over, until it closes."""
        return self._requester.sock

    def _ask(self, message: Message, body: bytes = b"", fds: tuple[int, ...] = ()) -> bytes:
        """Make a request whose reply carries no descriptors."""
        self.talking.refuse_reentry()
        with self.talking:
            reply, unwanted = self._requester.request(message, body, fds)
        if unwanted:
            unwanted.close()
            raise ProtocolError(f"descriptors in the reply to {message.name}")
        return reply

    def _take_regions(self, message: Message, held: ExitStack) -> None:
        self.talking.refuse_reentry()
        with self.talking:
            body, fds = self._requester.request(message)
        held.callback(fds.close)
        kept = -1
        try:
            infos = unpack_regions(body)
            if len(infos) != len(fds):
                raise ProtocolError(f"{len(infos)} regions with {len(fds)} descriptors")
            for at, info in enumerate(infos):
                if info.kind == RegionKind.DOORBELL:
                    kept = at
                    self.doorbell_fd = _checked_doorbell(fds[at])
                elif info.kind in _KINDS:  # A newer minor version may have others.
                    self._map(info, fds[at], held)
        finally:
            fds.close(kept)

    def _map(self, info: RegionInfo, fd: int, held: ExitStack) -> None:
        if not PAGE <= info.size <= _LARGEST_REGION:
            raise ProtocolError(f"{kind_name(info.kind)} of {info.size} bytes")
        region = map_region(fd, info.size, writable(info))
        held.callback(region.close)
        self.regions[info.kind] = region

    def _check_regions(self, capabilities: Capability) -> None:
        needed = list(_REQUIRED)
        if Capability.SPIKES in capabilities:
            needed.append(RegionKind.SPIKES)
        if Capability.STIMULATION in capabilities:
            needed.append(RegionKind.STIMS)
        for kind in needed:
            if kind not in self.regions:
                raise ProtocolError(f"no {kind.name} region")
        if not self.regions[RegionKind.CLIENT].writable:
            raise ProtocolError("a CLIENT region that cannot be written")

    def _read_facts(
        self, version: tuple[int, int], capabilities: Capability, attributes: dict[str, str]
    ) -> DeviceFacts:
        words = self.regions[RegionKind.REGISTERS].words
        if words[Register.MAGIC] != MAGIC:
            raise ProtocolError(f"registers that begin with {words[Register.MAGIC]:#x}")
        channels, rate, steps = (
            words[Register.CHANNELS],
            words[Register.FRAME_RATE],
            words[Register.STEP_RATE],
        )
        if not 0 < channels <= _CHANNEL_LIMIT or not 0 < rate <= 10**9 or steps < rate or steps % rate:
            raise ProtocolError(f"{channels} channels at {rate} frames and {steps} steps per second")
        (unit,) = struct.unpack("=d", struct.pack("=Q", words[Register.UV_PER_UNIT]))
        if not 0 < unit < float("inf"):
            raise ProtocolError(f"{unit} µV per unit")
        liveness_ms = words[Register.LIVENESS_MS] or USUAL_LIVENESS_MS
        if liveness_ms > LONGEST_LIVENESS_MS:
            raise ProtocolError(f"a sign of life every {liveness_ms} ms")
        return DeviceFacts(
            self.address,
            version,
            capabilities,
            channels,
            rate,
            steps,
            unit,
            words[Register.FIRST_FRAME],
            words[Register.BOOT_ID],
            liveness_ms,
            attributes,
        )

    def _bind_interrupts(self, data_vectors: int) -> None:
        self.data_fds = [self._eventfd() for _ in range(data_vectors)]
        self.completion_fd = self._eventfd()
        self.error_fd = self._eventfd()
        fds = (*self.data_fds, self.completion_fd, self.error_fd)
        self._ask(Message.INTERRUPTS, pack_interrupts(data_vectors, 1, 1), fds)

    def _eventfd(self) -> int:
        return add_eventfd(self._eventfds)

    def acquire(self) -> None:
        """Become the one controller.

        Raises ControlRequestError naming the process that is, DeviceDisconnectedError as connecting does.
        """
        # From now on the device may take us for its controller, also where this is interrupted.
        self.controls = True
        try:
            self._speak(self._acquire)
        except DeviceDisconnectedError as error:
            self.controls = False
            self._drop_control()
            refused = error.__cause__
            if not isinstance(refused, Refused) or refused.code != ErrorCode.BUSY:
                raise
            holder = self._speak(lambda: unpack_pid(refused.body))
            raise ControlRequestError(f"control of {self.address} is held by process {holder}") from None

    def _acquire(self) -> None:
        self._take_regions(Message.ACQUIRE, self._control_held)
        for kind in (RegionKind.COMMANDS, RegionKind.COMPLETIONS):
            if kind not in self.regions:
                raise ProtocolError(f"control without a {kind.name} region")
        if self.doorbell_fd < 0 or not self.regions[RegionKind.COMMANDS].writable:
            raise ProtocolError("control without a way to command")

    def release(self) -> None:
        """Give control back, and know that it is back. A device that is gone has it already."""
        if not self.controls:
            return
        try:
            self._speak(lambda: self._ask(Message.RELEASE))
        except DeviceDisconnectedError:
            pass
        self.controls = False
        self._drop_control()

    def _drop_control(self) -> None:
        """Let go of the rings and the doorbell, which came with control."""
        self.doorbell_fd = -1
        for kind in (RegionKind.COMMANDS, RegionKind.COMPLETIONS):
            self.regions.pop(kind, None)
        self._control_held.close()

    def error_text(self) -> str:
        """Return what the device says about its failure."""
        region = self.regions[RegionKind.REGISTERS]
        size = min(region.words[Register.ERROR_TEXT_BYTES], ERROR_TEXT_LIMIT)
        return bytes(region.view(ERROR_TEXT_OFFSET, size)).decode(errors="replace")

    def listen(self) -> str | None:
        """Return what became of a socket that speaks unasked, or None where it does not. Talking."""
        requester, poller = self._requester, select.poll()
        poller.register(requester.sock, select.POLLIN)
        if not poller.poll(0):
            return None  # It spoke to somebody who has taken it by now.
        try:
            data = requester.sock.recv(MESSAGE_LIMIT)
        except OSError as error:
            return f"the device is gone: {error.strerror}"
        if not data:
            return "the device closed the connection"
        if requester.was_asked(data):
            return None  # By a request that was interrupted: nobody waits for the answer.
        return f"the device sent a message it was not asked for: {data[:16]!r}"

    def close(self) -> None:
        """Close the socket and everything else that is held."""
        self._held.close()


def _checked_doorbell(fd: int) -> int:
    if not is_eventfd(fd):
        raise ProtocolError("a doorbell that is no eventfd")
    os.set_blocking(fd, False)
    return fd


def _why(refused: Refused) -> str:
    if refused.code == ErrorCode.VERSION and len(refused.body) >= 4:
        major, minor = struct.unpack_from("=HH", refused.body)
        return f"speaks version {major}.{minor} of the protocol, this driver {VERSION_MAJOR}.x"
    if refused.code == ErrorCode.LIMIT:
        return "has as many clients as it can have"
    return f"refused: {refused.code.name}"


assert ERROR_TEXT_OFFSET == (Register.ERROR_TEXT_BYTES + 1) * WORD
