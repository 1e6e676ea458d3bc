"""The page's server: HTTP on loopback, a thread for each request."""

from __future__ import annotations

import socketserver
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from cl.visualisation.server.access import Access
from cl.visualisation.server.files import Answer, refuse

from .page import ConfigurePage

HOST: Final = "127.0.0.1"
MOST_BYTES: Final = 1 << 20
"""Of a request's body."""
_PATIENCE_S: Final = 10.0
"""For what a client sends, and takes."""


class ConfigureServer(ThreadingHTTPServer):
    """Serves the page under `url` once `serve_forever` is called. `OSError` where the port is not free."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, page: ConfigurePage, port: int = 0) -> None:
        super().__init__((HOST, port), _Handler)
        self.page = page
        self.access = Access(HOST, self.server_port)
        self.url = f"http://{HOST}:{self.server_port}/{page.token}/"

    def server_bind(self) -> None:
        """Bind, without asking what the machine is called: that may take long."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def handle_error(self, request: object, client_address: object) -> None:
        """Let a connection that has broken be: it is no news to anybody."""


class _Handler(BaseHTTPRequestHandler):
    server: ConfigureServer
    server_version = "cl"
    sys_version = ""
    timeout = _PATIENCE_S

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and int(length[:12]) <= MOST_BYTES):
            self._send(
                refuse(413, "Content Too Large", f"a body has a length, of at most {MOST_BYTES} bytes")
            )
        elif self.headers.get_content_type() != "application/json":
            self._send(refuse(415, "Unsupported Media Type", "a body is application/json"))
        else:
            self._answer(self.rfile.read(int(length)))

    def _answer(self, body: bytes) -> None:
        headers = self.headers
        refusal = self.server.access.refusal(
            headers.get_all("Host", []),
            headers.get_all("Origin", []),
            headers.get("Sec-Fetch-Site"),
            headers.get("Sec-Fetch-Mode"),
        )
        if refusal is not None:
            self._send(refuse(403, "Forbidden", refusal))
        else:
            self._send(self.server.page.answer(self.command, self.path, body))

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status, answer.reason)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: what strangers ask is no news."""
