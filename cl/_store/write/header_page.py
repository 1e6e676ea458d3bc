"""A page with the headers of datasets that become longer together.

A dataset's header tells how long it is. Those of what belongs together (the samples and their events, the
index of a stream and its data) lie side by side in one page, and one link replaces them: whatever happens to
the process, or to the machine, either all of them are as long as they were or all are longer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import layout
from .compressed_dataset import CompressedDataset
from .growing_dataset import GrowingDataset
from .ordered_file import PAGE

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from . import hdf5
    from .ordered_file import OrderedFile


class HeaderPage:
    """Makes datasets whose headers lie side by side, and makes them longer together."""

    def __init__(self, file: OrderedFile, room: int = PAGE) -> None:
        self._file = file
        self._room = room
        self._address = file.allocate(room, whole=True)
        self._used = 0
        self.datasets: list[GrowingDataset] = []

    def array(
        self,
        row: np.dtype[Any],
        tail: tuple[int, ...],
        chunk: int,
        level: int = 0,
        checksum_rows: int = 0,
    ) -> GrowingDataset:
        """Add an array whose rows have the shape `tail`, compressed at a level of zlib's above 0."""
        return self._add(row, tail, chunk, layout.array_attributes(), level, checksum_rows)

    def table(self, row: np.dtype[Any], chunk: int) -> GrowingDataset:
        """Add a table."""
        return self._add(row, (), chunk, layout.table_attributes(row))

    def _add(
        self,
        row: np.dtype[Any],
        tail: tuple[int, ...],
        chunk: int,
        attributes: tuple[hdf5.Attribute, ...],
        level: int = 0,
        checksum_rows: int = 0,
    ) -> GrowingDataset:
        address = self._address + self._used
        about = (self._file, row, tail, chunk, attributes, address)
        dataset = (
            CompressedDataset(*about, level, checksum_rows)
            if level
            else GrowingDataset(*about, checksum_rows=checksum_rows)
        )
        self._used += len(dataset.header)
        assert self._used <= self._room
        self.datasets.append(dataset)
        return dataset

    def publish(self, limits: Mapping[GrowingDataset, int] | None = None) -> None:
        """Have the next commit make all rows visible; of some datasets only those before a limit.

        After an OSError nothing has become longer.
        """
        stops = [(dataset, (limits or {}).get(dataset)) for dataset in self.datasets]
        for dataset, stop in stops:
            dataset.lead_to(stop)
        changed = [dataset for dataset, stop in stops if dataset.stage(stop)]
        if changed:
            start, last = changed[0].header_address, changed[-1]
            between = self.datasets[self.datasets.index(changed[0]) : self.datasets.index(last) + 1]
            self._file.link(start, b"".join(dataset.header for dataset in between))
