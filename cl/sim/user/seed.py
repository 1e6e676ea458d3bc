"""The seed of the open that a factory is called for, for sources that have no seed of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from cl._core.settings import load_settings

USUAL: Final = 0


class OpenSeed:
    """The seed that an open was given, if it was, and whether a source has asked for one."""

    __slots__ = ("given", "used")

    def __init__(self, given: int | None) -> None:
        self.given = given
        self.used = given
        """What the source was made with; None where it was made without."""

    def take(self) -> int:
        """Return the seed for a source: the one that was given, or else 0."""
        self.used = USUAL if self.given is None else self.given
        return self.used


_opening: ContextVar[OpenSeed | None] = ContextVar("cl_open_seed", default=None)


@contextmanager
def opening_with(seed: OpenSeed) -> Iterator[None]:
    """Let `default_seed` be this one while a factory runs."""
    token = _opening.set(seed)
    try:
        yield
    finally:
        _opening.reset(token)


def default_seed() -> int:
    """Return the seed of the open that calls the factory; outside of one that of CL_SDK_RANDOM_SEED, or 0."""
    seed = _opening.get()
    return (OpenSeed(load_settings().random_seed) if seed is None else seed).take()
