"""The arithmetic of loops: rates and durations are taken as the decimals they print as."""

from __future__ import annotations

import math
import operator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .constants import FRAMES_PER_SECOND
from .numbers import real, single, whole

if TYPE_CHECKING:
    from fractions import Fraction


def exact(name: str, value: Any) -> int | Fraction:
    """Return a number as the decimal that it prints as, see `_exact`; plain numbers come again and again."""
    if type(value) is int:
        return value
    return _exact_float(name, value) if type(value) is float else _exact(name, value)


def _exact(name: str, value: Any) -> int | Fraction:
    """Return a number as the decimal that it prints as: 0.1 is a tenth, not the nearest binary fraction.

    Raises `TypeError` for what is not a real number, `ValueError` for NaN and infinities.
    """
    number: Any = single(value)
    if isinstance(number, bool):
        raise TypeError(f"{name} must be a number, not {value!r}")
    try:
        return operator.index(number)
    except TypeError:
        pass
    try:
        as_float = real(number, name)
    except TypeError:
        raise TypeError(f"{name} must be a number, not {value!r}") from None
    if not math.isfinite(as_float):
        raise ValueError(f"{name} must be finite, not {value!r}")
    from fractions import Fraction

    try:
        return Fraction(repr(as_float)) if type(number) is float else Fraction(str(number))
    except ValueError:  # It is a number and prints as something else.
        return Fraction(repr(as_float))


_exact_float = lru_cache(maxsize=256)(_exact)


def frames_per_tick(ticks_per_second: Any) -> int:
    """Return 25000 // ticks_per_second; `ValueError` unless 0 < ticks_per_second <= 25000."""
    rate = exact("ticks_per_second", ticks_per_second)
    if not 0 < rate <= FRAMES_PER_SECOND:
        raise ValueError(
            f"ticks_per_second must be above 0 and at most {FRAMES_PER_SECOND}, not {ticks_per_second!r}"
        )
    return int(FRAMES_PER_SECOND // rate)


def duration_ticks(ticks_per_second: Any, stop_after_seconds: Any, stop_after_ticks: Any) -> int | None:
    """Return how many ticks a loop runs, or None without an end.

    Seconds give ceil(seconds x rate) ticks. `ValueError` where both are given, or one is not above 0.
    """
    if stop_after_seconds is not None and stop_after_ticks is not None:
        raise ValueError(
            f"stop_after_seconds={stop_after_seconds!r} and stop_after_ticks={stop_after_ticks!r}: "
            "only one of them can be given"
        )
    if stop_after_ticks is not None:
        return whole(stop_after_ticks, "stop_after_ticks", 1, floats=True)
    if stop_after_seconds is None:
        return None
    seconds = exact("stop_after_seconds", stop_after_seconds)
    if seconds <= 0:
        raise ValueError(f"stop_after_seconds must be above 0, not {stop_after_seconds!r}")
    return math.ceil(seconds * exact("ticks_per_second", ticks_per_second))


def seconds_to_frames(name: str, seconds: Any) -> int:
    """Return ceil(seconds x 25000); `ValueError` below 0."""
    return _frames_of_float(name, seconds) if type(seconds) is float else _frames_of(name, seconds)


def _frames_of(name: str, seconds: Any) -> int:
    value = exact(name, seconds)
    if value < 0:
        raise ValueError(f"{name} must be at least 0, not {seconds!r}")
    return math.ceil(value * FRAMES_PER_SECOND)


_frames_of_float = lru_cache(maxsize=256)(_frames_of)
"""The same durations come again and again, and the arithmetic of decimals takes longer than a tick."""


def ordinal(n: int) -> str:
    """Return 1st, 2nd, 3rd, 4th ..."""
    suffix = "th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{suffix}"
