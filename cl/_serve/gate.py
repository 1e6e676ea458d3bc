"""Who is let in: looked at before a request is anything else."""

from __future__ import annotations

import base64
import binascii
from http import HTTPStatus
from typing import TYPE_CHECKING

from cl.visualisation.server.access import Access, is_loopback

if TYPE_CHECKING:
    from websockets.datastructures import Headers

    from .tokens import Tokens


class Refusal(Exception):
    """A request that is not let in."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


class Gate:
    """Looks at the token, and at where a browser's request comes from."""

    def __init__(self, tokens: Tokens | None, host: str, port: int, secure: bool) -> None:
        self._tokens = tokens
        self._secure = secure
        self._access = Access(host, port, secure=secure) if is_loopback(host) else None

    def pass_(self, headers: Headers) -> str | None:
        """Return the token that a request came with, or raise Refusal."""
        self._check_origin(headers)
        if self._tokens is None:
            return None
        token = token_in(headers.get_all("Authorization"))
        if token is None or not self._tokens.allows(token):
            raise Refusal(HTTPStatus.UNAUTHORIZED, "a token is wanted, and one that is good")
        return token

    def still_allows(self, token: str | None) -> bool:
        """Return whether the one who has come with a token may stay."""
        return self._tokens is None or (token is not None and self._tokens.allows(token))

    def _check_origin(self, headers: Headers) -> None:
        """Refuse pages of others: a browser says where its requests come from, programs say nothing."""
        hosts, origins = headers.get_all("Host"), headers.get_all("Origin")
        sites, modes = headers.get_all("Sec-Fetch-Site"), headers.get_all("Sec-Fetch-Mode")
        if self._access is not None:
            refusal = self._access.refusal(
                hosts, origins, *(each[0] if each else None for each in (sites, modes))
            )
            if refusal is not None:
                raise Refusal(HTTPStatus.FORBIDDEN, refusal)
            return
        # Beyond loopback there is a token, which no page of others has; any name may lead here.
        own = f"{'https' if self._secure else 'http'}://{hosts[0].strip().lower()}" if len(hosts) == 1 else ""
        if not own or len(origins) > 1 or (origins and origins[0].lower() != own):
            raise Refusal(HTTPStatus.FORBIDDEN, "pages of another origin may not read the device")
        if sites and sites[0] in ("cross-site", "same-site") and (not modes or modes[0] != "navigate"):
            raise Refusal(HTTPStatus.FORBIDDEN, "pages of another site may not read the device")


def token_in(values: list[str]) -> str | None:
    """Return the token of an Authorization header: Bearer's, or Basic's password, which browsers ask for."""
    if len(values) != 1:
        return None
    scheme, _, rest = values[0].partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(rest, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
