"""Addresses in the network, as users write them."""

from __future__ import annotations

LOOPBACK = "127.0.0.1"


def host_and_port(text: str, *, least: int = 1) -> tuple[str, int]:
    """Return host and port of `[HOST:]PORT`, without a host this computer; `ValueError` for anything else."""
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and least <= int(port) < 65_536):
        raise ValueError(f"{text!r} is no [HOST:]PORT with a port from {least} to 65535")
    return host.strip("[]") or LOOPBACK, int(port)
