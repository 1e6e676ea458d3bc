"""The server at work: HTTP and WebSocket on one port, in an event loop of its thread's own."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
from collections import deque
from concurrent.futures import CancelledError
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from cl._values.descriptors import hang_up
from cl._values.saying import Log

from .access import Access
from .address import prefix_of
from .client import INTERNAL_ERROR, Client, Link
from .files import Answer, WebFiles, refuse
from .topics import Sections

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from .custom_visualiser import CustomVisualiser
    from .source import Source

PERIOD_S: Final = 0.08
"""Between two messages to a page."""
QUICK_S: Final = 0.016
"""The same for pages of custom visualisers, which show what comes as soon as a screen can."""
STAGGER_S: Final = 0.003
"""Between two pages, so that the program's threads run meanwhile."""
GOING_AWAY: Final = 1001
_TRY_AGAIN: Final = 1013
MOST_PAGES: Final = 16
MOST_CONNECTIONS: Final = 64
LONGEST_COMMAND: Final = 4_096
_OPEN_TIMEOUT_S: Final = 5.0
_CLOSE_TIMEOUT_S: Final = 0.5
_LET_GO_S: Final = 5.0

_log = Log()


class Listening(Protocol):
    """A socket that listens, and what is served on it."""

    host: str
    port: int
    public_url: str | None
    socket: socket.socket
    visualisers: dict[str, CustomVisualiser]
    application: CustomVisualiser | None
    make_source: Callable[[], Source] | None
    disconnect: Callable[[], None] | None
    connections: set[Any]


class Joinable(Listening, Protocol):
    """One that is also served to who comes by another way than the socket."""

    token: str
    mark: str
    joining: deque[Link]

    @property
    def alive(self) -> bool:
        """Whether it is to go on."""
        ...


def run(owner: Joinable, waker: socket.socket) -> None:
    """Serve until a byte over `waker` finds it not alive. Returns with every connection closed."""
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(App(owner, None, owner.token, owner.mark).serve(waker, owner))


def quiet_logger() -> logging.Logger:
    """Return a logger that tells nobody of what strangers send."""
    # What strangers send is no news to the program; a logger of one's own, so that it stays that way.
    return logging.Logger("cl.visualisation", logging.CRITICAL + 1)


class App:
    """The page: what answers requests, and what talks to pages. `serve` does so on a socket of its own."""

    def __init__(
        self, owner: Listening, access: Access | None = None, token: str = "", mark: str = ""
    ) -> None:
        """`access` says who may ask; by default those that the owner's host, port and URL allow.

        Who has the token may annotate. Under `/here/` and `mark` a page tells that it was reached.
        """
        self._owner = owner
        self._token = token
        self._access = access or Access(owner.host, owner.port, url=owner.public_url)
        self._files = WebFiles(
            owner.visualisers, prefix_of(owner.public_url), lambda: owner.application, mark
        )
        self._session = ""
        self._clients: dict[Client, tuple[Link, asyncio.Task[None]]] = {}
        """Each with its connection, and the task that reads its source."""
        self._leaving: set[asyncio.Task[None]] = set()
        self._joined: set[asyncio.Task[None]] = set()
        self._somebody = asyncio.Event()
        self._connections = owner.connections
        self._shared: Sections | None = None

    async def serve(self, waker: socket.socket, joinable: Joinable) -> None:
        loop = asyncio.get_running_loop()
        stopped = asyncio.Event()
        loop.add_reader(waker, self._woken, waker, joinable, stopped)
        self._owner.disconnect = partial(_await_in, loop, self._let_go)
        ticking = asyncio.create_task(self.tick())
        try:
            server = await serve(
                self.handle,
                sock=self._owner.socket,
                process_request=self.request,
                create_connection=self._connection_type(),
                compression=None,
                server_header=None,
                max_size=LONGEST_COMMAND,
                max_queue=8,
                open_timeout=_OPEN_TIMEOUT_S,
                close_timeout=_CLOSE_TIMEOUT_S,
                logger=quiet_logger(),
            )
            await stopped.wait()
            await self._close(server)
        finally:
            self._owner.disconnect = None
            loop.remove_reader(waker)
            ticking.cancel()

    def _woken(self, waker: socket.socket, joinable: Joinable, stopped: asyncio.Event) -> None:
        waker.recv(64)
        if not joinable.alive:
            stopped.set()
        while joinable.joining:
            task = asyncio.create_task(self._join(joinable.joining.popleft()))
            self._joined.add(task)
            task.add_done_callback(self._joined.discard)

    async def _join(self, link: Link) -> None:
        if len(self._clients) >= MOST_PAGES:
            await link.close(_TRY_AGAIN, "too many pages are open")
        else:
            await self.handle(link)

    async def _close(self, server: Server) -> None:
        # A child process that was forked meanwhile may hold it, and nobody would answer there.
        hang_up(self._owner.socket)
        self._disconnect()  # before the server does, which in older versions of websockets gives no reason
        server.close()
        closed = asyncio.ensure_future(server.wait_closed())
        await asyncio.wait([closed], timeout=_CLOSE_TIMEOUT_S)
        for transport in tuple(self._connections):
            transport.abort()
        await asyncio.wait([closed], timeout=_CLOSE_TIMEOUT_S)
        closed.cancel()

    async def _let_go(self) -> None:
        """Read the source no more, which its device is about to take away, and let the pages come again."""
        pumps = [pump for _, pump in self._clients.values()]
        for pump in pumps:
            pump.cancel()
        if pumps:
            await asyncio.wait(pumps)
        self._disconnect()

    def _disconnect(self) -> None:
        """Let the pages come again: what they show is there no more."""
        self._shared = None
        for connection, _ in self._clients.values():
            leaving = asyncio.create_task(connection.close(GOING_AWAY, "the device was closed"))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    def _connection_type(self) -> type[ServerConnection]:
        connections = self._connections
        silent: dict[Connection, None] = {}

        class Connection(ServerConnection):
            """A connection that is counted.

            With one too many, that is cut off which has been silent for longest: many that ask nothing
            keep nobody out who asks. Where all have asked it is the newest.
            """

            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                super().connection_made(transport)
                self._counted = transport
                connections.add(transport)
                silent[self] = None
                if len(connections) > MOST_CONNECTIONS:
                    next(iter(silent)).cut_off()

            def data_received(self, data: bytes) -> None:
                super().data_received(data)
                if self.request is not None:
                    silent.pop(self, None)

            def cut_off(self) -> None:
                self.forget()
                self.transport.abort()

            def forget(self) -> None:
                connections.discard(self._counted)
                silent.pop(self, None)

            def connection_lost(self, exc: Exception | None) -> None:
                self.forget()
                super().connection_lost(exc)

        return Connection

    # -- HTTP -----------------------------------------------------------------------------

    def request(self, connection: ServerConnection, request: Request) -> Response | None:
        """Return the answer to a request, None where it becomes a page's WebSocket."""
        headers = request.headers
        refusal = self._access.refusal(
            headers.get_all("Host"),
            headers.get_all("Origin"),
            _first(headers, "Sec-Fetch-Site"),
            _first(headers, "Sec-Fetch-Mode"),
        )
        if refusal is not None:
            return _response(refuse(403, "Forbidden", refusal))
        if getattr(request, "method", "GET") != "GET":
            return _response(refuse(405, "Method Not Allowed", "only GET is understood"))
        path = request.path.partition("?")[0]
        if path == "/ws":
            if self._owner.make_source is None:
                return _response(refuse(503, "Service Unavailable", "no device is open"))
            if len(self._clients) >= MOST_PAGES:
                return _response(refuse(503, "Service Unavailable", "too many pages are open"))
            return None
        return _response(self._files.answer(path, headers["Host"]))

    # -- WebSocket ------------------------------------------------------------------------

    async def handle(self, connection: Link) -> None:
        """Talk to a page until its connection ends."""
        make_source = self._owner.make_source
        if make_source is None:
            await connection.close(GOING_AWAY, "the device was closed")
            return
        source = make_source()
        if self._shared is None or self._shared.source is not source:
            self._shared = Sections(source)
            self._session = secrets.token_hex(8)
        client = Client(connection, source, self._shared, self._session, self._token)
        pump = asyncio.create_task(self._pump(client, connection))
        self._clients[client] = connection, pump
        self._somebody.set()
        try:
            await client.read()
        except ConnectionClosed:
            pass
        finally:
            del self._clients[client]
            pump.cancel()
            await asyncio.wait([pump])

    async def _pump(self, client: Client, connection: Link) -> None:
        try:
            await client.pump()
        except ConnectionClosed:
            pass
        except Exception:
            _log.debug("a page of the visualiser has failed", exc_info=True)
            await connection.close(INTERNAL_ERROR, "an error in the program")

    async def tick(self) -> None:
        """Have the pages sent what there is, again and again."""
        while True:
            if not self._clients:
                self._somebody.clear()
                await self._somebody.wait()
            for client in tuple(self._clients):
                client.wake()
                await asyncio.sleep(STAGGER_S)
            await self._wake_quick(PERIOD_S - STAGGER_S * len(self._clients))

    async def _wake_quick(self, seconds: float) -> None:
        """Wait, and meanwhile wake those again and again that want what there is at once."""
        while seconds > 0:
            quick = [client for client in self._clients if client.quick]
            pause = min(seconds, QUICK_S) if quick else seconds
            seconds -= pause
            await asyncio.sleep(pause)
            for client in quick if seconds > 0 else ():
                client.wake()


def _await_in(loop: asyncio.AbstractEventLoop, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Have the loop of another thread do something, and wait for it; nothing if the loop has ended."""
    doing = function()
    try:
        asyncio.run_coroutine_threadsafe(doing, loop).result(_LET_GO_S)
    except RuntimeError:
        doing.close()  # The loop has ended, and with it every connection.
    except (TimeoutError, CancelledError):
        _log.warning("a page of the visualiser was not let go within %g s", _LET_GO_S)


def _first(headers: Headers, name: str) -> str | None:
    found = headers.get_all(name)
    return found[0] if found else None


def _response(answer: Answer) -> Response:
    headers = Headers(answer.headers)
    headers["Content-Length"] = str(len(answer.body))
    headers["Connection"] = "close"
    return Response(answer.status, answer.reason, headers, answer.body)
