"""How long a frame is sent to that says nothing any more."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

LEASE_S: Final = 8.0
"""A frame says every 2 s that it is there."""


class Lease:
    """Whether a frame is still looked at, as far as the kernel can hear it.

    Where what a frame says comes by way of the thread that runs cells, it is not heard before the cell has
    ended: such time does not count.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = float("-inf")
        self._deaf = False
        self._cell: float | None = None
        """Since when a cell has been running."""

    def renew(self, deaf: bool) -> None:
        """Take note that the frame is there; `deaf`: it was heard in the thread that runs cells."""
        self._deaf = deaf
        self._until = self._clock() + LEASE_S

    def end(self) -> None:
        """Take note that the frame is gone."""
        self._until = float("-inf")

    def cell_begins(self) -> None:
        """Take note that a cell is run."""
        self._cell = self._clock()

    def cell_ends(self) -> None:
        """Take note that it has ended."""
        if self._cell is not None and self._deaf:
            self._until += self._clock() - self._cell
        self._cell = None

    @property
    def deaf(self) -> bool:
        """Whether the frame could not be heard just now."""
        return self._deaf and self._cell is not None

    def holds(self) -> bool:
        """Return whether the frame is sent to."""
        cell = self._cell
        return self._until > (cell if self._deaf and cell is not None else self._clock())
