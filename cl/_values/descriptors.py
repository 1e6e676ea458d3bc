"""Descriptors that forks share: how a child lets go of them, and how their owner ends them all the same."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import Final

_LAST_STANDARD: Final = 2


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


def above_standard(fd: int) -> int:
    """Return a descriptor above those of stdin, stdout and stderr; owns what it was given.

    Where a program was started without one of these, the next file gets its number, and is printed into.
    """
    if fd > _LAST_STANDARD or os.name != "posix":
        return fd
    import fcntl

    try:
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _LAST_STANDARD + 1)
    finally:
        os.close(fd)


def fill_standard() -> None:
    """Open what is closed of descriptors 0 to 2, to nothing: event loops do not take such numbers."""
    for fd in range(_LAST_STANDARD + 1):
        try:
            os.fstat(fd)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != fd:
                os.dup2(opened, fd)
                os.close(opened)


def hang_up(sock: socket.socket) -> None:
    """End a connection, or stop to listen, also where a fork holds the socket, too."""
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
