"""The arguments of metrics: what they may be, and the frames of a bin."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from cl._values.numbers import decimal, real, whole

_MOST_FRAMES: Final = 1 << 62
"""Larger bins hold all of any recording as well."""
_LARGEST: Final = 1 << 62


def number(
    value: object, what: str, least: float = -math.inf, most: float = math.inf, *, above: float | None = None
) -> float:
    """Return a finite float of at least `least`, at most `most` and more than `above`.

    `TypeError` for what is no real number, `ValueError` for one beyond the limits.
    """
    found = real(value, what)
    if not math.isfinite(found):
        raise ValueError(f"{what} must be a finite number, not {found}")
    if above is not None and not found > above:
        raise ValueError(f"{what} must be more than {above:g}, not {found!r}")
    if found < least:
        raise ValueError(f"{what} must be at least {least:g}, not {found!r}")
    if found > most:
        raise ValueError(f"{what} must be at most {most:g}, not {found!r}")
    return found


def count(value: object, what: str, least: int = -_LARGEST) -> int:
    """Return an integer that arrays and floats can be compared with; errors as those of `whole`."""
    return whole(value, what, least, _LARGEST)


def truth(value: object, what: str) -> bool:
    """Return a bool; `TypeError` for anything else."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{what} must be a bool, not {value!r}")
    return bool(value)


def bin_seconds(value: object) -> float:
    """Return a size of bins in seconds, finite and above 0."""
    return number(value, "bin_size_sec", above=0)


def whole_frames(seconds: float, rate: float) -> int:
    """Return the whole frames of a bin, exactly as the decimal that its size prints as.

    `ValueError` for less than one frame.
    """
    size = math.floor(decimal(seconds) * decimal(float(rate)))
    if size < 1:
        raise ValueError(f"bin_size_sec must be at least one frame, 1/{rate} s, not {seconds!r}")
    return min(size, _MOST_FRAMES)


def nearest_frames(seconds: float, rate: float) -> int:
    """Return the frames nearest to the size of a bin, halves to the even one, at least one."""
    return min(max(1, round(decimal(seconds) * decimal(float(rate)))), _MOST_FRAMES)
