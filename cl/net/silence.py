"""Noticing that nothing comes any more. Reads no clock of its own."""

from __future__ import annotations

from typing import Final

_LONGEST_LOOK_NS: Final = 150_000_000
"""The most that counts between two looks: a process that was itself held up has heard nothing meanwhile."""


class Silence:
    """Adds up how long nothing has come."""

    __slots__ = ("_last_ns", "_limit_ns", "_silent_ns")

    def __init__(self, now_ns: int, limit_ns: int) -> None:
        self._last_ns = now_ns
        self._limit_ns = limit_ns
        self._silent_ns = 0

    def heard(self, now_ns: int) -> None:
        """Take note that something has come."""
        self._last_ns, self._silent_ns = now_ns, 0

    def is_long(self, now_ns: int) -> bool:
        """Return whether nothing has come for too long."""
        self._silent_ns += min(now_ns - self._last_ns, _LONGEST_LOOK_NS)
        self._last_ns = now_ns
        return self._silent_ns >= self._limit_ns
