"""What counts as a number, and exact decimals."""

from __future__ import annotations

import numbers
import operator
from typing import TYPE_CHECKING, Final, NamedTuple, SupportsIndex, cast

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction


def _told(value: object) -> str:
    """Return a value as an error tells it, with its type if that may be what is wrong."""
    if isinstance(value, bool):
        return f"the bool {value}"
    return str(value) if isinstance(value, int) else kind(value)


class Wording(NamedTuple):
    """How an error says what a number is, and what it has to be."""

    text: str
    """With the fields `what`, `limit` and `value`."""
    noun: str = "an integer"
    """The limit that is named for anything else; may have the fields `least` and `most`."""
    between: str | None = None
    """What is named where both limits are given, with the same fields; None: the one that was not kept."""
    told: Callable[[object], str] = repr


MUST_BE: Final = Wording("{what} must be {limit}, not {value}", told=_told)


def whole(
    value: object, what: str, least: int | None = None, most: int | None = None, wording: Wording = MUST_BE
) -> int:
    """Return `value` as an int, of at least `least` and at most `most`.

    Anything that is no integer (bool included) is a `TypeError`, one outside of the limits a `ValueError`.
    """
    number = value if type(value) is int else _index(value)
    if number is None:
        noun = wording.noun.format(least=least, most=most)
        raise TypeError(wording.text.format(what=what, limit=noun, value=wording.told(value)))
    if least is not None and number < least:
        limit = f"at least {least}"
    elif most is not None and number > most:
        limit = f"at most {most}"
    else:
        return number
    if least is not None and least == most:
        limit = f"{least}"
    elif least is not None and most is not None and wording.between is not None:
        limit = wording.between.format(least=least, most=most)
    raise ValueError(wording.text.format(what=what, limit=limit, value=wording.told(number)))


def _index(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    try:
        return operator.index(cast("SupportsIndex", value))
    except TypeError:
        return None


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
