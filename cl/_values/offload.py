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

    loop = _asyncio_loop()
    if loop is not None:
        return await _beside(loop, partial(function, *arguments), abandon_on_cancel)
    # Each call has a limit of its own, which it keeps.
    return await to_thread.run_sync(
        function, *arguments, abandon_on_cancel=abandon_on_cancel, limiter=CapacityLimiter(1)
    )


async def to_the_end(function: Callable[[], None]) -> None:
    """Call a function in another thread whatever cancels the task, which is raised after it.

    A shield keeps off what comes by scopes, but neither asyncio's own cancellations, by which Ctrl-C comes,
    nor trio's KeyboardInterrupt. RuntimeError where the system has no thread for it.
    """
    from anyio import CancelScope

    with CancelScope(shield=True):
        loop = _asyncio_loop()
        if loop is not None:
            await _waited_out(loop, function)
        else:
            await _begun_for_sure(function)


async def _waited_out(loop: AbstractEventLoop, function: Callable[[], None]) -> None:
    from asyncio import CancelledError, wait

    answer: Future[None] = loop.create_future()
    thread = _answering(loop, answer, function)
    late: BaseException | None = None
    try:
        start_thread(thread)
    except BaseException as error:
        late = error
        if thread.ident is None:
            if isinstance(error, RuntimeError):
                raise  # There are too many.
            start_thread(thread)
    while not answer.done():
        try:
            await wait([answer])
        except CancelledError as error:
            late = error
    thread.join()
    if late is not None:
        raise late from answer.exception()
    answer.result()


async def _begun_for_sure(function: Callable[[], None]) -> None:
    begun = threading.Event()

    def noted() -> None:
        begun.set()
        function()

    try:
        await in_thread(noted)
    except BaseException:
        if not begun.is_set():
            await in_thread(noted)
        raise


def _asyncio_loop() -> AbstractEventLoop | None:
    get_running_loop = getattr(sys.modules.get("asyncio"), "_get_running_loop", None)
    return None if get_running_loop is None else get_running_loop()


async def _beside(loop: AbstractEventLoop, function: Callable[[], R], abandon_on_cancel: bool) -> R:
    from anyio import CancelScope, lowlevel

    await lowlevel.checkpoint()
    answer: Future[R] = loop.create_future()
    thread = _answering(loop, answer, function)
    with CancelScope(shield=not abandon_on_cancel):
        start_thread(thread)
        result = await answer
    thread.join()  # It has nothing more to do.
    return result


def _answering(loop: AbstractEventLoop, answer: Future[R], function: Callable[[], R]) -> threading.Thread:
    """Return a thread that calls a function and gives its answer."""
    arguments = loop, answer, _own_context(), function
    return threading.Thread(target=_answer, args=arguments, name="cl-call", daemon=True)


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
