"""The branching ratio from the autocorrelation of activity: the multistep regression estimator.

Wilting & Priesemann 2018, Nat Commun 9:2325; Spitzner et al. 2021, PLoS ONE 16:e0249447, whose package
mrestimator fits other functions with other weights: other numbers.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from cl.analysis.optional import missing

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEAST_PAIRS: Final = 10
_MOST_CALLS: Final = 50_000
_NOTHING: Final = np.empty(0)


class Branching(NamedTuple):
    """The branching ratio, and what it was fitted to."""

    ratio: float
    lags: NDArray[np.float64]
    slopes: NDArray[np.float64]
    parameters: NDArray[np.float64]


_NONE: Final = Branching(math.nan, _NOTHING, _NOTHING, _NOTHING)


def branching_ratio(active: NDArray[np.int64], spans: NDArray[np.int64], max_lags: int) -> Branching:
    """Return |m| of |u|·|m|^k, fitted to the slopes of the regressions of activity on that of k bins before.

    k = 1 … max_lags − 1 (K12). `spans` tells which recording each bin is of: pairs lie in one. NaN and empty
    arrays if a lag has fewer than ten pairs, or nothing can be fitted.
    """
    lags = range(1, max_lags)
    if max_lags > len(active) or _pairs(spans, max_lags - 1) < _LEAST_PAIRS:
        return _NONE  # rather than after as many regressions as there are bins
    regressions = []
    for lag in lags:
        found = _regression(active, spans, lag)
        if found is None:
            return _NONE
        regressions.append(found)
    if not regressions:
        return _NONE
    slopes, errors = np.array(regressions, np.float64).T
    parameters = _fit(np.array(lags, np.float64), slopes, errors * np.linspace(1, 10, len(slopes)))
    if parameters is None:
        return _NONE
    return Branching(abs(float(parameters[1])), np.array(lags, np.float64), slopes, parameters)


def _pairs(spans: NDArray[np.int64], lag: int) -> int:
    """Return how many bins of the same recording are so far apart; the fewer, the longer the lag."""
    return int(np.maximum(np.bincount(spans) - lag, 0).sum())


def _regression(active: NDArray[np.int64], spans: NDArray[np.int64], lag: int) -> tuple[float, float] | None:
    """Return slope and standard error, as `scipy.stats.linregress` has them; None where activity is constant.

    Of sums of integers, which are exact.
    """
    before, after = active[:-lag], active[lag:]
    if len(spans) and spans[-1] != spans[0]:
        same = spans[lag:] == spans[:-lag]
        before, after = before[same], after[same]
    pairs = len(before)
    x, y = int(before.sum()), int(after.sum())
    xx = pairs * int(before @ before) - x * x
    yy = pairs * int(after @ after) - y * y
    xy = pairs * int(before @ after) - x * y
    if not xx:
        return None
    unexplained = (xx * yy - xy * xy) / (xx * xx) / (pairs - 2)
    return xy / xx, math.sqrt(unexplained)


def _fit(
    lags: NDArray[np.float64], slopes: NDArray[np.float64], sigma: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Fit |u|·|m|^k as `scipy.optimize.curve_fit` does, without its warnings; None if it fails."""
    try:
        from scipy.optimize import leastsq
    except ImportError as error:
        raise missing("scipy") from error

    def residuals(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = weights * (
            np.abs(parameters[0]) * np.abs(parameters[1]) ** lags - slopes
        )
        return found

    if len(lags) < 2 or not (sigma > 0).all():
        return None
    weights = 1 / sigma
    with np.errstate(all="ignore"):
        found, _, _, _, status = leastsq(residuals, [slopes[0], 1.0], full_output=True, maxfev=_MOST_CALLS)
    if status not in (1, 2, 3, 4) or not np.isfinite(found).all():
        return None
    parameters: NDArray[np.float64] = found
    return parameters
