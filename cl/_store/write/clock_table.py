"""The table that relates the frames of a recording to the host's clocks (`/clock`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from . import layout

if TYPE_CHECKING:
    from .growing_dataset import GrowingDataset


class ClockTable:
    """Writes rows of `layout.CLOCK`; they are gathered until `write`, so that only that can fail."""

    def __init__(self, table: GrowingDataset) -> None:
        self._table = table
        self._pending: list[tuple[int, int, int]] = []

    def append(self, timestamp: int, monotonic_ns: int, utc_ns: int) -> None:
        """Take a row."""
        self._pending.append((timestamp, monotonic_ns, utc_ns))

    def write(self) -> None:
        """Write all rows, before they are published."""
        if self._pending:
            self._table.append(np.array(self._pending, layout.CLOCK))
            self._pending = []
