"""Who may ask a web service of one's own, for any ASGI application: the visualiser's rules, and a token."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

from .access import Access

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_POLICY_VIOLATION: Final = 1008


class AsgiGate:
    """Middleware that refuses what pages of other sites send, and what has no token where there is one.

    Browsers say where a page is from (Origin), and which name it asks for (Host): one that somebody else may
    own is not taken for this computer's. `url` is where browsers find the service, behind a proxy. `token` is
    wanted as `Authorization: Bearer TOKEN`, and compared in constant time; paths in `open_paths` do without.
    What is refused gets `{"error": ...}` with status 403 or 401, a WebSocket is closed with 1008.
    """

    def __init__(
        self,
        app: Application,
        url: str | None = None,
        token: str | None = None,
        open_paths: tuple[str, ...] = ("/health",),
    ) -> None:
        self._app = app
        self._url = url
        self._token = None if token is None else token.encode()
        self._open_paths = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, or refuse it."""
        refused = None if scope["type"] == "lifespan" else self._refusal(scope)
        if refused is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": ""})
        else:
            await _answer(*refused, send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        host, port = scope.get("server") or ("localhost", None)
        why = Access(host, port or 80, url=self._url).refusal(
            headers.get("host", []),
            headers.get("origin", []),
            headers.get("sec-fetch-site", [None])[0],
            headers.get("sec-fetch-mode", [None])[0],
        )
        if why is not None:
            return 403, why
        if not self._knows_token(scope, headers.get("authorization", [""])[0]):
            return 401, "this service wants a token: Authorization: Bearer ..."
        return None

    def _knows_token(self, scope: Scope, authorization: str) -> bool:
        if self._token is None or scope.get("path") in self._open_paths:
            return True
        scheme, _, given = authorization.partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(given.encode(), self._token)


async def _answer(status: int, why: str, send: Send) -> None:
    content = json.dumps({"error": why}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
