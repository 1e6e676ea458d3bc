"""Power laws of integers, and the bounds within which data follow one.

The lineage of EXCLUDE and tplfit: Marshall et al. 2016, Front Physiol 7:250; Ma et al. 2019, Neuron 104:655.
Its likelihood is normalised over the values that were observed, so that the "CDF" may exceed 1 on sparse data
(K11); Clauset, Shalizi & Newman 2009, SIAM Rev 51:661, and the package powerlaw (Alstott et al. 2014)
normalise over all integers: other exponents.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from .minimum import fmin

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FIRST_GUESS: Final = 2.3
_BEST_KS: Final = 0.1
_LEAST_CHANGE: Final = 0.0005
_BULK: Final = 0.8


class Fit(NamedTuple):
    """A power law x^−exponent for x ≥ least, and how far its CDF is from the data's (Kolmogorov-Smirnov)."""

    exponent: float
    least: float
    ks: float


class Bounds(NamedTuple):
    """The values between which data follow a power law."""

    low: float
    high: float
    ks: float


class Histogram:
    """How often each of some positive integers occurs."""

    def __init__(self, values: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        self.values = values
        self.counts = counts
        self._logs = np.log(values)
        self._above = np.cumsum(counts[::-1])[::-1]
        self._logs_above = np.cumsum((counts * self._logs)[::-1])[::-1]

    @classmethod
    def of(cls, data: NDArray[np.int64]) -> Histogram:
        """Return the histogram of data."""
        return cls(*np.unique(data, return_counts=True))

    def __len__(self) -> int:
        return len(self.values)

    def within(self, low: float, high: float) -> Histogram:
        """Return the values from `low` to `high`, both included."""
        chosen = (self.values >= low) & (self.values <= high)
        return Histogram(self.values[chosen], self.counts[chosen])

    def without_largest(self) -> Histogram:
        """Return all values but the largest."""
        return Histogram(self.values[:-1], self.counts[:-1])

    def exponent(self, first: int) -> float:
        """Return the most likely exponent of the values from the one of this index on."""
        logs = self._logs[first:]
        total, number = float(self._logs_above[first]), int(self._above[first])

        def unlikelihood(p: float) -> float:
            return p * total + number * math.log(float(np.exp(logs * -p).sum()))

        return fmin(unlikelihood, _FIRST_GUESS)

    def distance(self, exponent: float, least: int, first: int) -> float:
        """Return the largest difference of the CDFs on `least` … the largest value."""
        values, counts = self.values[first:], self.counts[first:]
        support = np.arange(least, int(values[-1]) + 1)
        normaliser = float((values.astype(np.float64) ** -exponent).sum())
        model = np.cumsum(support.astype(np.float64) ** -exponent)
        model /= normaliser
        observed = np.repeat(np.cumsum(counts) / counts.sum(), np.diff(np.append(values, values[-1] + 1)))
        model[int(values[0]) - least :] -= observed
        return float(np.abs(model).max())


def fit(data: Histogram, limit: float) -> Fit:
    """Return the power law, of those that begin at 1 … limit, whose CDF is nearest to the data's.

    The first of equal ones. One with fewer than two values above its beginning has a flat likelihood, and is
    left out. (NaN, limit, infinity) if there is none.
    """
    most = max(1, int(limit))
    best = Fit(math.nan, float(most), math.inf)
    if len(data) < 2 or limit < 1:
        return best
    known: tuple[int, float] = -1, math.nan
    for least in range(1, min(most, int(data.values[-1])) + 1):
        first = int(np.searchsorted(data.values, least))
        if len(data) - first < 2:
            break
        if first != known[0]:
            known = first, data.exponent(first)
        ks = data.distance(known[1], least, first)
        if ks < best.ks:
            best = Fit(known[1], float(least), ks)
    return best


def find_bounds(data: Histogram, limit: float) -> Bounds:
    """Return the bounds within which data follow a power law that begins at 1 … limit.

    From max(x)^0.8 on the largest value is taken away until the distance of the CDFs is small or hardly
    changes; the upper bound is one value below what was tested last. (limit, max(x)^0.8, infinity) where that
    comes to nothing.
    """
    top = float(data.values[-1]) ** _BULK
    failed = Bounds(float(limit), top, math.inf)
    rest = Histogram(data.values[data.values < top], data.counts[data.values < top])
    above_one = int(rest.counts[rest.values > 1].sum())
    if not above_one:
        return failed
    good_enough = min(1 / math.sqrt(above_one), _BEST_KS)
    ks = change = 1.0
    low = high = math.nan
    high = float(rest.values[-1])
    while ks > good_enough and change > _LEAST_CHANGE:
        found = fit(rest, limit)
        if math.isnan(found.exponent):
            return failed
        low, change, ks = found.least, abs(ks - found.ks), found.ks
        rest = rest.without_largest()
        if not len(rest):
            break
        high = float(rest.values[-1])
    return Bounds(low, high, ks)
