"""Exchanges of four stamps: how the server's clock and this host's go together, and how exactly."""

from __future__ import annotations

from typing import Final, NamedTuple

_DRIFT_SHIFT: Final = 12
"""Two clocks may go apart by 2^-12, 244 ppm: more than two bad crystals."""


class Exchange(NamedTuple):
    """What one round trip has shown, when it had come back."""

    at_ns: int
    ahead_ns: int
    """By how much the server's clock is ahead of this host's."""
    error_ns: int
    """By how much that may be wrong: half of what the way there and back took."""

    def error_at(self, now_ns: int) -> int:
        """Return by how much it may be wrong by now."""
        return self.error_ns + (max(0, now_ns - self.at_ns) >> _DRIFT_SHIFT)


class Exchanges:
    """The best of what the round trips have shown. What it is has one writer; others may look at any time."""

    __slots__ = ("best",)

    def __init__(self) -> None:
        self.best: Exchange | None = None

    def add(self, sent_ns: int, came_ns: int, went_ns: int, back_ns: int) -> None:
        """Take note of a round trip: sent here, came and went there, back here."""
        error = max(0, (back_ns - sent_ns) - (went_ns - came_ns) + 1) // 2
        found = Exchange(back_ns, ((came_ns - sent_ns) + (went_ns - back_ns)) // 2, error)
        best = self.best
        if best is None or found.error_ns <= best.error_at(back_ns):
            self.best = found
