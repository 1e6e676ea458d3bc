"""One client's connection: what it says, and what it is told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from websockets.asyncio.server import ServerConnection, broadcast
from websockets.exceptions import ConnectionClosed

from cl._core.host_clock import host_ns
from cl.net.wire.commands import pack_answer, unpack_command, unpack_control
from cl.net.wire.envelope import Incoming, Outgoing
from cl.net.wire.layout import HELLO_S, VERSION, Capability, Fault, Kind, ProtocolError, Wanted
from cl.net.wire.small import (
    Pong,
    check_bye,
    pack_fault,
    pack_pong,
    unpack_credit,
    unpack_ping,
    unpack_subscription,
)
from cl.net.wire.texts import State, pack_state, pack_welcome, unpack_hello

from .subscription import Subscription

if TYPE_CHECKING:
    from cl._core.engine import Engine
    from cl.net.wire.commands import Command, ControlRequest
    from cl.net.wire.envelope import Message
    from cl.net.wire.texts import Hello, Welcome

    from .blocks import Blocks
    from .commanding import Commanding
    from .sessions import Session

_MOST_WAITING: Final = 1 << 22
"""Bytes that may wait to be sent besides DATA: a client that does not read is cut off."""
_MOST_DATA_WAITING: Final = 1 << 20
"""Bytes that wait to be sent when no more DATA is added to them, whatever the credit."""
_PROTOCOL_CODE, _POLICY_CODE = 1002, 1008


class Host(Protocol):
    """What a connection needs of the server."""

    engine: Engine
    blocks: Blocks
    commanding: Commanding
    interval: int

    def arrive(self, peer: Peer, hello: Hello) -> tuple[Session, Welcome]:
        """Let a client in that has said hello."""
        ...

    def subscribed(self) -> None:
        """Take note that somebody is owed data."""
        ...

    def goodbye(self, session: Session) -> None:
        """Take note that a client has gone for good."""
        ...


class Leaves(Exception):
    """The client has said goodbye."""


class Faulty(Exception):
    """The connection is to end for a reason that the client is told."""

    def __init__(self, fault: Fault, text: str) -> None:
        super().__init__(text)
        self.fault = fault


class Peer:
    """A client's connection, from HELLO to its end."""

    def __init__(self, host: Host, connection: ServerConnection, token: str | None) -> None:
        self._host = host
        self._connection = connection
        self._incoming, self._outgoing = Incoming(from_client=True), Outgoing()
        self._told: State | None = None
        self.token = token
        self.is_of_run = False
        """Whether it is a process that is run here, and has come with the token of its run."""
        self.session: Session | None = None
        self.subscription: Subscription | None = None
        self.heard_ns = host_ns()
        self.named_silent = False
        self._closing: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """Who it is, for people."""
        address = self._connection.remote_address
        where = f"{address[0]}:{address[1]}" if isinstance(address, tuple) else "somewhere"
        return where if self.session is None else f"{self.session.name} ({where})"

    # -- sending --------------------------------------------------------------------------

    def send(self, kind: Kind, body: bytes, flags: int = 0) -> int:
        """Send a message, without waiting; return its size, 0 where it is DATA that has to wait."""
        if self._closing is not None:
            return 0
        waiting = self._connection.transport.get_write_buffer_size()
        if waiting > _MOST_DATA_WAITING and kind in (Kind.DATA, Kind.LAG):
            return 0
        if waiting > _MOST_WAITING:
            self._connection.transport.abort()
            return 0
        message = self._outgoing.message(kind, body, flags=flags)
        broadcast((self._connection,), message)
        return len(message)

    def tell(self, state: State) -> None:
        """Tell the client of the state, if it does not know it."""
        if self.session is not None and state != self._told:
            self._told = state
            self.send(Kind.STATE, pack_state(state))

    def fail(self, fault: Fault, text: str) -> None:
        """End the connection, and say why."""
        if self._closing is not None:
            return
        self.send(Kind.FAULT, pack_fault(fault, text))
        self.close(_PROTOCOL_CODE if fault is Fault.MALFORMED else _POLICY_CODE)

    def close(self, code: int) -> None:
        """Close the WebSocket, in the background."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._connection.close(code))

    # -- the conversation -----------------------------------------------------------------

    async def converse(self) -> None:
        """Talk to the client until its connection ends."""
        try:
            await self._greet()
            while True:
                await self._take(await self._next())
        except ProtocolError as error:
            self.fail(Fault.MALFORMED, str(error))
        except Faulty as error:
            self.fail(error.fault, str(error))
        except Leaves:
            self._say_goodbye()
            self.close(1000)
        except ConnectionClosed as closed:
            if closed.rcvd is not None and closed.rcvd.code == 1000:
                self._say_goodbye()
        finally:
            if self.subscription is not None:
                self.subscription.end()
                self.subscription = None
            if self._closing is not None:
                await asyncio.wait([self._closing])

    def _say_goodbye(self) -> None:
        if self.session is not None and self.session.peer is self:
            self._host.goodbye(self.session)

    async def _next(self) -> Message:
        message = self._incoming.take(await self._connection.recv())
        self.heard_ns = host_ns()
        self.named_silent = False
        if self.session is not None and self.session.peer is self:
            self.session.heard_ns = self.heard_ns
        return message

    async def _greet(self) -> None:
        try:
            message = await asyncio.wait_for(self._next(), HELLO_S)
        except TimeoutError:
            raise ProtocolError(f"no HELLO within {HELLO_S:g} s") from None
        if message.kind is not Kind.HELLO:
            raise ProtocolError(f"{message.kind.name} before HELLO")
        hello = unpack_hello(message.body)
        if not hello.protocol[0] <= VERSION <= hello.protocol[1]:
            low, high = hello.protocol
            raise Faulty(Fault.VERSION, f"this server speaks version {VERSION}, the client {low} to {high}")
        self.session, welcome = self._host.arrive(self, hello)
        self.capabilities = welcome.capabilities
        self._told = welcome.state
        self.send(Kind.WELCOME, pack_welcome(welcome))

    async def _take(self, message: Message) -> None:
        match message.kind:
            case Kind.CREDIT:
                self._lend(unpack_credit(message.body))
            case Kind.PING:
                self._pong(unpack_ping(message.body))
            case Kind.COMMAND:
                await self._answer(unpack_command(message.body))
            case Kind.CONTROL:
                await self._answer(unpack_control(message.body))
            case Kind.SUBSCRIBE:
                self._subscribe(message)
            case Kind.BYE:
                check_bye(message.body)
                raise Leaves
            case _:
                raise ProtocolError(f"another {message.kind.name}")

    def _require(self, capability: Capability, what: str) -> None:
        if capability not in self.capabilities:
            raise ProtocolError(f"{what}, which was not agreed upon")

    def _lend(self, size: int) -> None:
        if self.subscription is None:
            return  # One that has just ended it may still give back what it had.
        self.subscription.lend(size)
        self.subscription.push(self._host.engine.position)

    def _pong(self, sent_ns: int) -> None:
        came_ns = self.heard_ns
        engine = self._host.engine
        frame, clock = engine.position, engine.time.clock
        assert clock is not None
        body = pack_pong(Pong(sent_ns, came_ns, host_ns(), frame, clock.due_ns(frame), clock.error_ns()))
        self.send(Kind.PONG, body)

    async def _answer(self, command: Command | ControlRequest) -> None:
        self._require(Capability.STIMULATION, "a command")
        assert self.session is not None
        self.send(Kind.ANSWER, pack_answer(await self._host.commanding.answer(self.session, command)))

    def _subscribe(self, message: Message) -> None:
        wanted, start, credit, interval = unpack_subscription(message.body, message.flags)
        if Wanted.FRAMES in wanted:
            self._require(Capability.FRAMES, "frames")
        if Wanted.EVENTS in wanted:
            self._require(Capability.EVENTS, "events")
        if self.subscription is not None:
            self.subscription.end()
            self.subscription = None
        if not wanted:
            return
        engine = self._host.engine
        position = engine.position
        start = position if start is None else start
        if start > position:
            raise ProtocolError(f"a SUBSCRIBE from {start}, beyond the position {position}")
        self.subscription = Subscription(
            *(engine, self._host.blocks, self.send, wanted, max(start, engine.start), credit),
            max(interval, self._host.interval),
        )
        self._host.subscribed()
        self.subscription.push(position)
