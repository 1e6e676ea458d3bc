"""Functions that are called together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Event:
    """What is called by calling it: `event += handler`, `event -= handler`, `event(...)`.

    Handlers are called in the order in which they came, all with the same arguments. Taking away what
    is not there does nothing.
    """

    def __init__(self) -> None:
        self._handlers: tuple[Callable[..., Any], ...] = ()

    def __iadd__(self, handler: Callable[..., Any]) -> Event:
        self._handlers = (*self._handlers, handler)
        return self

    def __isub__(self, handler: Callable[..., Any]) -> Event:
        self._handlers = tuple(other for other in self._handlers if other != handler)
        return self

    def __call__(self, *arguments: Any, **keywords: Any) -> None:
        for handler in self._handlers:
            handler(*arguments, **keywords)
