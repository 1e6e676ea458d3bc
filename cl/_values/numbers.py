"""What counts as a number, and exact decimals."""

from __future__ import annotations

import numbers
import operator
from typing import TYPE_CHECKING, SupportsIndex, cast

if TYPE_CHECKING:
    from fractions import Fraction


def whole(value: object, what: str) -> int:
    """Return `value` as an int; anything that is no integer (bool included) is a `TypeError`."""
    if type(value) is int:
        return value
    if isinstance(value, bool):
        raise TypeError(f"{what} must be an integer, not the bool {value}")
    try:
        return operator.index(cast("SupportsIndex", value))
    except TypeError:
        raise TypeError(f"{what} must be an integer, not {kind(value)}") from None


def real(value: object, what: str) -> float:
    """Return `value` as a float; anything that is no real number (bool included) is a `TypeError`.

    An integer too large for a float becomes an infinity, which every limit refuses. A numpy float
    of less precision becomes the decimal that it prints as: float32(1.2) is 1.2.
    """
    if type(value) is float:
        return value
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{what} must be a real number, not {kind(value)}")
    try:
        return float(str(value) if hasattr(value, "dtype") else value)
    except OverflowError:
        return float("-inf") if repr(value).startswith("-") else float("inf")


def kind(value: object) -> str:
    """Return the text by which an error names a value of a wrong type."""
    name = type(value).__name__
    return f"{value!r} ({'an' if name[0] in 'aeiouAEIOU' else 'a'} {name})"


def decimal(value: float) -> Fraction:
    """Return the decimal that `value` prints as, exactly: 0.1 is one tenth."""
    # Imported late: fractions costs milliseconds that `import cl` need not pay.
    from fractions import Fraction

    return Fraction(repr(value))
