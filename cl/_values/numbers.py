"""What counts as a number, and exact decimals."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Final, NamedTuple, SupportsIndex, cast

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


_EXACT: Final = 1 << 53
"""Integers below are floats without a loss."""
MUST_BE: Final = Wording("{what} must be {limit}, not {value}", told=_told)


def whole(
    value: object,
    what: str,
    least: int | None = None,
    most: int | None = None,
    wording: Wording = MUST_BE,
    *,
    floats: bool = False,
) -> int:
    """Return `value` as an int, of at least `least` and at most `most`.

    Taken is what Python counts with (`__index__`: numpy's integers, also as arrays of no dimension) and a
    Decimal or a Fraction without a fraction; with `floats` also a float without one, for arguments where
    cl-sdk takes it. Anything else (bools and texts included) is a `TypeError`, a number outside of the limits
    a `ValueError`.
    """
    number = value if type(value) is int else _index(value, floats)
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


def _index(value: object, floats: bool) -> int | None:
    value = single(value)
    if isinstance(value, bool):
        return None
    try:
        return operator.index(cast("SupportsIndex", value))
    except TypeError:
        pass
    # A binary float of five is five by accident, a decimal by intention.
    if not floats and (isinstance(value, float) or hasattr(value, "dtype")):
        return None
    try:
        numerator, denominator = value.as_integer_ratio()  # type: ignore[attr-defined]
    except (AttributeError, TypeError, ValueError, OverflowError):  # NaN and infinities have none.
        return None
    return int(numerator) if denominator == 1 else None


def single(value: object) -> object:
    """Return the number in an array of no dimension (numpy's and the like); all else as it is.

    What is in an array of bools, texts or objects comes out as Python has it, for others to refuse.
    """
    shape: Any = getattr(value, "shape", None)
    if not hasattr(shape, "__len__") or len(shape):
        return value
    array = cast("Any", value)
    if getattr(getattr(array, "dtype", None), "kind", "") in ("i", "u", "f"):
        return array[()]
    return array.item() if hasattr(array, "item") else value


def real(value: object, what: str) -> float:
    """Return `value` as a float: of anything that is a single number.

    That is what has `__float__` or `__index__` (numpy scalars, arrays of no dimension, Decimal, Fraction);
    all else, bools and texts included, is a `TypeError`. A number too large for a float becomes an infinity,
    which every limit refuses. A numpy float of less precision becomes the decimal that it prints as:
    float32(1.2) is 1.2.
    """
    if type(value) is float:
        return value
    if type(value) is int and -_EXACT < value < _EXACT:
        return float(value)
    number: Any = single(value)
    try:
        if isinstance(number, bool) or not (hasattr(number, "__float__") or hasattr(number, "__index__")):
            raise TypeError
        if getattr(number, "shape", ()) != ():
            raise TypeError
        return float(str(number) if hasattr(number, "dtype") else number)
    except OverflowError:
        return float("-inf") if repr(number).startswith("-") else float("inf")
    except (TypeError, ValueError):
        raise TypeError(f"{what} must be a real number, not {kind(value)}") from None


def kind(value: object) -> str:
    """Return the text by which an error names a value of a wrong type."""
    name = type(value).__name__
    return f"{value!r} ({'an' if name[0] in 'aeiouAEIOU' else 'a'} {name})"


def decimal(value: float) -> Fraction:
    """Return the decimal that `value` prints as, exactly: 0.1 is one tenth."""
    # Imported late: fractions costs milliseconds that `import cl` need not pay.
    from fractions import Fraction

    return Fraction(repr(value))
