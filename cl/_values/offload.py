"""Calls that would block an event loop, in threads that the program cannot use up and nobody waits for."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextvars import Context, copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from .thread_start import start_thread

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future

R = TypeVar("R")


async def in_thread(function: Callable[..., R], *arguments: object, abandon_on_cancel: bool = False) -> R:
    """Call a function in another thread, and return what it returns; see `anyio.to_thread.run_sync`.

    Its usual limit, 40 calls at a time, is one for the program's own calls. They may be waiting for the
    device: ours must not have to wait for them. On asyncio each call has a thread of its own that ends with
    it: anyio's end with a callback of the root task, which never comes where loops are nested (nest_asyncio).
    """
    from anyio import CapacityLimiter, to_thread

    get_running_loop = getattr(sys.modules.get("asyncio"), "_get_running_loop", None)
    loop = None if get_running_loop is None else get_running_loop()
    if loop is not None:
        return await _beside(loop, partial(function, *arguments), abandon_on_cancel)
    # Each call has a limit of its own, which it keeps.
    return await to_thread.run_sync(
        function, *arguments, abandon_on_cancel=abandon_on_cancel, limiter=CapacityLimiter(1)
    )


async def _beside(loop: AbstractEventLoop, function: Callable[[], R], abandon_on_cancel: bool) -> R:
    from anyio import CancelScope, lowlevel

    await lowlevel.checkpoint()
    answer: Future[R] = loop.create_future()
    thread = threading.Thread(
        target=_answer, args=(loop, answer, _own_context(), function), name="cl-call", daemon=True
    )
    with CancelScope(shield=not abandon_on_cancel):
        start_thread(thread)
        result = await answer
    thread.join()  # It has nothing more to do.
    return result


def _own_context() -> Context:
    """Return a copy of the context, in which no event loop is said to run."""
    context = copy_context()
    sniffio: Any = sys.modules.get("sniffio")
    if sniffio is not None:
        context.run(sniffio.current_async_library_cvar.set, None)
    return context


def _answer(loop: AbstractEventLoop, answer: Future[R], context: Context, function: Callable[[], R]) -> None:
    """Call a function, and give its task the answer, if it still waits."""
    give: Callable[[], None]
    try:
        give = partial(_give, answer, answer.set_result, context.run(function))
    except BaseException as error:
        give = partial(_give, answer, answer.set_exception, error)
    try:
        loop.call_soon_threadsafe(give)
    except RuntimeError:
        pass  # The loop was closed: its task can no longer be told, nor needs to be.


def _give(answer: Future[R], give: Callable[[Any], None], value: Any) -> None:
    if not answer.done():
        give(value)
