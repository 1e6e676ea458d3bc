"""Who may ask: the rules about the Host and Origin of a request.

A page on another site must not be able to read the device. The browser tells the truth about where
a request comes from in `Origin` and `Sec-Fetch-Site`; what it resolves a name to is up to whoever owns
the name ("DNS rebinding"), so only names that nobody else can own are taken as `Host`. Their port is that of
whatever the page is reached through, a tunnel, an editor that forwards ports, a container: it says nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .address import origin_of


def split_host(host: str) -> tuple[str, int] | None:
    """Split a `Host` header into a name and a port (80 without one); None where it is no such thing."""
    text = host.strip().lower()
    if text.startswith("["):
        name, bracket, rest = text[1:].partition("]")
        if not bracket or not _is_address(name):
            return None
    else:
        name, colon, number = text.partition(":")
        rest = colon + number
    if not name:
        return None
    if not rest:
        return name, 80
    digits = rest[1:]
    if rest[0] != ":" or not (digits.isascii() and digits.isdigit()) or len(digits) > 5:
        return None
    return name, int(digits)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return "%" not in name  # what follows may be any text, and no browser sends it


def is_loopback(host: str) -> bool:
    """Return whether a host name or address means this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Access:
    """The rules for a server bound to `host` and `port`, which browsers may also know as `url`."""

    host: str
    port: int
    own_name: str = field(default_factory=socket.gethostname)
    url: str | None = None
    secure: bool = False
    """Whether it speaks TLS itself."""

    def refusal(
        self,
        hosts: Sequence[str],
        origins: Sequence[str] = (),
        fetch_site: str | None = None,
        fetch_mode: str | None = None,
    ) -> str | None:
        """Return why a request with these headers is refused, or None where it is welcome.

        `hosts` and `origins` are all the headers of the name: there must be exactly one Host and at
        most one Origin. Programs that are no browser send no Origin.
        """
        if len(hosts) != 1 or len(origins) > 1:
            return "there must be one Host header and at most one Origin header"
        parts = split_host(hosts[0])
        if parts is None or not self._is_ours(*parts):
            return "the Host header does not name this server"
        if origins and not self._is_own_origin(origins[0].lower(), hosts[0].strip().lower(), parts[1]):
            return "pages of another origin may not read the device"
        if fetch_site in ("cross-site", "same-site") and fetch_mode != "navigate":
            return "pages of another site may not read the device"
        return None

    def _is_own_origin(self, origin: str, host: str, port: int) -> bool:
        if self.url is not None and origin == origin_of(self.url):
            return True
        if self.secure:
            return origin == f"https://{host}"
        # What is in front may speak TLS; the port of the server itself does not.
        return origin == f"http://{host}" or (port != self.port and origin == f"https://{host}")

    def _is_ours(self, name: str, port: int) -> bool:
        if is_loopback(name):
            return True
        if self.url is not None and name == urlsplit(self.url).hostname:
            return True
        if port != self.port:
            return False
        if name == self.host.lower():
            return True
        if is_loopback(self.host):
            return False
        # Nobody can make a browser believe that an address is somebody's name.
        return _is_address(name) or name == self.own_name.lower()
