"""The two tables of a recording's stims: when and where (`/stims`), and their designs (`/stim_designs`).

Row i of one belongs to row i of the other, at every moment and in every file: they become longer together
(see `header_page`). (A view that is opened while a recording is written reads one header after the other; it
takes of the designs as many as it has stims.)
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

import numpy as np

from . import layout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from cl._stim.designs import StimDesign

    from .header_page import HeaderPage

PENDING_STIMS: Final = 4096
"""Stims are gathered until the next flush, or until there are this many."""
_ROW: Final = struct.Struct("<B3I3d")
UNKNOWN_DESIGN: Final = bytes(_ROW.size)
_LONGEST_US: Final = 0xFFFF_FFFF
_KEPT_DESIGNS: Final = 1024


class StimTables:
    """Writes stims with their designs; they are gathered until `write`."""

    def __init__(self, page: HeaderPage) -> None:
        self.stims = page.table(layout.STIM, layout.STIM_CHUNK)
        self.designs = page.table(layout.STIM_DESIGN, layout.STIM_DESIGN_CHUNK)
        self._timestamps: list[int] = []
        self._channels: list[int] = []
        self._designs: list[StimDesign | None] = []
        self._rows = DesignRows()

    def append(
        self,
        timestamps: Sequence[int] | NDArray[np.int64],
        channels: Sequence[int] | NDArray[np.uint8],
        designs: Sequence[StimDesign | None] | None,
    ) -> None:
        """Take n stims; they are written with the next `write`. `designs` None: none is known."""
        count = len(timestamps)
        known = [None] * count if designs is None else designs
        if not count == len(channels) == len(known):
            raise ValueError(f"{count} timestamps, {len(channels)} channels and {len(known)} designs")
        self._timestamps.extend(timestamps)
        self._channels.extend(channels)
        self._designs.extend(known)
        if len(self._timestamps) >= PENDING_STIMS:
            self.write()

    def write(self) -> None:
        """Write what was gathered, to both tables or to none: after an error it is still to be written."""
        if not self._timestamps:
            return
        rows = np.empty(len(self._timestamps), layout.STIM)
        rows["timestamp"], rows["channel"] = self._timestamps, self._channels
        marks = self.stims.mark(), self.designs.mark()
        try:
            self.stims.append(rows)
            self.designs.append_bytes(memoryview(self._rows.packed(self._designs)))
        except BaseException:
            self.stims.rewind(marks[0])
            self.designs.rewind(marks[1])
            raise
        self.take_back(0)

    @property
    def pending(self) -> int:
        """How many are still to be written."""
        return len(self._timestamps)

    def take_back(self, pending: int) -> None:
        """Forget those that were taken since so many were to be written."""
        for gathered in (self._timestamps, self._channels, self._designs):
            del gathered[pending:]


class DesignRows:
    """Designs as rows of `layout.STIM_DESIGN`.

    Programs use few again and again: their rows are kept, by identity.
    """

    def __init__(self) -> None:
        self.rows: dict[int, bytes] = {}
        """By the identity of designs."""
        self._kept: list[StimDesign] = []
        self._forget()

    def row(self, design: StimDesign) -> bytes:
        """Return the row of a design."""
        found = self.rows.get(id(design))
        return self._made(design) if found is None else found

    def packed(self, designs: list[StimDesign | None]) -> bytes:
        """Return the rows of designs, one after the other."""
        rows = self.rows
        try:
            return b"".join([rows[id(design)] for design in designs])
        except KeyError:
            return b"".join([UNKNOWN_DESIGN if design is None else self.row(design) for design in designs])

    def _made(self, design: StimDesign) -> bytes:
        if len(self.rows) > _KEPT_DESIGNS:
            self._forget()
        found = self.rows[id(design)] = design_row(design)
        # As long as it is kept, nothing else can get its identity.
        self._kept.append(design)
        return found

    def _forget(self) -> None:
        self.rows.clear()
        self.rows[id(None)] = UNKNOWN_DESIGN
        self._kept.clear()


def design_row(design: StimDesign) -> bytes:
    """Return a design as a row of `layout.STIM_DESIGN`.

    As an unknown one if a phase takes longer than 71 minutes, which no row can hold.
    """
    durations, currents = design.phase_durations_us, design.phase_currents_uA
    if max(durations) > _LONGEST_US:
        return UNKNOWN_DESIGN
    unused = (0,) * (3 - len(durations))
    return _ROW.pack(len(durations), *durations, *unused, *currents, *unused)
