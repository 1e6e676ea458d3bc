"""The two tables of a recording's stims: when and where (`/stims`), and their designs (`/stim_designs`).

Row i of one belongs to row i of the other, at every moment and in every file: the headers, which have the
tables' lengths, lie side by side in one page, and one link replaces both. A killed process leaves tables of
one length. (A view that is opened while a recording is written reads one header after the other; it takes
of the designs as many as it has stims.)
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

import numpy as np

from . import layout
from .growing_dataset import GrowingDataset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from cl._stim.designs import StimDesign

    from .ordered_file import OrderedFile

PENDING_STIMS: Final = 4096
"""Stims are gathered until the next flush, or until there are this many."""
_ROOM: Final = 2048
"""Bytes for both headers."""
_ROW: Final = struct.Struct("<B3I3d")
_UNKNOWN: Final = bytes(_ROW.size)
_LONGEST_US: Final = 0xFFFF_FFFF
_KEPT_DESIGNS: Final = 1024


class StimTables:
    """Writes stims with their designs; they are gathered until `publish`."""

    def __init__(self, file: OrderedFile) -> None:
        self._file = file
        self._address = file.allocate(_ROOM, whole=True)
        self.stims = self._table(layout.STIM, layout.STIM_CHUNK, self._address)
        beside = self._address + len(self.stims.header)
        self.designs = self._table(layout.STIM_DESIGN, layout.STIM_DESIGN_CHUNK, beside)
        assert len(self.stims.header) + len(self.designs.header) <= _ROOM
        self._published = 0
        self._timestamps: list[int] = []
        self._channels: list[int] = []
        self._designs: list[StimDesign | None] = []
        self._rows: dict[int, bytes] = {}
        self._kept: list[StimDesign] = []
        self._forget()

    def _table(self, row: np.dtype[np.void], chunk: int, address: int) -> GrowingDataset:
        return GrowingDataset(self._file, row, (), chunk, layout.table_attributes(row), address)

    def append(
        self,
        timestamps: Sequence[int] | NDArray[np.int64],
        channels: Sequence[int] | NDArray[np.uint8],
        designs: Sequence[StimDesign | None] | None,
    ) -> None:
        """Take n stims; they are written with the next `publish`. `designs` None: none is known."""
        count = len(timestamps)
        known = [None] * count if designs is None else designs
        if not count == len(channels) == len(known):
            raise ValueError(f"{count} timestamps, {len(channels)} channels and {len(known)} designs")
        self._timestamps.extend(timestamps)
        self._channels.extend(channels)
        self._designs.extend(known)
        if len(self._timestamps) >= PENDING_STIMS:
            self._write()

    def _write(self) -> None:
        """Write what was gathered, to both tables or to none. After an error it is lost, and no more."""
        if not self._timestamps:
            return
        timestamps, channels, designs = self._timestamps, self._channels, self._designs
        self._timestamps, self._channels, self._designs = [], [], []
        rows = np.empty(len(timestamps), layout.STIM)
        rows["timestamp"], rows["channel"] = timestamps, channels
        marks = self.stims.mark(), self.designs.mark()
        try:
            self.stims.append(rows)
            self.designs.append_bytes(memoryview(self._packed(designs)))
        except BaseException:
            self.stims.rewind(marks[0])
            self.designs.rewind(marks[1])
            raise

    def _packed(self, designs: list[StimDesign | None]) -> bytes:
        """Return the rows of designs. Programs use few again and again: their rows are kept, by identity."""
        rows = self._rows
        try:
            return b"".join([rows[id(design)] for design in designs])
        except KeyError:
            pass
        if len(rows) > _KEPT_DESIGNS:
            self._forget()
        for design in designs:
            if id(design) not in rows and design is not None:
                rows[id(design)] = design_row(design)
                # As long as it is kept, nothing else can get its identity.
                self._kept.append(design)
        return b"".join([rows[id(design)] for design in designs])

    def _forget(self) -> None:
        self._rows.clear()
        self._rows[id(None)] = _UNKNOWN
        self._kept.clear()

    def publish(self) -> None:
        """Write all, and have the next commit make it visible in both tables at once."""
        try:
            self._write()
        finally:
            self._publish()

    def _publish(self) -> None:
        rows = self.stims.rows
        if rows == self._published:
            return
        self.designs.stage()
        self.stims.stage()
        self._file.link(self._address, self.stims.header + self.designs.header)
        self._published = rows


def design_row(design: StimDesign) -> bytes:
    """Return a design as a row of `layout.STIM_DESIGN`.

    As an unknown one if a phase takes longer than 71 minutes, which no row can hold.
    """
    durations, currents = design.phase_durations_us, design.phase_currents_uA
    if max(durations) > _LONGEST_US:
        return _UNKNOWN
    unused = (0,) * (3 - len(durations))
    return _ROW.pack(len(durations), *durations, *unused, *currents, *unused)
