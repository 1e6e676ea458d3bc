"""Firing rates on the electrode grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from cl._values.constants import CHANNEL_COUNT
from cl.analysis.recorded import rate_of
from cl.analysis.spans import frames

from .numbers import Numbers
from .parts import parts_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cl._store.read.analysable import Analysable

SIDE: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class ActivityMap(Numbers):
    """Activity on the electrode grid: channel c is in row c % 8 and column c // 8, channel 0 top left.

    - `channels`: int64 (8, 8), the channel at each place;
    - `counts`: int64 (8, 8), spikes; `observed_sec`: how long was looked at;
    - `rates_hz`: (8, 8), counts / observed_sec, NaN where that is nothing.
    """

    channels: NDArray[np.int64]
    counts: NDArray[np.int64]
    rates_hz: NDArray[np.float64]
    observed_sec: float


def activity_map(view: Analysable, *, blank_sec: float = 0.0) -> ActivityMap:
    """Return the activity of a view on the grid; see `RecordingView.activity_map`."""
    rate = rate_of(view)
    blank = frames(blank_sec, "blank_sec", rate)
    counts = np.zeros(CHANNEL_COUNT, np.int64)
    observed = 0
    for part in parts_of(view, list(range(CHANNEL_COUNT)), blank):
        counts += np.bincount(part.rows, minlength=CHANNEL_COUNT)
        observed += int(part.observed.until(np.array([part.observed.stop]))[0])
    grid = counts.reshape(SIDE, SIDE).T
    seconds = observed / rate
    rates = grid / seconds if observed else np.full(grid.shape, np.nan)
    return ActivityMap(np.arange(CHANNEL_COUNT).reshape(SIDE, SIDE).T, grid, rates, seconds)
