"""Arguments of `cl.analysis` that are times of any length: decimals in seconds, as whole frames."""

from __future__ import annotations

import math
from typing import Final

from cl._values.numbers import decimal

from .arguments import number

LONGEST_S: Final = 1e9


def frames(value: object, name: str, rate: float, *, least: int = 0) -> int:
    """Return a time in whole frames, what is over is cut: 0.29 s at 25 kHz is 7250.

    `value` is taken as the decimal that it prints as. TypeError for what is no number, ValueError for one
    that is not finite, negative, or shorter than `least` frames.
    """
    seconds = number(value, name, 0, LONGEST_S)
    found = math.floor(decimal(seconds) * decimal(float(rate)))
    if found < least:
        raise ValueError(f"{name} must be at least {least} frame, {least / rate:g} s, not {value!r}")
    return found
