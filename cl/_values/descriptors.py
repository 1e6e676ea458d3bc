"""Descriptors that forks share: how a child lets go of them, and how their owner ends them all the same."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def let_go(fd: int) -> None:
    """Have a descriptor refer to nothing any more; its number stays taken, for the one who will close it.

    What it referred to is closed once all who share it have done so.
    """
    if fd < 0:
        return
    nothing = os.open(os.devnull, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
    try:
        os.dup2(nothing, fd, inheritable=False)
    finally:
        os.close(nothing)


def hang_up(sock: socket.socket) -> None:
    """End a connection, or stop to listen, also where a fork holds the socket, too."""
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
