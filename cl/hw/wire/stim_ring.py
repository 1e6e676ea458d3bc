"""The ring of delivered stims, and the ring of their designs beside it (PROTOCOL.md, section 5).

Record i of STIM_DESIGNS is the design of record i of STIMS. Order of stores: both rings' RESERVED, the
records of both, the designs' PRODUCED, the stims' PRODUCED. So the stims' counter vouches for the designs;
what was overwritten in either of them is lost. A device of version 1.0 has no such ring: no design is known.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from cl._stim.designs import StimDesign
from cl.error import DeviceDisconnectedError

from .layout import DESIGN_BYTES, PAGE, RingWord
from .ring import EventReader, EventWriter, circular_copy, ring_capacity, write_ring_header

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from .memory import Region

_DESIGN: Final = struct.Struct("=4Q3d8x")
_MOST_PHASES: Final = 3
_UNKNOWN: Final = bytes(DESIGN_BYTES)
_RESERVED: Final = int(RingWord.RESERVED)
_PRODUCED: Final = int(RingWord.PRODUCED)
_LONGEST_US: Final = (1 << 64) - 1


# Programs repeat themselves, and designs are values.
@lru_cache(maxsize=1024)
def encode_design(design: StimDesign | None) -> bytes:
    """Return the record of a design; of none, and of one that no record can hold, that it is not known."""
    if design is None:
        return _UNKNOWN
    durations, currents = design.phase_durations_us, design.phase_currents_uA
    if max(durations) > _LONGEST_US:
        return _UNKNOWN
    unused = (0,) * (_MOST_PHASES - len(durations))
    return _DESIGN.pack(len(durations), *durations, *unused, *currents, *unused)


@lru_cache(maxsize=1024)
def decode_design(record: bytes) -> StimDesign | None:
    """Return the design of a record, None where it is not known.

    Raises ValueError for one that no program can have asked for.
    """
    phases, *numbers = _DESIGN.unpack(record)
    if not phases:
        return None
    if phases > _MOST_PHASES:
        raise ValueError(f"it has {phases} phases")
    pairs = zip(numbers[:phases], numbers[_MOST_PHASES : _MOST_PHASES + phases], strict=True)
    return StimDesign(*(number for pair in pairs for number in pair))


class StimReader(EventReader):
    """The stims of a device with their designs, taken in order. For one thread at a time."""

    __slots__ = ("_design_rows", "_design_words", "_designs", "_fresh")

    def __init__(self, region: Region, channel_count: int, designs: Region | None) -> None:
        """Look into the mapped ring of stims, and that of their designs where the device has one."""
        super().__init__(region, channel_count, "stims")
        self._design_words: memoryview[int] | None = None
        self._design_rows: NDArray[np.uint8] | None = None
        if designs is not None:
            capacity = ring_capacity(designs, DESIGN_BYTES)
            if capacity != self.capacity:
                raise ValueError(f"{capacity} designs for {self.capacity} stims")
            self._design_words = designs.words
            self._design_rows = _rows(designs, capacity)
        self._fresh: NDArray[np.uint8] | None = None
        self._designs: list[StimDesign | None] = []

    def seek(self, timestamp: int) -> None:
        super().seek(timestamp)
        self._designs = []

    def take_designs(self, count: int) -> list[StimDesign | None]:
        """Return the designs of the `count` stims that were taken since the last call."""
        taken = self._designs[:count]
        del self._designs[:count]
        return taken

    def _pull(self) -> None:
        before = len(self._times)
        super()._pull()
        count = len(self._times) - before
        self._designs += [None] * count if self._fresh is None else self._decode(self._fresh.tobytes())

    def _decode(self, records: bytes) -> list[StimDesign | None]:
        size = DESIGN_BYTES
        try:
            return [decode_design(records[at : at + size]) for at in range(0, len(records), size)]
        except ValueError as error:
            raise DeviceDisconnectedError(f"the device posted a stim that cannot be: {error}") from None

    def _fetch(self) -> tuple[int, NDArray[np.int64]]:
        first, stims = super()._fetch()
        words, rows = self._design_words, self._design_rows
        if words is None or rows is None:
            return first, stims
        produced = first + len(stims)
        if words[_PRODUCED] < produced:
            raise DeviceDisconnectedError(
                f"the device posted {produced} stims, and {words[_PRODUCED]} designs of them"
            )
        fresh = circular_copy(rows, first, len(stims))
        safe = min(max(first, words[_RESERVED] - self.capacity), produced)
        self._fresh = fresh[safe - first :]
        return safe, stims[safe - first :]

    def close(self) -> None:
        """Let go of the mappings."""
        super().close()
        self._design_rows = None


class StimWriter:
    """The device's side of the two rings."""

    __slots__ = ("_rows", "_stims", "_words", "capacity")

    def __init__(self, stims: Region, designs: Region, capacity: int) -> None:
        self._stims = EventWriter(stims, capacity)
        write_ring_header(designs, DESIGN_BYTES, capacity)
        self.capacity = capacity
        self._words = designs.words
        self._rows = _rows(designs, capacity)

    def post(
        self, timestamps: Sequence[int], channels: Sequence[int], designs: Sequence[StimDesign | None]
    ) -> None:
        """Post stims, which must not be older than those before them."""
        import numpy as np

        self._stims.reserve(len(timestamps))
        words, rows, mask = self._words, self._rows, self.capacity - 1
        at = words[_PRODUCED]
        words[_RESERVED] = at + len(designs)
        for design in designs:
            rows[at & mask] = np.frombuffer(encode_design(design), np.uint8)
            at += 1
        words[_PRODUCED] = at
        self._stims.post(timestamps, channels)

    def close(self) -> None:
        """Let go of the mappings."""
        self._stims.close()
        del self._rows


def _rows(region: Region, capacity: int) -> NDArray[np.uint8]:
    return region.array("u1", PAGE, DESIGN_BYTES * capacity).reshape(  # type: ignore[return-value]
        capacity, DESIGN_BYTES
    )
