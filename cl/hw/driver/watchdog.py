"""The watchdog: a device that no longer counts its liveness up, or delivers no frames, is gone."""

from __future__ import annotations

from typing import Final

MISSED_SIGNS: Final = 6
"""How many signs of life may be missing. With the usual 25 ms that is 150 ms of silence: 200 ms are
promised to the program, the rest is for waking up."""
_LONGEST_LOOK_NS: Final = 25_000_000
"""The most that counts as silence between two looks: a process that was itself held up for a second
has seen nothing of what the device did meanwhile."""


class Watchdog:
    """Adds up how long a device has shown no sign of life. Reads no clock of its own."""

    __slots__ = ("_idle_ns", "_last_ns", "_limit_ns", "_liveness", "_posted", "_silent_ns")

    def __init__(self, now_ns: int, liveness: int, posted: int, limit_ns: int) -> None:
        self._limit_ns = limit_ns
        self._last_ns = now_ns
        self._liveness = liveness
        self._posted = posted
        self._silent_ns = 0
        self._idle_ns = 0

    def look(self, now_ns: int, liveness: int, posted: int, running: bool, moderation_ns: int) -> str | None:
        """Return what is wrong, or None. `posted` need only move while the device is `running`."""
        passed = min(now_ns - self._last_ns, _LONGEST_LOOK_NS)
        self._last_ns = now_ns
        self._silent_ns += passed
        self._idle_ns += passed
        if liveness != self._liveness:
            self._liveness, self._silent_ns = liveness, 0
        if posted != self._posted or not running:
            self._posted, self._idle_ns = posted, 0
        if self._silent_ns >= self._limit_ns:
            return f"the device has shown no sign of life for {self._silent_ns // 1_000_000} ms"
        if self._idle_ns >= self._limit_ns + 3 * moderation_ns:
            return f"the device runs, and has delivered no frames for {self._idle_ns // 1_000_000} ms"
        return None
