"""Functions that are on their way out."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def deprecated(replacement: str | None = None) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Return a decorator: the first call of the function prints that it is deprecated, and what to use."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        advice = "" if replacement is None else f", use {replacement} instead"
        told = False

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            nonlocal told
            if not told:
                told = True
                print(f"{function.__name__} is deprecated{advice}")
            return function(*args, **kwargs)

        return call

    return decorate
