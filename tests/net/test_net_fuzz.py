"""Messages at random, to both sides: nobody crashes, hangs or grows. CL_FUZZED_MESSAGES=10000 for so many."""

from __future__ import annotations

import json
import os
import random
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from leak_tools import open_files
from raw_client import RawClient
from serving import ServeProcess
from test_net_wire import good_bodies
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

import cl
from cl import DeviceDisconnectedError
from cl.net.wire.envelope import ENVELOPE
from cl.net.wire.layout import Kind

MESSAGES = int(os.environ.get("CL_FUZZED_MESSAGES", "300"))
_GROWTH_KB = 40_000
PATIENCE_S = 20.0


def fuzzed(dice: random.Random, kinds: list[Kind], number: int) -> bytes | str:
    """Return a message that may be right, nearly right, or anything."""
    kind, bodies = dice.choice(kinds), good_bodies()
    body = bytearray(bodies[kind])
    for _ in range(dice.choice((0, 0, 1, 3))):
        if body:
            body[dice.randrange(len(body))] = dice.choice((0, 0x7F, 0x80, 0xFF, dice.randrange(256)))
    if dice.random() < 0.2:
        body = bytearray(dice.randbytes(dice.choice((0, 1, 8, 100, 5_000))))
    if dice.random() < 0.03:
        return "text" * dice.randrange(9)
    version, flags = dice.choice((1, 1, 1, 1, 2)), dice.choice((0, 1, 2, 3, 3, 0xFFFF))
    return ENVELOPE.pack(kind if dice.random() < 0.97 else 99, version, flags, number) + bytes(body)


def memory_kb(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0])


@pytest.fixture
def server() -> Iterator[ServeProcess]:
    with ServeProcess("--lease-seconds", "0.2") as server:
        yield server


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="this system does not say what memory it uses"
)
@pytest.mark.timeout(600)
def test_a_server_outlives_whatever_it_is_sent(server: ServeProcess) -> None:
    dice = random.Random(16)
    kinds = [kind for kind in Kind if kind < Kind.WELCOME]
    address, before = f"{server.address}/device", 0
    files = f"/proc/{server.pid}/fd"
    open_before, sent, faults = 0, 0, 0
    while sent < MESSAGES:
        with connect(address, subprotocols=["cl-device.1"], compression=None, ping_interval=None) as socket:  # type: ignore[list-item]
            greets = dice.random() < 0.9
            hello = {"protocol": [1, 1], "capabilities": ["frames", "events", "stimulation", "resume"]}
            hello |= {"session": secrets.token_hex(16), "name": "fuzz", "server": None}
            try:
                if greets:
                    socket.send(ENVELOPE.pack(Kind.HELLO, 1, 0, 0) + json.dumps(hello).encode())
                for number in range(int(greets), dice.randrange(2, 12)):
                    sent += 1
                    socket.send(fuzzed(dice, kinds, number))
                while dice.random() < 0.8:
                    socket.recv(0.05)
            except ConnectionClosed:
                faults += 1
            except TimeoutError:
                pass
        if sent > MESSAGES // 4 and not before:
            before, open_before = memory_kb(server.pid), len(os.listdir(files))
    assert faults
    client = RawClient(address)
    client.ping(1)
    client.take_until(lambda: client.pongs)
    client.close()
    assert memory_kb(server.pid) - before < _GROWTH_KB
    assert len(os.listdir(files)) <= open_before + 8
    assert not [line for line in server.said if "Traceback" in line]


class HostileServer:
    """A server that greets its clients as it should, and then sends them anything."""

    def __init__(self) -> None:
        self.dice = random.Random(61)
        self.sent = 0
        self._server = serve(
            self._talk, "127.0.0.1", 0, subprotocols=["cl-device.1"], compression=None, ping_interval=None
        )  # type: ignore[list-item]
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> HostileServer:
        self._thread.start()
        self.address = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}"
        return self

    def _talk(self, connection: ServerConnection) -> None:
        dice, number = self.dice, 0
        kinds = [kind for kind in Kind if kind >= Kind.WELCOME]
        try:
            connection.recv(PATIENCE_S)
            if dice.random() < 0.8:
                connection.send(ENVELOPE.pack(Kind.WELCOME, 1, 0, 0) + good_bodies()[Kind.WELCOME])
                for number in range(1, 4):
                    ping = connection.recv(PATIENCE_S)
                    assert isinstance(ping, bytes)
                    pong = ping[8:] + bytes(40)
                    connection.send(ENVELOPE.pack(Kind.PONG, 1, 0, number) + pong)
            for following in range(number + 1, number + 12):
                self.sent += 1
                connection.send(fuzzed(dice, kinds, following))
        except (ConnectionClosed, TimeoutError):
            pass

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()


@pytest.mark.timeout(600)
# The far side is websockets' own server, whose thread does not expect that bytes follow after the end.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_client_outlives_whatever_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cl.net.link._AGAIN_S", 0.1)
    monkeypatch.setattr("cl.net.link._LEAVE_S", 0.1)
    files = 0
    with HostileServer() as server:
        before = {*threading.enumerate()}
        while server.sent < MESSAGES // 2:
            try:
                with cl.open(device=server.address, take_control=False) as neurons:
                    neurons.read(10**6)
            except (DeviceDisconnectedError, cl.LaggedError):
                pass
            # The far side has a thread for each connection, which ends a moment later.
            for thread in {*threading.enumerate()} - before:
                thread.join(PATIENCE_S)
            files = files or open_files()
        assert open_files() <= files
