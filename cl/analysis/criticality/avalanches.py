"""Avalanches: runs of bins with more spikes than a threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Avalanches:
    """A avalanches in order of time (Beggs & Plenz 2003, J Neurosci 23:11167)."""

    activity: NDArray[np.int64]
    """(B): spikes in each bin."""
    starts: NDArray[np.int64]
    """(A): the first bin of each."""
    durations: NDArray[np.int64]
    """(A): bins."""
    sizes: NDArray[np.int64]
    """(A): spikes in all bins of each; the threshold is not subtracted (K10)."""
    gaps: NDArray[np.int64]
    """(A − 1): bins between an avalanche and the next of the same recording."""

    def shapes(self) -> list[NDArray[np.int64]]:
        """Return the spikes in each bin of each avalanche."""
        activity = self.activity
        bounds = zip(self.starts.tolist(), (self.starts + self.durations).tolist(), strict=True)
        return [activity[first:last] for first, last in bounds]

    def profile(self, duration: int) -> NDArray[np.float64]:
        """Return the mean shape of the avalanches that last so long, each with a sum of 1."""
        chosen = self.durations == duration
        bins = self.starts[chosen, None] + np.arange(duration)
        profile: NDArray[np.float64] = (self.activity[bins] / self.sizes[chosen, None]).mean(axis=0)
        return profile


def find_avalanches(activity: NDArray[np.int64], threshold: float, spans: NDArray[np.int64]) -> Avalanches:
    """Return the maximal runs of bins with more spikes than a threshold.

    The threshold is after Poil et al. 2012, J Neurosci 32:9817.
    `spans` tells which recording each bin is of: no avalanche goes on from one into another, and there is no
    gap between those of different ones.
    """
    above = np.zeros(len(activity) + 2, np.bool_)
    above[1:-1] = activity > threshold
    begins = np.zeros(len(activity) + 1, np.bool_)
    """Whether a recording begins with a bin."""
    begins[1:-1] = spans[1:] != spans[:-1]
    starts = np.flatnonzero(above[1:-1] & (~above[:-2] | begins[:-1]))
    ends = np.flatnonzero(above[1:-1] & (~above[2:] | begins[1:])) + 1
    sums = np.concatenate([[0], np.cumsum(activity)])
    same = spans[starts[1:]] == spans[ends[:-1] - 1]
    return Avalanches(
        activity, starts, ends - starts, sums[ends] - sums[starts], (starts[1:] - ends[:-1])[same]
    )
