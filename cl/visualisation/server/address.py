"""Where a browser finds the page: what is told and put into frames."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import quote, urlsplit


def is_any(host: str) -> bool:
    """Return whether a host means all addresses of this machine, which no browser can go to."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return host == ""


def url_of(host: str, port: int) -> str:
    """Return the URL of a server, for a browser on this machine."""
    name = "localhost" if is_any(host) else f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}"


def url_for_others(host: str, port: int) -> str:
    """Return the URL of a server that listens beyond loopback, for other machines."""
    return f"http://{socket.gethostname()}:{port}" if is_any(host) else url_of(host, port)


def origin_of(url: str) -> str:
    """Return what browsers call the origin of a URL: in small letters, without the usual port."""
    parts = urlsplit(url.lower())
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{name}" + (f":{parts.port}" if parts.port not in (None, usual) else "")


def prefix_of(url: str | None) -> str:
    """Return the path of a URL, fit to stand before others and in HTML; empty where there is none."""
    return "" if url is None else quote(urlsplit(url).path.rstrip("/"), safe="/%~")
