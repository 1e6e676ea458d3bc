"""The spikes' waveforms in a recording, read a block at a time when somebody looks at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from .errors import damaged

if TYPE_CHECKING:
    import h5py
    from numpy.typing import NDArray

_BLOCK: Final = 512
"""Rows that are read together, 150 kB: those who look at a waveform look at its neighbours next."""


class SpikeWaveforms:
    """The column `samples` of a table of spikes. `order` says which row of the table is the i-th spike."""

    def __init__(self, table: h5py.Dataset, order: NDArray[np.int64]) -> None:
        self._table = table
        self._order = order
        self._block: tuple[int, NDArray[np.float32]] = -1, np.empty((0, 75), np.float32)

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        """Return the i-th spike's waveform, float32[75] in µV, owned by the caller.

        Raises ValueError that names the file where it turns out to be damaged.
        """
        number, row = divmod(int(self._order[index]), _BLOCK)
        known, rows = self._block
        if known != number:
            rows = self._read(number * _BLOCK)
            # In one piece: others may be looking, too.
            self._block = number, rows
        waveform: NDArray[np.float32] = rows[row].copy()
        return waveform

    def _read(self, first: int) -> NDArray[np.float32]:
        with damaged(str(self._table.file.filename)):
            rows: NDArray[np.float32] = np.asarray(
                self._table.fields("samples")[first : first + _BLOCK], np.float32
            )
        return rows
