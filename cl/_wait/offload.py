"""Calls that would block an event loop, in threads that the program cannot use up."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

R = TypeVar("R")


async def in_thread(function: Callable[..., R], *arguments: object, abandon_on_cancel: bool = False) -> R:
    """Call a function in another thread, and return what it returns; see `anyio.to_thread.run_sync`.

    Its usual limit, 40 calls at a time, is one for the program's own calls. They may be waiting for the
    device: ours must not have to wait for them.
    """
    from anyio import CapacityLimiter, to_thread

    # Each call has a limit of its own, which it keeps.
    return await to_thread.run_sync(
        function, *arguments, abandon_on_cancel=abandon_on_cancel, limiter=CapacityLimiter(1)
    )
