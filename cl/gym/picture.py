"""Steps of a culture as a picture: the map of the array above, a raster below."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

import numpy as np

from cl._values.constants import CHANNEL_COUNT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .step import Step

_ROWS: Final = 8
_SQUARE: Final = 24
"""Pixels of an electrode's edge."""
_LINE: Final = 3
"""Pixels of a channel's row in the raster, and of half a step."""
_RECENT: Final = 10
"""The map shows the mean of so many steps."""
_BACKGROUND: Final = (16, 18, 24)
_SPIKE: Final = np.array((120, 230, 160), float)
_STIM: Final = np.array((255, 120, 60), np.uint8)
_GAP: Final = 8


def picture(steps: Collection[Step], columns: int) -> NDArray[np.uint8]:
    """Return the last steps as uint8 (height, width, 3): always of the same size, for as many `columns`."""
    electrodes, raster = _map([*steps][-_RECENT:]), _raster(steps, columns)
    height = electrodes.shape[0] + _GAP + raster.shape[0]
    made = np.empty((height, max(electrodes.shape[1], raster.shape[1]), 3), np.uint8)
    made[...] = _BACKGROUND
    left = (made.shape[1] - electrodes.shape[1]) // 2
    made[: electrodes.shape[0], left : left + electrodes.shape[1]] = electrodes
    made[-raster.shape[0] :, : raster.shape[1]] = raster
    return made


def _map(steps: list[Step]) -> NDArray[np.uint8]:
    """Return the electrodes, channel = row + 8 * column, brighter where there were more spikes."""
    counts = np.zeros(CHANNEL_COUNT)
    for step in steps:
        counts += step.counts
    bright = (counts / (counts + max(len(steps), 1))).reshape(_ROWS, _ROWS).T[..., None]
    values = bright * _SPIKE + (1 - bright) * 40
    for step in steps[-1:]:
        for stim in step.stims:
            values[stim.channel % _ROWS, stim.channel // _ROWS] = _STIM
    large = np.repeat(np.repeat(values.astype(np.uint8), _SQUARE, 0), _SQUARE, 1)
    large[::_SQUARE] = large[:, ::_SQUARE] = _BACKGROUND
    return large


def _raster(steps: Collection[Step], columns: int) -> NDArray[np.uint8]:
    """Return a row for each channel and a column for each step, the newest on the right."""
    cells = np.empty((CHANNEL_COUNT, columns, 3), np.uint8)
    cells[...] = _BACKGROUND
    for column, step in enumerate(steps, columns - len(steps)):
        cells[step.counts > 0, column] = _SPIKE.astype(np.uint8)
        for stim in step.stims:
            cells[stim.channel, column] = _STIM
    return np.repeat(np.repeat(cells, _LINE, 0), _LINE // 2 + 1, 1)
