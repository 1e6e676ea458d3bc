"""Calls the methods of a user's source, and makes one kind of error of whatever goes wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from cl._core.host_clock import host_seconds
from cl._values.saying import Log

from .checks import DataSourceError, Fault
from .interruption import Rescue, belongs_to_caller
from .worker import Call, StuckError, Worker

if TYPE_CHECKING:
    from collections.abc import Callable

_log = Log()
_LAST_WORDS: Final = 2.0
"""Seconds that closing waits for what the source was asked for last, and for the close of one that hangs."""


class Caller:
    """Calls one source.

    With a timeout the calls are made in a thread of their own, or in the main thread while that is lent to
    the source; with None, in the caller's. The one who calls the source all the time moves into its thread
    (`serve`): a call then costs nothing, and another has to look whether it returns (`overdue`). A call that
    hangs in the main thread is ended by a signal, as far as Python code, sleeps, locks and sockets go; code
    of an extension that never returns to Python cannot be.
    """

    def __init__(self, name: str, timeout: float | None, own_thread: bool = False) -> None:
        """`own_thread` says that all calls are to be made in one thread, which is never another's."""
        self.name = name
        self._timeout = timeout
        self._own_thread = own_thread
        self._worker = Worker(f"cl-source {name}")
        self._service: Call | None = None
        self._running: tuple[str, float, bool] | None = None
        """What the source was called for by whom it serves, when, and whether in a thread that was lent."""
        self._rescue = Rescue()
        self._has_hung = False
        """Whether a call was ended since it hung: nobody is to wait for the source a second time."""
        self._lent_to: int | None = None
        """The thread that is lent to the source just now."""

    def __call__(self, what: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what the function returns; `what` names the call in the DataSourceError for all else."""
        thread = threading.get_ident()
        if thread == self._worker.ident:
            return self._serve(what, function, arguments)
        if self._timeout is None or thread == self._lent_to:
            return self._call_here(what, function, arguments)
        return self._call(what, self._timeout, function, arguments)

    def serve(self, work: Callable[[], object]) -> None:
        """Let `work`, which makes calls until it returns, run in the source's thread."""
        self._service = self._worker.post(work)

    def lend(self) -> bool:
        """Return whether the caller's thread can be lent to the source: it is the main one."""
        return (
            self._timeout is not None
            and not self._own_thread
            and not (self._worker.stuck or self._has_hung)
            and self._rescue.is_ready()
        )

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Lend the caller's thread to the source."""
        before = self._lent_to
        self._lent_to = threading.get_ident()
        try:
            yield
        finally:
            self._lent_to = before

    def overdue(self) -> DataSourceError | None:
        """Return the error of a call for whom the source serves that has not returned in time."""
        running = self._running
        if running is None or self._timeout is None or self._elapsed(running) <= self._timeout:
            return None
        if running[2]:
            # The call ends by an error of its own.
            self._rescue.end_call()
            return None
        self._worker.stuck = True
        error = self.error(running[0], f"no answer within {self._timeout:g} s")
        error.__cause__ = StuckError("it is here").with_traceback(self._worker.where(Caller._serve.__code__))
        return error

    def error(self, what: str, fault: BaseException | str, text: str | None = None) -> DataSourceError:
        """Return the error that names the source, the call and the fault.

        `text` is the fault's, where it is known: to ask for it runs code of the user's.
        """
        if text is None:
            text = text_of(fault)
        if isinstance(fault, BaseException) and not isinstance(fault, Fault):
            text = f"it raised {type(fault).__name__}" + (f": {text}" if text else "")
        return DataSourceError(f"data source {self.name}, {what}: {text}")

    def finish(self, what: str, function: Callable[[], object]) -> None:
        """Call one of the source's last methods, once what it serves has ended.

        A source that hangs is called from another thread, which may wake it up; what comes of
        it is only logged.
        """
        if self._is_free() and not self._has_hung:
            self(what, function)
        else:
            self._call_stuck(what, function)

    def close(self, function: Callable[[], object]) -> None:
        """Call the source's last method, and end the thread."""
        try:
            self.finish("close", function)
        finally:
            self._worker.stop()
            self._rescue.end()

    def stop(self) -> None:
        """End the thread, if there is one, without closing the source."""
        self._worker.stop()
        self._rescue.end()

    def _call_here(self, what: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        """Call it in the caller's thread: what interrupts the caller is not the source's error."""
        self._running = what, host_seconds(), True
        try:
            return function(*arguments)
        except StuckError as error:
            self._has_hung = True
            raise self.error(what, f"no answer within {self._timeout:g} s") from error
        except BaseException as error:
            # Without a timeout the source is code of the caller's, and an exit is one of the program.
            if belongs_to_caller(error) or (self._timeout is None and not isinstance(error, Exception)):
                raise
            raise self.error(what, error) from _cause(error)
        finally:
            self._running = None

    def _serve(self, what: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        self._running = what, host_seconds(), False
        try:
            return function(*arguments)
        except BaseException as error:  # An exit in the source's thread is an error of the source.
            raise self.error(what, error) from _cause(error)
        finally:
            self._running = None

    def _call(
        self, what: str, timeout: float, function: Callable[..., Any], arguments: tuple[Any, ...]
    ) -> Any:
        try:
            call = self._worker.call(timeout, function, *arguments)
        except StuckError as error:
            raise self.error(what, str(error)) from error
        if call.error is not None:
            raise self.error(what, call.error) from _cause(call.error)
        return call.result

    def _is_free(self) -> bool:
        """Return whether the source can be called: what it served is to end, and gets a moment for it."""
        service, worker = self._service, self._worker
        if service is not None:
            worker.stuck = not service.wait(0.0 if worker.stuck else self._patience())
            if not worker.stuck:
                self._service = None
        return not worker.stuck

    def _patience(self) -> float:
        running = self._running
        if running is None or self._timeout is None:
            return _LAST_WORDS
        return max(0.0, min(_LAST_WORDS, self._timeout - self._elapsed(running)))

    def _elapsed(self, running: tuple[str, float, bool]) -> float:
        return host_seconds() - running[1]

    def _call_stuck(self, what: str, function: Callable[[], object]) -> None:
        other = Worker(f"cl-source-close {self.name}")
        try:
            error = other.call(_LAST_WORDS, function).error
        except StuckError as stuck:
            error = stuck
        other.stop()
        _log.warning("data source %s hung and was left behind; its %s: %s", self.name, what, error or "done")


def text_of(fault: BaseException | str) -> str:
    """Return the text of an error; nothing where that cannot be had: a user's class may raise there, too."""
    try:
        return str(fault)
    except Exception:
        return ""


def _cause(error: BaseException) -> BaseException | None:
    return None if isinstance(error, Fault) else error
