"""The live page of the device that is served, on the server's own port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cl.visualisation.server.access import Access
from cl.visualisation.server.app import App

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response

    from cl.neurons import Neurons
    from cl.visualisation.server.custom_visualiser import CustomVisualiser
    from cl.visualisation.server.source import Source


class ServedPage:
    """The page, as far as the server has it answer. The gate has been passed when it is asked."""

    socket: socket.socket
    disconnect: Callable[[], None] | None = None

    def __init__(self, neurons: Neurons, host: str, port: int, secure: bool) -> None:
        self.host = host
        self.port = port
        self.public_url: str | None = None
        self.visualisers: dict[str, CustomVisualiser] = {}
        self.application: CustomVisualiser | None = None
        self.connections: set[Any] = set()
        self._neurons = neurons
        self._made: Source | None = None
        self.make_source: Callable[[], Source] | None = self._source
        self._app = App(self, _Passed(host, port, secure=secure))

    def _source(self) -> Source:
        if self._made is None:
            from cl.visualisation.server.source import LiveSource
            from cl.visualisation.server.status_provider import StatusProvider

            recordings = self._neurons._recordings
            status = StatusProvider(recordings.running, tuple, recordings.streams)
            self._made = LiveSource(self._neurons._engine, status)
        return self._made

    def request(self, connection: ServerConnection, request: Request) -> Response | None:
        """Return the answer to a request, None where it becomes a page's WebSocket."""
        return self._app.request(connection, request)

    async def handle(self, connection: ServerConnection) -> None:
        """Talk to a page until its connection ends."""
        await self._app.handle(connection)

    async def tick(self) -> None:
        """Have pages sent what there is."""
        await self._app.tick()


class _Passed(Access):
    """Lets everybody in: the gate has looked at them."""

    def refusal(self, *headers: Any) -> None:
        return None
