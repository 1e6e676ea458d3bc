"""What a device says it is doing: something that there is, and, where it has stopped, said to the program."""

from __future__ import annotations

from typing import Final

from cl.hw.wire.layout import Status

_NOTICE_NS: Final = 100_000_000
"""A device that is reset stops for a moment, which is nothing to be said."""
_LONGEST_LOOK_NS: Final = 25_000_000
"""As for the watchdog: what passed while the process was held up does not count."""
_KNOWN: Final = frozenset(map(int, Status))


class Standstill:
    """Looks at the status. Reads no clock of its own."""

    __slots__ = ("_last_ns", "_said", "_stopped_ns")

    def __init__(self, now_ns: int) -> None:
        self._last_ns = now_ns
        self._stopped_ns = 0
        self._said = False

    def look(self, now_ns: int, status: int) -> bool:
        """Return whether it is to be said now that the device has stopped; ValueError for no status."""
        if status not in _KNOWN:
            raise ValueError(f"its status is {status}")
        passed, self._last_ns = min(now_ns - self._last_ns, _LONGEST_LOOK_NS), now_ns
        if status != Status.STOPPED:
            self._stopped_ns, self._said = 0, False
            return False
        self._stopped_ns += passed
        if self._said or self._stopped_ns < _NOTICE_NS:
            return False
        self._said = True
        return True
