"""Factories by their paths, "module:attribute" or "module.attribute"."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from typing import Any


def places_of(path: str, where: str) -> list[tuple[str, str]]:
    """Return the modules that a path may mean, each with the attribute in it; ValueError for no path.

    "module:attribute" says which; in "module.attribute" it is the longest that there is.
    """
    module, colon, attribute = path.partition(":")
    parts = module.split(".")
    found = [(module, attribute)] if colon else _dotted(parts)
    if not found or not all(part.isidentifier() for part in (*parts, *found[0][1].split("."))):
        raise ValueError(f'{where} is {path!r}, it must be "module:attribute" or "module.attribute"')
    return found


def _dotted(parts: list[str]) -> list[tuple[str, str]]:
    return [(".".join(parts[:at]), ".".join(parts[at:])) for at in range(len(parts) - 1, 0, -1)]


def is_at(factory: Callable[..., Any], module: str, attribute: str) -> bool:
    """Return whether a factory is what can be imported under these names."""
    found: Any = sys.modules.get(module)
    for name in attribute.split("."):
        found = getattr(found, name, None)
    return found is factory or (inspect.ismethod(factory) and bool(found == factory))


def imported(path: str, where: str) -> Callable[..., Any]:
    """Return the factory at a path, see `places_of`.

    ValueError where there is none, TypeError for what is no callable.
    """
    try:
        found = _found(places_of(path, where))
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{where} is {path!r}, which cannot be imported: {error}") from error
    if not callable(found):
        raise TypeError(f"{where} is {path!r}, which is {found!r}, not a callable that makes a source")
    factory: Callable[..., Any] = found
    return factory


def _found(places: list[tuple[str, str]]) -> Any:
    *longer, last = places
    for place in longer:
        try:
            return _at(*place)
        except ModuleNotFoundError as error:
            if error.name != place[0]:
                raise
    return _at(*last)


def _at(module: str, attribute: str) -> Any:
    found: Any = importlib.import_module(module)
    for name in attribute.split("."):
        found = getattr(found, name)
    return found
