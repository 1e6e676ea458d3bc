"""The beginning of a connection: who the client is, what the server has, and how their clocks go together."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Final

from cl._core.host_clock import host_ns

from .connection import ConnectionLost, Refused
from .wire.layout import NAME_LIMIT, Capability, Fault, Kind, ProtocolError
from .wire.small import Pong, pack_ping, unpack_fault, unpack_pong
from .wire.texts import Hello, Welcome, pack_hello, unpack_welcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from .connection import Connection
    from .wire.envelope import Message

CAPABILITIES: Final = Capability.FRAMES | Capability.EVENTS | Capability.STIMULATION | Capability.RESUME
_EXCHANGES: Final = 3


def greeted(connection: Connection, hello: Hello, timeout: float, on_pong: Callable[[Pong], None]) -> Welcome:
    """Greet a server, and return what it says, once the clocks have been compared as well.

    Raises ConnectionLost where it does not answer in time, Refused where it is not for this client, and
    ProtocolError.
    """
    connection.send(Kind.HELLO, pack_hello(hello))
    # At once: what waits for another round trip is behind by as much when it begins.
    for _ in range(_EXCHANGES):
        connection.send(Kind.PING, pack_ping(host_ns()))
    welcome = _answered(connection, host_ns() + int(timeout * 1e9), on_pong)
    missing = CAPABILITIES & ~Capability.RESUME & ~welcome.capabilities
    if missing:
        raise Refused(f"it cannot do what a program needs ({missing!r})")
    if welcome.position < max(welcome.first_frame, welcome.oldest):
        raise ProtocolError("a WELCOME whose frames do not go together")
    return welcome


def _answered(connection: Connection, deadline: int, on_pong: Callable[[Pong], None]) -> Welcome:
    welcome, missing = None, _EXCHANGES
    while welcome is None or missing:
        left = (deadline - host_ns()) * 1e-9
        if left <= 0 or not connection.wait(left):
            raise ConnectionLost("it does not answer")
        for message in connection.receive():
            if message.kind is Kind.FAULT:
                raise fault_of(message)
            if welcome is None and message.kind is Kind.WELCOME:
                welcome = unpack_welcome(message.body)
            elif welcome is not None and message.kind is Kind.PONG:
                on_pong(unpack_pong(message.body))
                missing -= 1
            elif welcome is None or message.kind is not Kind.STATE:
                raise ProtocolError(f"{message.kind.name} where a greeting was expected")
    return welcome


def fault_of(message: Message) -> Exception:
    """Return a FAULT as what it means for the connection: it may be tried again, or not."""
    fault, text = unpack_fault(message.body)
    if fault is Fault.FULL:
        return ConnectionLost(text or "too many clients")
    return Refused(text or fault.name.lower())


def own_name() -> str:
    """Return who this program is, as others are told who has control."""
    user = os.environ.get("USER") or os.environ.get("USERNAME") or "somebody"
    return f"{user}@{socket.gethostname()}, process {os.getpid()}"[:NAME_LIMIT]
