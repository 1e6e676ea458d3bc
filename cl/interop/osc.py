"""Live events as Open Sound Control 1.0: a bundle with a time tag for each frame that has events."""

from __future__ import annotations

import socket
import struct
import time
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from cl.events import Spike, Stim

from .addresses import host_and_port
from .bridge import Bridge, phases_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cl.neurons import Neurons
    from cl.stim import ChannelSet

    from .bridge import Event

_NTP_S: Final = 2_208_988_800
"""From 1900, when time tags begin, to 1970."""
_IMMEDIATELY: Final = 1
_ENTRY: Final = "/cl/data"
_READINGS: Final = 4


class Sender(Bridge):
    """Sends OSC bundles as UDP datagrams to `address`, `[HOST:]PORT`.

    A bundle's time tag is the UTC of its frame (immediately, in accelerated time, which has none). Its first
    message is `/cl/bundle` with the number of the bundle, so that a gap tells what was lost, and how many
    events were lost before they could be sent, in all. Then come `/cl/spike` (channel int32, timestamp
    int64), `/cl/stim` (channel, timestamp, duration of the pulse in µs int32, largest current in µA float32;
    0 where the design is not known) and `/cl/data` (the stream's name, timestamp, the entry in msgpack as a
    blob).
    """

    def __init__(
        self,
        neurons: Neurons,
        address: str,
        *,
        channels: ChannelSet | int | Iterable[int] | None = None,
        from_timestamp: int | None = None,
    ) -> None:
        super().__init__(neurons, channels, from_timestamp)
        self._host, self._port = host_and_port(address)
        self._number = 0
        self._out: socket.socket | None = None
        self._to: Any = None

    def _open(self) -> None:
        family, kind, protocol, _, self._to = socket.getaddrinfo(
            self._host, self._port, type=socket.SOCK_DGRAM
        )[0]
        self._out = socket.socket(family, kind, protocol)
        self._out.setblocking(False)
        self._out.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)

    def _close(self) -> None:
        if self._out is not None:
            self._out.close()
            self._out = None

    def _send(self, events: list[Event]) -> None:
        offset = None if self._is_virtual else _utc_offset_ns()
        for timestamp, group in groupby(events, key=lambda event: event.timestamp):
            tag = _IMMEDIATELY if offset is None else time_tag(self._neurons.host_ns(timestamp) + offset)
            messages = [_message_of(event) for event in group]
            head = message("/cl/bundle", self._number, Int64(self._missed + self._dropped))
            self._give(bundle(tag, [head, *messages]), len(messages))

    def _give(self, datagram: bytes, events: int) -> None:
        assert self._out is not None
        self._number = (self._number + 1) & 0x7FFFFFFF
        try:
            self._out.sendto(datagram, self._to)
        except OSError:
            # The buffer is full, there is no way to the receiver, or it is too much for a datagram.
            self._dropped += events
        else:
            self._sent += events


class Int64(int):
    """An integer that OSC is to send as 64 bits."""


def message(address: str, *arguments: int | float | str | bytes) -> bytes:
    """Return an OSC message; integers as int32, but for `Int64`, floats as float32."""
    tags, parts = ",", []
    for argument in arguments:
        tag, part = _argument(argument)
        tags += tag
        parts.append(part)
    return _string(address) + _string(tags) + b"".join(parts)


def bundle(tag: int, messages: list[bytes]) -> bytes:
    """Return an OSC bundle with a time tag."""
    sized = [struct.pack(">i", len(part)) + part for part in messages]
    return b"#bundle\0" + struct.pack(">Q", tag) + b"".join(sized)


def time_tag(utc_ns: int) -> int:
    """Return the time tag of a moment in ns since 1970: seconds since 1900 and a 32-bit fraction.

    Those begin again in 2036. A moment that is none of these times is "immediately".
    """
    seconds, ns = divmod(utc_ns, 1_000_000_000)
    if not 0 <= seconds < 1 << 32:
        return _IMMEDIATELY
    return ((seconds + _NTP_S) & 0xFFFFFFFF) << 32 | (ns << 32) // 1_000_000_000


def _argument(value: int | float | str | bytes) -> tuple[str, bytes]:
    if isinstance(value, Int64):
        return "h", struct.pack(">q", value)
    if isinstance(value, int):
        return "i", struct.pack(">i", value)
    if isinstance(value, float):
        return "f", struct.pack(">f", value)
    if isinstance(value, str):
        return "s", _string(value)
    return "b", struct.pack(">i", len(value)) + value + bytes(-len(value) % 4)


def _string(text: str) -> bytes:
    encoded = text.encode()
    return encoded + bytes(4 - len(encoded) % 4)


def _message_of(event: Event) -> bytes:
    at = Int64(event.timestamp)
    if isinstance(event, Spike):
        return message("/cl/spike", event.channel, at)
    if isinstance(event, Stim):
        durations, currents = phases_of(event)
        largest = max(currents, key=abs, default=0.0)
        return message("/cl/stim", event.channel, at, sum(durations), float(largest))
    return message(_ENTRY, event.stream_name, at, event.packed)


def _utc_offset_ns() -> int:
    """Return what UTC is ahead of `time.monotonic_ns`, which may be stepped at any time."""
    found, closest = 0, 1 << 63
    for _ in range(_READINGS):
        before, utc, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        if after - before < closest:
            closest, found = after - before, utc - (before + after) // 2
    return found
