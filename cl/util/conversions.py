"""Between seconds and frames of the device (25 000 a second)."""

from __future__ import annotations

import math
from fractions import Fraction

from cl._values.constants import FRAMES_PER_SECOND
from cl._values.rates import exact


def seconds_to_frames(seconds: float) -> int:
    """Return the number of whole frames nearest to so many seconds, halves up.

    The seconds are taken as the decimal they print as. May be negative. Raises
    TypeError for what is no number, ValueError for NaN and infinities.
    """
    return int((exact("seconds", seconds) * FRAMES_PER_SECOND + Fraction(1, 2)) // 1)


def frames_to_seconds(frames: float) -> float:
    """Return the seconds that so many frames take, rounded correctly. Raises as `seconds_to_frames` does."""
    return float(Fraction(exact("frames", frames)) / FRAMES_PER_SECOND)


def seconds_to_minimum_frames(seconds: float, frames_per_second: float) -> int:
    """Return the fewest frames that last so long: the product, rounded to 5 decimals, rounded up."""
    return math.ceil(round(seconds * frames_per_second, 5))


def frames_to_approximate_seconds(frames: float, frames_per_second: float) -> float:
    """Return the seconds that so many frames take, rounded to 5 decimals."""
    return round(frames / frames_per_second, 5)
