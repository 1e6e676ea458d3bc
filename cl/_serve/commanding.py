"""Carrying out what a client asks for, and answering."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cl import error as errors
from cl._values.offload import in_thread
from cl._values.saying import Log
from cl.error import (
    ControlRequestError,
    ControlRequiredError,
    DeviceDisconnectedError,
    TransactionRejected,
)
from cl.net.wire.commands import OPERATION_BYTES, Answer, Command, ControlRequest, operations_of
from cl.net.wire.layout import FRAME_LIMIT, Action, Outcome

if TYPE_CHECKING:
    from cl._core.engine import Engine

    from .lease import Lease
    from .sessions import Session

_LONG: Final = 256
"""Operations that are not looked at in the event loop's thread, where others wait meanwhile."""
_OUTCOMES: Final[tuple[tuple[type[Exception], Outcome], ...]] = (
    (errors.ChannelQueueFull, Outcome.CHANNEL_QUEUE_FULL),
    (errors.SyncLimitExceeded, Outcome.SYNC_LIMIT),
    (errors.RunTimestampOrderError, Outcome.RUN_TIMESTAMP_ORDER),
    (errors.DeferredInterruptLimitExceeded, Outcome.DEFERRED_INTERRUPT_LIMIT),
    (TransactionRejected, Outcome.REJECTED),
    (ControlRequestError, Outcome.BUSY),
    (ControlRequiredError, Outcome.NOT_IN_CONTROL),
    (DeviceDisconnectedError, Outcome.GONE),
    (NotImplementedError, Outcome.UNSUPPORTED),
    (ValueError, Outcome.INVALID),
)

_log = Log()


class Commanding:
    """Carries out commands of sessions, each once, one after the other."""

    def __init__(self, engine: Engine, lease: Lease) -> None:
        self._engine = engine
        self._lease = lease

    async def answer(self, session: Session, command: Command | ControlRequest) -> Answer:
        """Carry out a command that is new, and return its answer; else return the answer there was."""
        if command.id <= session.last:
            known = session.answer(command.id)
            return known or self._answer(command.id, Outcome.REJECTED, "a command that was answered long ago")
        session.last = command.id
        answer = await self._carried_out(session, command)
        session.remember(answer)
        return answer

    async def _carried_out(self, session: Session, command: Command | ControlRequest) -> Answer:
        try:
            if isinstance(command, ControlRequest):
                await self._control(session, command.action)
            else:
                await self._submit(session, command)
        except Exception as error:
            outcome = next((outcome for kind, outcome in _OUTCOMES if isinstance(error, kind)), None)
            if outcome is None:
                _log.exception("a command has failed")
                outcome = Outcome.REJECTED
            return self._answer(command.id, outcome, str(error))
        return self._answer(command.id, Outcome.DONE)

    def _answer(self, id: int, outcome: Outcome, text: str = "") -> Answer:
        engine = self._engine
        # What has begun is shown as of a frame that may be ahead of the position.
        frame = max(engine.position, engine.committed) if outcome is Outcome.DONE else engine.position
        return Answer(id, outcome, min(frame, FRAME_LIMIT - 1), text)

    async def _control(self, session: Session, action: Action) -> None:
        if action is Action.TAKE:
            await self._lease.take(session)
        else:
            await self._lease.release(session)

    async def _submit(self, session: Session, command: Command) -> None:
        if len(command.records) > _LONG * OPERATION_BYTES:
            operations = await in_thread(operations_of, command)
        else:
            operations = operations_of(command)
        if not self._lease.is_held_by(session):
            raise ControlRequiredError("control of the device is not with this client")
        engine = self._engine
        as_of = min(command.as_of, engine.now())
        engine.device.stimulator.submit(tuple(operations), as_of, command.at)
