"""What the tests of the visualiser share: a client that knows the protocol, and a source that is scripted."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from websockets.sync.client import ClientConnection, connect

import cl
import cl._current
from cl._core.entries import StreamEntry
from cl.events import Spike
from cl.visualisation import start_server
from cl.visualisation.server.server import VisualiserServer
from cl.visualisation.server.source import description

PATIENCE_S = 30.0
"""How long a loaded machine may take for what takes a moment."""


@dataclass
class Section:
    """A section of a binary message."""

    kind: int
    argument: int
    bin_frames: int
    count: int
    start: int
    stop: int
    body: bytes

    def events(self) -> list[tuple[int, int]]:
        """Return (timestamp, channel) of each spike or stim."""
        offsets = np.frombuffer(self.body, "<u4", self.count)
        channels = np.frombuffer(self.body, "u1", self.count, _padded(4 * self.count))
        return [(self.start + int(o), int(c)) for o, c in zip(offsets, channels, strict=True)]

    def extremes(self, at: int, channels: int) -> tuple[Any, Any]:
        """Return the minima and maxima, each [bin][channel], that begin at a byte of the body."""
        size = self.count * channels
        low = np.frombuffer(self.body, "<i2", size, at).reshape(self.count, channels)
        high = np.frombuffer(self.body, "<i2", size, at + _padded(2 * size)).reshape(self.count, channels)
        return low, high

    def channels(self) -> list[int]:
        """Return the channels of traces."""
        return list(self.body[: self.argument])

    def waveforms(self) -> Any:
        """Return the waveforms, float32 (spikes, 75)."""
        samples = np.frombuffer(self.body, "<f4", self.count * 75, _padded(4 * self.count))
        return samples.reshape(self.count, 75)


def _padded(size: int) -> int:
    return -(-size // 8) * 8


def decode(message: bytes) -> tuple[int, int, list[Section]]:
    """Take a binary message apart as docs/visualiser-protocol.md says: position, dropped, sections."""
    version, zero, count, dropped, position = struct.unpack_from("<BBHIq", message)
    assert (version, zero) == (1, 0)
    sections, at = [], 16
    for _ in range(count):
        *head, length, last = struct.unpack_from("<BBHIqqII", message, at)
        assert length % 8 == 0
        assert last == 0
        at += 32
        sections.append(Section(*head, body=message[at : at + length]))
        at += length
    assert at == len(message)
    return position, dropped, sections


class Page:
    """A client of the server, in place of a browser's page."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.hello = self.message("hello")

    def command(self, **command: Any) -> None:
        """Send a command."""
        self.connection.send(json.dumps(command))

    def subscribe(self, topic: str, **more: Any) -> None:
        """Subscribe to a topic."""
        self.command(type="subscribe", topic=topic, **more)

    def receive(self) -> str | bytes:
        """Return the next message."""
        return self.connection.recv(PATIENCE_S)

    def message(self, kind: str) -> dict[str, Any]:
        """Return the next JSON message of a type."""
        while True:
            message = self.receive()
            if isinstance(message, str) and (found := json.loads(message))["type"] == kind:
                return dict(found)

    def sections(self, kind: int) -> Iterator[Section]:
        """Give the sections of a kind as they come."""
        while True:
            message = self.receive()
            if isinstance(message, bytes):
                yield from (section for section in decode(message)[2] if section.kind == kind)


@contextmanager
def page(server: VisualiserServer, **more: Any) -> Iterator[Page]:
    """Open a page."""
    url = server.url.replace("http:", "ws:") + "/ws"
    limits: dict[str, Any] = {"max_size": None, "max_queue": None, "compression": None}
    # Without pings there is no thread for them, which would end a little later than the connection.
    times: dict[str, Any] = {"open_timeout": PATIENCE_S, "close_timeout": 2, "ping_interval": None}
    with connect(url, **times, **limits, **more) as connection:
        yield Page(connection)


def http(
    server: VisualiserServer, path: str = "/", method: str = "GET", host: str | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Make one HTTP request over a socket of its own, as raw as it is given; status, headers, body."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host or f'127.0.0.1:{server.port}'}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return raw(server, ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))


def raw(server: VisualiserServer, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes and return what comes back, taken apart; status 0 where nothing comes."""
    with socket.create_connection((server.host, server.port), PATIENCE_S) as sock:
        sock.sendall(request)
        answer = b""
        try:
            while part := sock.recv(65_536):
                answer += part
                if b"101 Switching" in answer:
                    break
        except ConnectionResetError:
            pass
    if not answer:
        return 0, {}, b""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    found = dict(line.split(": ", 1) for line in rest)
    return int(first.split()[1]), {name.lower(): value for name, value in found.items()}, body


def plain_socket(server: VisualiserServer, buffer: int | None = None) -> socket.socket:
    """Return a socket over which the WebSocket handshake was sent, and nothing was read."""
    sock = socket.socket()
    sock.settimeout(PATIENCE_S)
    if buffer is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    sock.connect((server.host, server.port))
    sock.sendall(
        f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    return sock


def text_frame(**command: Any) -> bytes:
    """Return a command as a masked WebSocket frame."""
    data = json.dumps(command).encode()
    assert len(data) < 126
    return bytes((0x81, 0x80 | len(data), 0, 0, 0, 0)) + data


@contextmanager
def device(**more: Any) -> Iterator[tuple[cl.Neurons, VisualiserServer]]:
    """Open a device in wall-clock time, with a visualiser on any free port."""
    with cl.open() as neurons:
        session = cl._current.devices.environments()
        assert session is not None
        server = start_server(session.engine, port_from=0, **more)
        assert server is not None
        try:
            yield neurons, server
        finally:
            server.stop()


@dataclass
class Script:
    """A source whose events are given and whose time stands where it is put."""

    now: int = 0
    jumps: int = 0
    history: int = 131_072
    spikes: list[tuple[int, int]] = field(default_factory=list)
    stims: list[tuple[int, int]] = field(default_factory=list)
    log: list[StreamEntry] = field(default_factory=list)
    streams: dict[str, dict[str, Any]] = field(default_factory=dict)
    makers: dict[str, object] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        return {**description("script", 0.195, 0), "mode": "live"}

    def position(self) -> int:
        return self.now

    def wait_for_tick_gap(self) -> None:
        pass

    def oldest(self) -> int:
        return max(0, self.now - self.history)

    def horizon(self) -> int:
        return self.oldest()

    def events(self, kind: int, start: int, stop: int) -> tuple[list[int], list[int], int]:
        chosen = [event for event in (self.spikes if kind == 1 else self.stims) if start <= event[0] < stop]
        return [time for time, _ in chosen], [channel for _, channel in chosen], stop

    def spikes_on(self, channel: int, start: int, stop: int) -> Sequence[Spike]:
        shape = np.arange(75, dtype=np.float32)
        return [Spike(t, c, samples=shape) for t, c in self.spikes if c == channel and start <= t < stop]

    def spikes_between(self, start: int, stop: int) -> Sequence[Spike]:
        shape = np.arange(75, dtype=np.float32)
        return [Spike(t, c, samples=shape) for t, c in self.spikes if start <= t < stop]

    def currents(self, start: int, stop: int) -> Sequence[float]:
        return [0.5 * channel for time, channel in self.stims if start <= time < stop]

    def made(self) -> Mapping[str, object]:
        return self.makers

    def frames(self, start: int, stop: int) -> Any:
        return samples(start, stop)

    def entry_cursor(self, since: int | None) -> int:
        return len(self.log) if since is None else 0

    def entries(self, cursor: int) -> tuple[list[StreamEntry], int]:
        return self.log[cursor:], len(self.log)

    def attributes(self) -> Mapping[str, Mapping[str, Any]]:
        return self.streams

    def status(self) -> dict[str, Any]:
        return {"state": "running"}

    def control(self, command: object) -> bool:
        raise ValueError("a script cannot be played")


def samples(start: int, stop: int) -> Any:
    """Return frames that differ at every place: int16 (stop - start, 64)."""
    times = np.arange(start, stop)[:, None]
    return ((times * 7 + np.arange(64) * 13) % 2003 - 1000).astype(np.int16)
