"""The Poisson noise of the random source, prepared for drawing by table look-up."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_MEAN: Final = 1_000_000.0
"""The largest mean taken: its samples, tripled, still fit an int16 but for one in 10**27."""
WORDS: Final = 65_536
"""Entries of a look-up table: the values of one random 16-bit word."""
_REACH: Final = 12.0
_MARGIN: Final = 40


class CentredPoisson:
    """The distribution of X - round(mean), where X is Poisson distributed.

    `values` are the samples that can occur, ascending, and `pmf` their probabilities. What lies
    further out than 12 standard deviations (and 40 units) has a probability below 1e-30 and is left out.
    """

    def __init__(self, mean: float) -> None:
        centre = round(mean)
        reach = math.ceil(_REACH * math.sqrt(mean)) + _MARGIN if mean > 0 else 0
        counts = np.arange(max(0, centre - reach), centre + reach + 1)
        self.values: NDArray[np.int64] = counts - centre
        self.pmf: NDArray[np.float64] = _poisson_pmf(counts, mean)

    def threshold(self, exceedance: float) -> int:
        """Return the t >= 0 whose P(|x| > t) is closest to `exceedance`; the smallest, if several are.

        It is never negative: a sample of exactly 0 is on the mean, and not beyond anything.
        """
        size = np.abs(self.values)
        mass = np.bincount(size, weights=self.pmf)
        # Summed from the far end, so that the small tails keep their relative precision.
        beyond = np.append(np.cumsum(mass[::-1])[::-1][1:], 0.0)
        return int(np.argmin(np.abs(beyond - exceedance)))

    def split(self, threshold: int) -> tuple[Mixture, Tail]:
        """Return the distribution given |x| <= threshold, and the one given |x| > threshold."""
        outside = np.abs(self.values) > threshold
        return Mixture(self.values[~outside], self.pmf[~outside]), Tail(
            self.values[outside], self.pmf[outside]
        )

    def rounded_table(self) -> NDArray[np.int16]:
        """Return the inverse of the cumulative distribution at the mid-points of 65 536 equal steps."""
        edges = np.rint(np.cumsum(self.pmf) * WORDS).astype(np.int64)
        edges[-1] = WORDS
        return np.repeat(self.values, np.diff(edges, prepend=0)).astype(np.int16)


class Tail:
    """A discrete distribution of total weight `probability`, drawn from by inversion."""

    def __init__(self, values: NDArray[np.int64], weights: NDArray[np.float64]) -> None:
        self.probability = float(weights.sum())
        self._values = values.astype(np.int16)
        self._cumulative = np.cumsum(weights) / (self.probability or 1.0)

    def draw(self, uniform: NDArray[np.float64]) -> NDArray[np.int16]:
        """Return one value for each of the uniform numbers in [0, 1)."""
        return self._values[_inverse(self._cumulative, uniform)]


class Mixture:
    """A discrete distribution as a look-up table and a small correction, together exact.

    A table of 65 536 entries gives probabilities in steps of 1/65536 only, far too coarse for the
    tails. So the table holds each value as often as fits below its probability, and with the probability
    `correction.probability` a sample is drawn from what was left over instead (the composition method,
    Devroye 1986, Non-Uniform Random Variate Generation, II.4).
    """

    def __init__(self, values: NDArray[np.int64], weights: NDArray[np.float64]) -> None:
        pmf = weights / weights.sum()
        counts, share = _fill_table(pmf)
        self.table: NDArray[np.int16] = np.repeat(values, counts).astype(np.int16)
        self.correction = Tail(values, np.maximum(pmf - (1.0 - share) * counts / WORDS, 0.0))


def _fill_table(pmf: NDArray[np.float64]) -> tuple[NDArray[np.int64], float]:
    """Return how often the table holds each value, and the share that the correction must have.

    With the counts c of total 65 536, (1 - share) * c / 65536 <= pmf must hold everywhere.
    """
    # The scale is raised until the rounded-down counts fill the table; each value gains at most one.
    low, high = WORDS, WORDS + 2 * len(pmf)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if np.floor(pmf * middle).sum() <= WORDS else (low, middle)
    counts = np.floor(pmf * low).astype(np.int64)
    scale = float(low)
    missing = WORDS - int(counts.sum())
    if missing:
        # Fill up where it costs the least: the values whose next entry comes at the smallest scale.
        cost = (counts + 1) / np.maximum(pmf, 1e-300)
        chosen = np.argsort(cost, kind="stable")[:missing]
        counts[chosen] += 1
        scale = max(scale, float(cost[chosen].max()))
    return counts, 1.0 - WORDS / scale


def _inverse(cumulative: NDArray[np.float64], uniform: NDArray[np.float64]) -> NDArray[np.intp]:
    # The last sum may round to just below 1.
    return np.minimum(np.searchsorted(cumulative, uniform, side="right"), len(cumulative) - 1)


def _poisson_pmf(counts: NDArray[np.int64], mean: float) -> NDArray[np.float64]:
    if mean == 0:
        return np.ones(1)
    log_factorial = np.array([math.lgamma(count + 1) for count in counts.tolist()])
    pmf: NDArray[np.float64] = np.exp(counts * math.log(mean) - mean - log_factorial)
    pmf /= pmf.sum()
    return pmf
