"""Addresses of devices across the network: ws://host:port and wss://host:port, and the token for them."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from .wire.layout import PATH

if TYPE_CHECKING:
    from cl._core.settings import Settings

FORM: Final = "ws://host:port or wss://host:port"
_PORTS: Final = {"ws": 80, "wss": 443}


class Address(NamedTuple):
    """Where a server is."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def uri(self) -> str:
        """The URI of the protocol there."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'wss' if self.secure else 'ws'}://{name}:{self.port}{self.path}"

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine."""
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_address(address: str, called: str = "CL_DEVICE") -> Address:
    """Return where an address leads; ValueError that names it where it leads nowhere, or holds a secret."""
    try:
        parts = urlsplit(address)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        raise ValueError(f"{called}={address!r}: it takes {FORM}") from None
    if parts.username is not None or parts.query or parts.fragment:
        # Not the address itself: what it holds is most likely the token.
        raise ValueError(
            f"{called}: an address has no token in it, no query and no fragment; the token comes from "
            f"CL_DEVICE_TOKEN or the file that CL_DEVICE_TOKEN_FILE names, the address takes {FORM}"
        )
    if parts.scheme not in _PORTS or not parts.hostname or not address.isascii():
        raise ValueError(f"{called}={address!r}: it takes {FORM}")
    return Address(parts.scheme == "wss", parts.hostname, port, parts.path.rstrip("/") + PATH)


def token_for(address: Address, settings: Settings) -> str | None:
    """Return the token that the environment gives, None without one.

    ValueError for one that no header can hold, or that would go over the network in the clear; OSError for a
    file that cannot be read.
    """
    token, path = settings.device_token, settings.device_token_file
    called = "CL_DEVICE_TOKEN"
    if token is None and path is not None:
        called = f"CL_DEVICE_TOKEN_FILE={path!r}"
        token = next(iter(Path(path).read_text().split()), "")
    if token is None:
        return None
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError(f"{called}: a token is one word of printable ASCII")
    if not (address.secure or address.is_loopback):
        raise ValueError(
            f"{called}: a token goes over the network by wss:// only, and the address is {address.uri}"
        )
    return token
