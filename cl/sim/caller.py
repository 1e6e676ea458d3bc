"""Calls the methods of a user's source, and makes one kind of error of whatever goes wrong."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from .checks import DataSourceError, Fault
from .worker import StuckError, Worker

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger("cl")
_LAST_WORDS: Final = 2.0
"""Seconds that a source which hangs gets to close."""


class Caller:
    """Calls one source.

    With a timeout the calls are made in a thread of their own, all in the same one; with None, in the
    caller's.
    """

    def __init__(self, name: str, timeout: float | None) -> None:
        self.name = name
        self._timeout = timeout
        self._worker = Worker(f"cl-source {name}")

    def __call__(self, what: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what the function returns; `what` names the call in the DataSourceError for all else."""
        if self._timeout is None:
            try:
                return function(*arguments)
            except Exception as error:
                raise self.error(what, error) from _cause(error)
        try:
            call = self._worker.call(self._timeout, function, *arguments)
        except StuckError as error:
            raise self.error(what, str(error)) from None
        if call.error is not None:
            raise self.error(what, call.error) from _cause(call.error)
        return call.result

    def error(self, what: str, fault: BaseException | str) -> DataSourceError:
        """Return the error that names the source, the call and the fault."""
        text = str(fault)
        if isinstance(fault, BaseException) and not isinstance(fault, Fault):
            text = f"it raised {type(fault).__name__}" + (f": {text}" if text else "")
        return DataSourceError(f"data source {self.name}, {what}: {text}")

    def close(self, function: Callable[[], object]) -> None:
        """Call the source's last method, and end the thread.

        A source that hangs is closed from another thread, which may wake it up; what
        comes of it is only logged.
        """
        if self._worker.stuck:
            self._worker.stop()
            self._close_stuck(function)
            return
        try:
            self("close", function)
        finally:
            self._worker.stop()

    def stop(self) -> None:
        """End the thread, if there is one, without closing the source."""
        self._worker.stop()

    def _close_stuck(self, function: Callable[[], object]) -> None:
        other = Worker(f"cl-source-close {self.name}")
        try:
            error = other.call(_LAST_WORDS, function).error
        except StuckError as stuck:
            error = stuck
        other.stop()
        _log.warning("data source %s hung and was left behind; its close: %s", self.name, error or "done")


def _cause(error: BaseException) -> BaseException | None:
    return None if isinstance(error, Fault) else error
