"""The exponent at which the mean shapes of avalanches of different durations fall together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BETAS: Final = (0.0, 1.001, 0.001)
"""The exponents that are tried, as `numpy.arange` takes them."""


def variance(profile: NDArray[np.float64]) -> float:
    """Return the variance of a profile over its scaled time 1/T … 1."""
    times = np.arange(1, len(profile) + 1) / len(profile)
    mean = (times * profile).sum()
    return float(((times - mean) ** 2 * profile).sum())


class Collapse:
    """The variances of profiles that can be collapsed, and the spread of them at each exponent β.

    The spread is the standard deviation of ln(v·T^2β): a collapse onto one shape has none. As the variances
    are those in scaled time a perfect collapse gives β = 0, and so does a single profile (K13).
    """

    def __init__(self, profiles: list[NDArray[np.float64]]) -> None:
        self._durations = np.array([len(profile) for profile in profiles], np.int64)
        self._variances = np.array([variance(profile) for profile in profiles], np.float64)
        self.betas = np.arange(*BETAS)

    def spread(self, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the spread of some of the profiles at each β; NaN without any."""
        valid = self._usable(chosen)
        if not len(valid):
            return np.full(len(self.betas), np.nan)
        logs = np.log(self._variances[valid]) + 2 * self.betas[:, None] * np.log(self._durations[valid])
        spread: NDArray[np.float64] = logs.std(axis=1)
        return spread

    def best(self, chosen: NDArray[np.int64], spread: NDArray[np.float64]) -> float:
        """Return the first β of least spread; NaN if there is none, 0 of one duration only (D18).

        Avalanches of one bin have no variance: they are no second duration.
        """
        durations = self._durations[self._usable(chosen)]
        if not len(durations):
            return math.nan
        if (durations == durations[0]).all():
            return 0.0
        return float(self.betas[int(np.argmin(spread))])

    def _usable(self, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return those of the chosen profiles that have a variance."""
        variances = self._variances[chosen]
        usable: NDArray[np.int64] = chosen[(variances > 0) & np.isfinite(variances)]
        return usable

    def bootstrap(self, draws: int, seed: int) -> float:
        """Return the standard deviation of β over draws of the profiles; NaN for fewer than two profiles."""
        count = len(self._durations)
        if count < 2 or draws <= 0:
            return math.nan
        random = np.random.RandomState(seed)
        known: dict[tuple[int, ...], float] = {}
        betas = []
        for _ in range(draws):
            chosen = random.choice(np.arange(count), size=count, replace=True)
            key = tuple(chosen.tolist())
            if key not in known:
                known[key] = self.best(chosen, self.spread(chosen))
            betas.append(known[key])
        return float(np.std(betas))
