"""A client of the network protocol without anything around it: messages, and what they held."""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
from collections.abc import Callable, Sequence
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from cl._stim.operations import Operation
from cl.net.wire.commands import Answer, ControlRequest, pack_command, pack_control, unpack_answer
from cl.net.wire.data import Data, unpack_data
from cl.net.wire.envelope import Incoming, Message, Outgoing
from cl.net.wire.layout import Action, Fault, Kind, Wanted
from cl.net.wire.small import (
    Lag,
    Pong,
    Subscription,
    pack_credit,
    pack_ping,
    pack_subscription,
    unpack_fault,
    unpack_lag,
    unpack_pong,
)

PATIENCE_S = 30.0


class RawClient:
    """A connection; what has come lies in its lists, in the order of coming."""

    def __init__(
        self, address: str, *, session: str | None = None, server: str | None = None, **options: Any
    ):
        self._connection = connect(
            address,
            subprotocols=["cl-device.1"],
            compression=None,
            ping_interval=None,
            max_size=1 << 22,
            close_timeout=1,  # what lies unread in its queue is in the way of the answer to its closing
            **options,
        )
        self.socket: ClientConnection = self._connection.__enter__()
        self._out, self._in = Outgoing(), Incoming(from_client=False)
        self.session = secrets.token_hex(16) if session is None else session
        self.data: list[Data] = []
        self.answers: dict[int, Answer] = {}
        self.lags: list[Lag] = []
        self.pongs: list[Pong] = []
        self.states: list[dict[str, Any]] = []
        self.fault: tuple[Fault, str] | None = None
        self.id = 0
        hello = {
            "protocol": [1, 1],
            "capabilities": ["frames", "events", "stimulation", "resume"],
            "session": self.session,
            "name": "raw client",
            "server": server,
        }
        self.send(Kind.HELLO, json.dumps(hello).encode())
        message = self._in.take(self.socket.recv(PATIENCE_S))
        assert message.kind is Kind.WELCOME, message.kind
        self.welcome: dict[str, Any] = json.loads(bytes(message.body))

    def send(self, kind: Kind, body: bytes = b"", flags: int = 0) -> None:
        self.socket.send(self._out.message(kind, body, flags=flags))

    def subscribe(self, wanted: Wanted, start: int | None = None, credit: int = 1 << 19) -> None:
        body = pack_subscription(Subscription(wanted, start, credit, 0))
        self.send(Kind.SUBSCRIBE, body, flags=wanted)

    def command(self, operations: Sequence[Operation], as_of: int = 0, at: int | None = None) -> int:
        self.id += 1
        self.send(Kind.COMMAND, pack_command(self.id, operations, as_of, at))
        return self.id

    def control(self, action: Action) -> int:
        self.id += 1
        self.send(Kind.CONTROL, pack_control(ControlRequest(self.id, action)))
        return self.id

    def ping(self, ns: int) -> None:
        self.send(Kind.PING, pack_ping(ns))

    def take(self, give_credit: bool = True) -> Message:
        """Take a message, put it where it belongs, and give the credit of DATA back."""
        raw = self.socket.recv(PATIENCE_S)
        message = self._in.take(raw)
        if message.kind is Kind.DATA:
            self.data.append(unpack_data(message.body, message.flags))
            if give_credit:
                self.send(Kind.CREDIT, pack_credit(len(raw)))
        elif message.kind is Kind.ANSWER:
            answer = unpack_answer(message.body)
            self.answers[answer.id] = answer
        elif message.kind is Kind.LAG:
            self.lags.append(unpack_lag(message.body, message.flags))
        elif message.kind is Kind.PONG:
            self.pongs.append(unpack_pong(message.body))
        elif message.kind is Kind.STATE:
            self.states.append(json.loads(bytes(message.body)))
        elif message.kind is Kind.FAULT:
            self.fault = unpack_fault(message.body)
        return message

    def take_until(self, done: Callable[[], object], give_credit: bool = True) -> None:
        while not done():
            self.take(give_credit)

    def answered(self, id: int) -> Answer:
        self.take_until(lambda: id in self.answers)
        return self.answers[id]

    def close(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            self._connection.__exit__(None, None, None)

    def cut(self) -> None:
        """Lose the link, without a word."""
        self.socket.socket.shutdown(socket.SHUT_RDWR)
        self.close()
