"""Whether a user's function is to be awaited."""

from __future__ import annotations

import inspect
from typing import Any


def is_async(function: Any) -> bool:
    """Return whether a callable is async: an async function, or an object whose `__call__` is one."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004
    )


def checked_result(function: Any, result: Any) -> Any:
    """Return what a function that is not async gave; TypeError if that is to be awaited after all."""
    if not inspect.isawaitable(result):
        return result
    if inspect.iscoroutine(result):
        result.close()
    raise TypeError(f"{function!r} returned something to be awaited: give an async function itself")
