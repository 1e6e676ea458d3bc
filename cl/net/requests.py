"""Commands that have been given and not answered yet."""

from __future__ import annotations

from _thread import allocate_lock
from typing import TYPE_CHECKING, Final

from cl import error as errors
from cl._core.host_clock import host_ns
from cl._core.patience import LOOK_S, Patience
from cl._core.reentry_lock import ReentryLock
from cl.error import DeviceDisconnectedError, TransactionRejected

from .wire.layout import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from .wire.commands import Answer
    from .wire.layout import Kind

_EXCEPTIONS: Final[dict[Outcome, type[Exception]]] = {
    Outcome.INVALID: ValueError,
    Outcome.REJECTED: TransactionRejected,
    Outcome.CHANNEL_QUEUE_FULL: errors.ChannelQueueFull,
    Outcome.SYNC_LIMIT: errors.SyncLimitExceeded,
    Outcome.RUN_TIMESTAMP_ORDER: errors.RunTimestampOrderError,
    Outcome.DEFERRED_INTERRUPT_LIMIT: errors.DeferredInterruptLimitExceeded,
    Outcome.NOT_IN_CONTROL: errors.ControlRequiredError,
    Outcome.UNSUPPORTED: NotImplementedError,
    Outcome.BUSY: errors.ControlRequestError,
    Outcome.GONE: DeviceDisconnectedError,
}


class Request:
    """A command that somebody waits for."""

    __slots__ = ("answer", "answered", "body", "error", "kind")

    def __init__(self, kind: Kind, body: bytes) -> None:
        self.kind = kind
        self.body = body
        self.answer: Answer | None = None
        self.error: Exception | None = None
        self.answered = allocate_lock()
        self.answered.acquire()

    def wait(self, timeout: float) -> bool:
        """Return whether it was answered within so many seconds; while the process stood none have passed."""
        patience = Patience(host_ns(), int(timeout * 1e9))
        while not self.answered.acquire(True, min(max(patience.left_ns, 0) * 1e-9, LOOK_S)):
            if patience.is_over(host_ns()):
                return self.answered.acquire(False)
        return True


class Requests:
    """Gives commands their ids, and the answers to those who wait. They are sent in the order of the ids."""

    def __init__(self) -> None:
        self._sending = ReentryLock()
        self._next = 1
        self._waiting: dict[int, Request] = {}

    def ask(
        self, kind: Kind, body: Callable[[int], bytes], send: Callable[[Kind, bytes], None], timeout: float
    ) -> Answer:
        """Send a command, and return its answer, or raise what it was refused for.

        One that is not answered within `timeout` seconds is a DeviceDisconnectedError, and is not sent again.
        """
        self._sending.refuse_reentry()
        with self._sending:
            id = self._next
            request = Request(kind, body(id))
            self._next = id + 1
            self._waiting[id] = request
            try:
                send(kind, request.body)
            except BaseException:
                self._waiting.pop(id, None)
                raise
        try:
            in_time = request.wait(timeout)
        finally:
            self._waiting.pop(id, None)
        if request.error is not None:
            raise DeviceDisconnectedError(str(request.error)) from request.error
        answer = request.answer
        if not in_time or answer is None:
            raise DeviceDisconnectedError(
                f"no answer to a command within {timeout:.3g} s: whether the device has taken it is not known"
            )
        if answer.outcome is not Outcome.DONE:
            raise _EXCEPTIONS[answer.outcome](answer.text or answer.outcome.name.lower())
        return answer

    def take(self, answer: Answer) -> None:
        """Give an answer to the one who waits for it, if there still is one."""
        request = self._waiting.pop(answer.id, None)
        if request is not None:
            request.answer = answer
            request.answered.release()

    def resume(self, publish: Callable[[], None], send: Callable[[Kind, bytes], None], known: bool) -> None:
        """Go on over another connection, which `publish` lets others have.

        What was not answered is sent once more, in order; where the session is not `known` there any more it
        has failed.
        """
        if not known:
            self.fail(ConnectionResetError("the link was lost: whether the device has taken it is not known"))
        with self._sending:
            publish()
            for id in sorted(self._waiting):
                request = self._waiting.get(id)
                if request is not None:
                    send(request.kind, request.body)

    def fail(self, error: Exception) -> None:
        """Have all who wait know that there will be no answer."""
        while self._waiting:
            try:
                _, request = self._waiting.popitem()
            except KeyError:
                return
            request.error = error
            request.answered.release()

    def begin_anew(self) -> None:
        """Be free, in a fork."""
        self._sending.begin_anew()
