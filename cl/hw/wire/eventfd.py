"""Interrupts and doorbells: eventfds, which count while nobody looks."""

from __future__ import annotations

import os


def add_eventfd(owned: list[int]) -> int:
    """Return a new eventfd that never blocks and is not inherited.

    It is among its owner's before a signal's handler can run.
    """
    # All of it is one step of Python's.
    owned.extend(map(os.eventfd, (0,), (os.EFD_CLOEXEC | os.EFD_NONBLOCK,)))
    return owned[-1]


def raise_eventfd(fd: int) -> None:
    """Signal; where the count is full, because nobody has looked for an age, it is signalled as it is."""
    try:
        os.eventfd_write(fd, 1)
    except BlockingIOError:
        pass


def drain_eventfd(fd: int) -> None:
    """Set the count to zero, so that the next signal wakes again; fine where it is zero."""
    try:
        os.eventfd_read(fd)
    except BlockingIOError:
        pass


def is_eventfd(fd: int) -> bool:
    """Return whether the far side handed over an eventfd, and not something that could block or answer.

    OSError where the system does not say.
    """
    try:
        return os.readlink(f"/proc/self/fd/{fd}") == "anon_inode:[eventfd]"
    except FileNotFoundError:
        return False
