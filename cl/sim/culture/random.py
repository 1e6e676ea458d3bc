"""Random numbers of the culture: keyed streams and tables, the same on every platform and numpy.

Only the raw output of the bit generator is used, which numpy keeps stable for good; what its
`Generator` makes of it may change from one release to the next. A stream gives the same numbers
whether they are taken at once or a few at a time.
"""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

WORDS: Final = 65_536
"""Entries of a table of quantiles: one for each 16-bit word."""
WORDS_PER_RAW: Final = 4
"""16-bit words in one raw output of the generator."""


def stream(seed: int, purpose: int) -> np.random.PCG64DXSM:
    """Return the generator of `seed` for one purpose, independent of those for the others."""
    return np.random.PCG64DXSM(np.random.SeedSequence(seed, spawn_key=(purpose,)))


@cache
def normal_quantiles() -> NDArray[np.float64]:
    """Return the standard normal distribution as 65 536 equally likely values, ascending; read-only.

    They reach to 4.3 standard deviations; their variance is 1 within 2e-4.
    """
    normal = NormalDist()
    lower = np.array([normal.inv_cdf((word + 0.5) / WORDS) for word in range(WORDS // 2)])
    quantiles = np.concatenate([lower, -lower[::-1]])
    quantiles.flags.writeable = False
    return quantiles


def words(source: np.random.PCG64DXSM, count: int) -> NDArray[np.uint16]:
    """Return the next `count` 16-bit words; what is left of the last raw output is dropped."""
    raw = source.random_raw(-(-count // WORDS_PER_RAW))
    return raw.view(np.uint16)[:count]


def uniform(source: np.random.PCG64DXSM, *shape: int) -> NDArray[np.float64]:
    """Return uniform numbers in [0, 1), 53 bits each."""
    raw = source.random_raw(math.prod(shape))
    numbers: NDArray[np.float64] = (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return numbers.reshape(shape)
