"""What recordings have not written yet: it is kept for them if a disk, or the program, stands still."""

from __future__ import annotations

from typing import Final, Protocol

from cl._values.constants import SPARE_FRAMES

LONGEST: Final = 2_500_000
"""Frames that are kept at most: 100 s."""


class Writer(Protocol):
    """One that writes what happens, later than it happens."""

    @property
    def needs(self) -> int:
        """The oldest frame that it still has to look at."""
        ...


class Backlog:
    """Those who write what happens, and how far they are behind."""

    __slots__ = ("spare", "writers")

    def __init__(self) -> None:
        self.spare = SPARE_FRAMES
        """Frames beyond those that stay readable for which a writer finds everything in any case."""
        self.writers: list[Writer] = []

    def kept(self, position: int, usual: int) -> int:
        """Return how many frames before `position` to keep for all of them, if it is `usual` for others.

        It is doubled until it suffices: memory that grows with it does so a few times only.
        """
        behind = position - min([writer.needs for writer in self.writers], default=position)
        kept = usual
        while kept < min(behind, LONGEST):
            kept *= 2
        return min(kept, max(usual, LONGEST))
