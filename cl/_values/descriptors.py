"""Descriptors that forks share: how a child lets go of them, and how their owner ends them all the same."""

from __future__ import annotations

import os
import socket
from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_LAST_STANDARD: Final = 2
_OPEN: Final = "/proc/self/fd"


def keep(owner: object, name: str, call: Callable[..., int], *arguments: object) -> None:
    """Set an attribute to what a call of the system returns; no handler's exception can come in between.

    A signal's handler runs between two steps of Python's. There is none in here: of a descriptor that has
    been opened its owner knows.
    """
    deque(map(partial(setattr, owner, name), map(call, *((value,) for value in arguments))), maxlen=0)


def keep_opened(
    owner: object, name: str, path: str | os.PathLike[str], flags: int, mode: int = 0o666
) -> None:
    """Set an attribute, of -1 so far, to the descriptor of a file, as `keep` does."""
    before = _open_descriptors()
    try:
        keep(owner, name, os.open, path, flags, mode)
    except OSError:
        raise
    except BaseException:
        if getattr(owner, name) < 0:
            _close_nameless(before, os.path.realpath(path))
        raise


def opened(path: str | os.PathLike[str], flags: int, mode: int = 0o666) -> int:
    """Open a file, as `os.open` does; the descriptor of one that is interrupted at that moment is closed.

    A handler's exception may come when the system has opened a file, and before its number has a name. What
    this returns is to be kept by the very next statement.
    """
    held = _Held()
    try:
        keep_opened(held, "number", path, flags, mode)
        return held.number
    except BaseException:
        if held.number >= 0:
            os.close(held.number)
        raise


class _Held:
    """A descriptor that has no other owner yet."""

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = -1


def _open_descriptors() -> set[int]:
    try:
        return {number for number in map(int, os.listdir(_OPEN)) if _is_open(number)}
    except OSError:
        return set()


def _is_open(number: int) -> bool:
    """Return whether a descriptor is open: the one by which they were listed is not any more."""
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _close_nameless(before: set[int], path: str) -> None:
    """Close the descriptor of the file which has been opened meanwhile and is still empty."""
    for number in _open_descriptors() - before if before else ():
        with suppress(OSError):
            target = os.readlink(f"{_OPEN}/{number}")
            # Of a folder: a file in it that has no name yet, and nothing in it.
            if target == path or (target.startswith(f"{path}/#") and os.fstat(number).st_size == 0):
                os.close(number)


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
