"""What `cl.open()` and `cl.aopen()` return; it says so to whoever takes it for the device."""

from __future__ import annotations

import sys
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import TYPE_CHECKING, Final, NoReturn

from cl._values.did_you_mean import note_what_was_meant
from cl._values.saying import warn
from cl._values.twins import is_asynchronous, is_synchronous

if TYPE_CHECKING:
    from contextlib import _GeneratorContextManager
    from types import TracebackType

    from cl.neurons import Neurons

_AGAIN: Final = "this block was entered before: each one takes a {} of its own"
_DROPPED: Final = (
    "the device closes, since nothing holds what cl.open() returned any more: "
    "write 'with cl.open() as neurons:'"
)


class OpenContext(AbstractContextManager["Neurons"]):
    """The context manager of a device in a thread."""

    __slots__ = ("_begun", "_context", "_inside")

    def __init__(self, context: _GeneratorContextManager[Neurons]) -> None:
        self._context = context
        self._begun = False
        self._inside = False

    def __enter__(self) -> Neurons:
        if self._begun:
            raise RuntimeError(_AGAIN.format("cl.open()"))
        self._begun = True
        try:
            neurons = self._context.__enter__()
            self._inside = True
            return neurons
        except BaseException:
            # An interruption may come when it is open already, and nobody would leave it.
            self._inside = False
            self._context.gen.close()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        if not self._begun:
            raise RuntimeError("this block was not entered: write 'with cl.open() as neurons:'")
        try:
            self._inside = False
            note_what_was_meant(error)
            return self._context.__exit__(kind, error, traceback)
        except BaseException:
            self._context.gen.close()  # An interruption may have come before it was left.
            raise

    if not TYPE_CHECKING:  # type checkers say it themselves

        async def __aenter__(self) -> NoReturn:
            is_synchronous("cl.open()", "async with cl.aopen() as neurons:")

        async def __aexit__(self, *_: object) -> None:
            pass

    def __del__(self) -> None:
        # Its block ends with it, as that of every generator: `neurons = cl.open().__enter__()`.
        # An interruption may have come before it was made.
        if getattr(self, "_inside", False) and not sys.is_finalizing():
            warn(_DROPPED)

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(_explanation("with cl.open()", name))


class AsyncOpenContext(AbstractAsyncContextManager["Neurons"]):
    """The context manager of a device in an async program."""

    __slots__ = ("_begun", "_context")

    def __init__(self, context: AbstractAsyncContextManager[Neurons]) -> None:
        self._context = context
        self._begun = False

    async def __aenter__(self) -> Neurons:
        if self._begun:
            raise RuntimeError(_AGAIN.format("cl.aopen()"))
        self._begun = True
        return await self._context.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        note_what_was_meant(error)
        return await self._context.__aexit__(kind, error, traceback)

    if not TYPE_CHECKING:  # type checkers say it themselves

        def __enter__(self) -> NoReturn:
            is_asynchronous(
                "cl.aopen()", "async with cl.aopen() as neurons:', or 'with cl.open() as neurons:"
            )

        def __exit__(self, *_: object) -> None:
            pass

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(_explanation("async with cl.aopen()", name))


def _explanation(opening: str, name: str) -> str:
    return (
        f"the device is open within a block only: write '{opening} as neurons:' and use neurons.{name} there"
    )
