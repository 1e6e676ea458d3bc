"""The server: a device that is open here, and those who look at it or drive it from elsewhere."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from websockets.asyncio.server import Server as WebSocketServer
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from cl._core.host_clock import host_ns
from cl._core.participant import READ, Participant
from cl._values.saying import Log
from cl._wait.tasks import Waiter
from cl.error import DeviceDisconnectedError
from cl.net.applications import APPLICATIONS_PATH, APPLICATIONS_SUBPROTOCOL
from cl.net.wire.layout import (
    HELLO_S,
    KEPT_FRAMES,
    MESSAGE_LIMIT,
    PATH,
    SILENCE_S,
    SUBPROTOCOL,
    Capability,
    Fault,
)
from cl.net.wire.texts import State, Welcome
from cl.visualisation.server.app import quiet_logger

from .applications import ApplicationsPeer
from .blocks import Blocks
from .commanding import Commanding
from .gate import Gate, Refusal, token_in
from .lease import Lease
from .peer import Peer
from .runs import Runs
from .served_page import ServedPage
from .sessions import Sessions

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from cl.net.wire.texts import Hello
    from cl.neurons import Neurons

    from .options import Options
    from .sessions import Session
    from .tokens import Tokens

INTERVAL: Final = 25
"""Frames of a DATA message, where a subscriber keeps up: 1 ms."""
HEARTBEAT_MS: Final = 250
SILENCE_MS: Final = 850
"""So that it is named within a second, whoever is silent."""
MOST_PEERS: Final = 64
_LOOK_S: Final = 0.05
_TOKENS_S: Final = 1.0
_CLOSE_S: Final = 0.5
_MOST_ASKERS: Final = 16
"""Clients that submit, follow or fetch at a time."""
_TRY_LATER_CODE: Final = 1013
_ALL: Final = Capability.FRAMES | Capability.EVENTS | Capability.STIMULATION | Capability.RESUME

_log = Log()


class Server:
    """Serves an open device until it is stopped, or the device ends."""

    def __init__(self, neurons: Neurons, options: Options, tokens: Tokens | None) -> None:
        self.neurons = neurons
        self.engine = neurons._engine
        self.blocks = Blocks(self.engine)
        self.interval = INTERVAL
        self._options = options
        self._tokens = tokens
        self._id = secrets.token_hex(16)
        self._sessions = Sessions()
        self._lease = Lease(neurons, options.lease_seconds, options.finishes)
        self.commanding = Commanding(self.engine, self._lease)
        self._peers: set[Peer] = set()
        self._runs = None if options.applications is None else Runs(options.applications.absolute())
        self._askers = 0
        self._somebody = asyncio.Event()
        self._ended = asyncio.Event()

    async def run(self, ready: Callable[[int], None], stop: asyncio.Event) -> None:
        """Serve; `ready` is told the port. DeviceDisconnectedError where the device ends."""
        options, tls = self._options, self._options.tls()
        loop = asyncio.get_running_loop()

        def ended() -> None:
            with suppress(RuntimeError):  # The loop may have ended before.
                loop.call_soon_threadsafe(self._ended.set)

        self.engine.listeners.append(ended)
        server = await self._listen(options.host, options.port, tls, self._request)
        port: int = server.sockets[0].getsockname()[1]
        self._gate = Gate(self._tokens, options.host, port, tls is not None)
        inner = None
        if self._runs is not None:
            # What runs here comes by a way of its own, with the token of its run.
            inner = await self._listen("127.0.0.1", 0, None, self._request_of_run)
            self._runs.address = f"ws://127.0.0.1:{inner.sockets[0].getsockname()[1]}"
        self._page = ServedPage(self.neurons, options.host, port, tls is not None)
        tasks = [asyncio.create_task(work) for work in (self._pump(), self._look_around(), self._page.tick())]
        ends = [asyncio.create_task(event.wait()) for event in (stop, self._ended)]
        try:
            ready(port)
            await asyncio.wait([*tasks, *ends], return_when=asyncio.FIRST_COMPLETED)
        finally:
            if self._runs is not None:
                await self._runs.end()
            self._say_the_end(stop)
            for task in (*tasks, *ends):
                task.cancel()
            results = await asyncio.gather(*tasks, *ends, return_exceptions=True)
            for each in (server, inner):
                if each is not None:
                    each.close()
                    with suppress(TimeoutError):
                        await asyncio.wait_for(each.wait_closed(), 2 * _CLOSE_S)
        for result in results:
            if isinstance(result, Exception):
                raise result
        if not stop.is_set():
            self.engine.check()
            raise DeviceDisconnectedError("the device was closed")

    async def _listen(
        self,
        host: str,
        port: int,
        tls: ssl.SSLContext | None,
        request: Callable[[ServerConnection, Request], Response | None],
    ) -> WebSocketServer:
        return await serve(
            self._handle,
            host,
            port,
            ssl=tls,
            process_request=request,
            subprotocols=[Subprotocol(SUBPROTOCOL), Subprotocol(APPLICATIONS_SUBPROTOCOL)],
            select_subprotocol=self._subprotocol,
            compression=None,
            server_header=None,
            max_size=MESSAGE_LIMIT,
            open_timeout=HELLO_S,
            close_timeout=_CLOSE_S,
            ping_interval=None,
            logger=quiet_logger(),
        )

    def _say_the_end(self, stop: asyncio.Event) -> None:
        failure = self.engine.failure
        for peer in tuple(self._peers):
            if stop.is_set() and failure is None:
                peer.fail(Fault.ENDS, "the server ends")
            else:
                peer.fail(Fault.DEVICE, f"the device failed: {failure}")

    # -- letting in -----------------------------------------------------------------------

    def _request(self, connection: ServerConnection, request: Request) -> Response | None:
        try:
            connection.cl_token = self._gate.pass_(request.headers)  # type: ignore[attr-defined]
        except Refusal as refusal:
            return _refused(refusal.status, str(refusal))
        if _is_at(APPLICATIONS_PATH, request.path):
            if self._runs is None:
                return _refused(HTTPStatus.FORBIDDEN, "this server takes no applications")
            return None
        if not _is_at(PATH, request.path):
            return self._page.request(connection, request)
        if len(self._peers) >= MOST_PEERS:
            return _refused(HTTPStatus.SERVICE_UNAVAILABLE, "too many clients")
        return None

    def _request_of_run(self, connection: ServerConnection, request: Request) -> Response | None:
        """Let in a process that is run here, to the device and nothing else."""
        token = token_in(request.headers.get_all("Authorization"))
        assert self._runs is not None
        if token is None or not self._runs.allows(token) or not _is_at(PATH, request.path):
            return _refused(HTTPStatus.FORBIDDEN, "this is for what is run here")
        connection.cl_token = token  # type: ignore[attr-defined]
        connection.cl_run = True  # type: ignore[attr-defined]
        return None

    def _subprotocol(self, connection: ServerConnection, offered: object) -> Subprotocol | None:
        assert connection.request is not None
        asks = _is_at(APPLICATIONS_PATH, connection.request.path)
        own = APPLICATIONS_SUBPROTOCOL if asks else SUBPROTOCOL
        return Subprotocol(own) if own in offered else None  # type: ignore[operator]

    async def _handle(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        if _is_at(APPLICATIONS_PATH, connection.request.path) and self._runs is not None:
            await self._converse_of_applications(connection, self._runs)
            return
        if not _is_at(PATH, connection.request.path):
            await self._page.handle(connection)
            return
        peer = Peer(self, connection, connection.cl_token)  # type: ignore[attr-defined]
        peer.is_of_run = getattr(connection, "cl_run", False)
        self._peers.add(peer)
        try:
            await peer.converse()
        finally:
            self._peers.discard(peer)
            session = peer.session
            if session is not None and session.peer is peer:
                session.peer = None
                _log.info("%s has lost its connection", session.name)

    async def _converse_of_applications(self, connection: ServerConnection, runs: Runs) -> None:
        if self._askers >= _MOST_ASKERS:
            await connection.close(_TRY_LATER_CODE, "too many clients")
            return
        token = connection.cl_token  # type: ignore[attr-defined]
        self._askers += 1
        try:
            await ApplicationsPeer(connection, runs, lambda: self._gate.still_allows(token)).converse()
        finally:
            self._askers -= 1

    def arrive(self, peer: Peer, hello: Hello) -> tuple[Session, Welcome]:
        """Let a client in that has said hello."""
        session, known = self._sessions.find(hello.session, hello.name)
        if session.peer is not None:
            session.peer.fail(Fault.REPLACED, "another connection of this session has come")
        session.peer = peer
        session.heard_ns = host_ns()
        engine = self.engine
        position = engine.position
        welcome = Welcome(
            server=self._id,
            resumed=known and hello.server == self._id,
            capabilities=hello.capabilities & _ALL,
            device=engine.device.info.name,
            channels=self.neurons.get_channel_count(),
            frames_per_second=self.neurons.get_frames_per_second(),
            uV_per_sample_unit=engine.device.info.uV_per_sample_unit,
            first_frame=engine.start,
            oldest=max(engine.start, position - KEPT_FRAMES),
            position=position,
            history_frames=KEPT_FRAMES,
            interval_frames=INTERVAL,
            lease_ms=round(self._options.lease_seconds * 1000),
            heartbeat_ms=HEARTBEAT_MS,
            silence_ms=SILENCE_MS,
            attributes=_plain(self.neurons.system_attributes),
            state=self._state_for(session),
        )
        return session, welcome

    def goodbye(self, session: Session) -> None:
        """Take note that a client has gone for good: what it controls is interrupted."""
        self._sessions.forget(session)
        if self._lease.is_held_by(session):
            self._releasing = asyncio.ensure_future(self._lease.release(session))

    def _state_for(self, session: Session) -> State:
        engine, holder = self.engine, self._lease.holder
        status = "failed" if not engine.is_open() else "running"
        if status == "running" and not engine.device.control.is_running():
            status = "stopped"
        return State(status, None if holder is None else holder.name, holder is session, "")

    # -- the work -------------------------------------------------------------------------

    def subscribed(self) -> None:
        """Take note that somebody is owed data."""
        self._somebody.set()

    async def _pump(self) -> None:
        """Have time go on, and give everybody what there is."""
        engine = self.engine
        participant = Participant("serve", READ)
        with engine.lock:
            engine.time.join(participant)
        waiter = Waiter(engine, participant)
        try:
            while True:
                if not any(peer.subscription for peer in self._peers):
                    self._somebody.clear()
                    await self._somebody.wait()
                await waiter.wait(max(engine.position + INTERVAL, engine.now()))
                position = engine.position
                for peer in self._peers:
                    if peer.subscription is not None:
                        peer.subscription.push(position)
        finally:
            waiter.close()
            with engine.lock:
                engine.time.leave(participant)

    async def _look_around(self) -> None:
        """See who is silent, whose lease or token has ended, and tell everybody how things stand."""
        tokens_ns = 0
        while True:
            await asyncio.sleep(_LOOK_S)
            await self._lease.look()
            now = host_ns()
            looks_at_tokens = now - tokens_ns > _TOKENS_S * 1e9
            tokens_ns = now if looks_at_tokens else tokens_ns
            for peer in tuple(self._peers):
                self._look_at(peer, now)
                if looks_at_tokens and not self._may_stay(peer):
                    peer.fail(Fault.TOKEN, "the token is no longer good")
                if peer.session is not None:
                    peer.tell(self._state_for(peer.session))
            self._sessions.forget_old()

    def _may_stay(self, peer: Peer) -> bool:
        if not peer.is_of_run:
            return self._gate.still_allows(peer.token)
        return self._runs is not None and peer.token is not None and self._runs.allows(peer.token)

    def _look_at(self, peer: Peer, now: int) -> None:
        silent_s = (now - peer.heard_ns) * 1e-9
        if silent_s > SILENCE_MS / 1000 and not peer.named_silent:
            peer.named_silent = True
            _log.warning("%s has said nothing for %d ms", peer.name, SILENCE_MS)
        if silent_s > max(SILENCE_S, self._options.lease_seconds):
            peer.close(1008)


def _is_at(place: str, path: str) -> bool:
    return path.partition("?")[0].endswith(place)


def _refused(status: HTTPStatus, text: str) -> Response:
    body = f"{text}\n".encode()
    headers = Headers({"Content-Type": "text/plain", "Content-Length": str(len(body)), "Connection": "close"})
    if status is HTTPStatus.UNAUTHORIZED:
        # So that a browser asks for it; what is given as the name does not matter.
        headers["WWW-Authenticate"] = 'Basic realm="the token as the password"'
    return Response(status.value, status.phrase, headers, body)


def _plain(attributes: dict[str, object]) -> dict[str, object]:
    """Return attributes as JSON can hold them."""
    return {
        key: value if isinstance(value, str | int | float | bool | None) else str(value)
        for key, value in attributes.items()
    }
