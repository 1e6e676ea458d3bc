"""The other form of what was used in the wrong kind of program."""

from __future__ import annotations

from typing import Final, NoReturn

_TEXT: Final = "{} is for {} programs: write '{}'"


def is_synchronous(what: str, twin: str) -> NoReturn:
    """Raise the TypeError of an `async for` or `async with` over what an async program has a twin for."""
    raise TypeError(_TEXT.format(what, "synchronous", twin))


def is_asynchronous(what: str, twin: str) -> NoReturn:
    """Raise the TypeError of a `for` or `with` over what is for async programs."""
    raise TypeError(_TEXT.format(what, "async", twin))
