"""What of the time is observed: all of a window but what stimulation artifacts cover."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Observed:
    """The frames of [start, stop) that are not within `blank` frames from a stim on.

    `stims`: int64, ascending, of any channels, also before the window: artifacts are seen on all electrodes.
    """

    def __init__(self, start: int, stop: int, stims: NDArray[np.int64], blank: int) -> None:
        self.start = start
        self.stop = stop
        if not blank or not len(stims):
            stims = np.empty(0, np.int64)
        apart = np.diff(stims) > blank
        first = np.concatenate(([True], apart))[: len(stims)]
        last = np.concatenate((apart, [True]))[: len(stims)]
        self._from = stims[first]
        self._to = stims[last] + blank
        self._before = np.concatenate(([0], np.cumsum(self._to - self._from)))

    def holds(self, timestamps: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which frames are observed."""
        found: NDArray[np.bool_] = (timestamps >= self.start) & (timestamps < self.stop)
        if len(self._from):
            number = np.searchsorted(self._from, timestamps, "right") - 1
            found &= (number < 0) | (timestamps >= self._to[number])
        return found

    def until(self, timestamps: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return how many frames before each of these are observed."""
        within = np.clip(timestamps, self.start, self.stop)
        found: NDArray[np.int64] = within - self.start - self._blanked(within)
        found += self._blanked(np.array([self.start]))[0]
        return found

    def between(self, start: NDArray[np.int64], stop: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return how many frames of each [start, stop) are observed."""
        found: NDArray[np.int64] = self.until(stop) - self.until(start)
        return found

    def _blanked(self, timestamps: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return how many frames before each of these are blanked, those before the window as well."""
        if not len(self._from):
            return np.zeros(timestamps.shape, np.int64)
        number = np.searchsorted(self._from, timestamps, "right") - 1
        there = number >= 0
        inside = np.minimum(timestamps, self._to[number]) - self._from[number]
        found: NDArray[np.int64] = np.where(there, self._before[number] + inside, 0)
        return found
