"""The stimulator of a device across the network: commands go there, and answers come back."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from cl._core.noting import submit_noted
from cl._core.shadowed import ShadowedStimulator
from cl._stim.halted import refuse_stims
from cl._stim.operations import InterruptOperation
from cl._values.constants import CHANNEL_COUNT, NOTICE_FRAMES, STEPS_PER_FRAME
from cl._values.saying import Log
from cl.error import ControlRequiredError, TransactionRejected

from .wire.layout import FRAME_LIMIT, MOST_OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cl._core.engine import Engine
    from cl._stim.sequencer import Operation

    from .link import Link

_log = Log()


class NetworkStimulator(ShadowedStimulator):
    """Submits transactions, and waits for the device's answer: a round trip."""

    def __init__(self, engine: Engine, link: Link) -> None:
        super().__init__(engine)
        self._link = link
        self._has_said = False

    def submit(
        self, operations: Sequence[Operation], frame: int, at: int | None = None, plan: int = 0
    ) -> None:
        """Have the device take operations as of `frame`, or as soon as it can.

        They are logged once it has answered.
        """
        self._engine.check()
        submit_noted(self._engine, operations, frame, at, plan, lambda: self._submit(operations, frame, at))

    def _submit(self, operations: Sequence[Operation], frame: int, at: int | None) -> int:
        """Have the device take operations; return the frame from which on they count."""
        if self.halted:
            refuse_stims(operations)
        if len(operations) > MOST_OPERATIONS:
            raise TransactionRejected(
                f"{len(operations)} operations in one plan; over a link it takes at most {MOST_OPERATIONS}"
            )
        if not self._link.controls:
            raise ControlRequiredError("control of the device is lost: take_control() asks for it again")
        self._warn_in_event_loops()
        frame = min(max(frame, 0), FRAME_LIMIT - 1)
        link = self._link
        return self._taken(
            operations, frame, at, lambda: link.submit(operations, frame, at).frame * STEPS_PER_FRAME
        )

    def interrupt_all(self) -> int:
        """Interrupt all channels; return the frame by which what has begun is delivered."""
        link, position = self._link, self._engine.position
        if not link.controls:
            return position
        try:
            answer = link.submit([InterruptOperation(tuple(range(CHANNEL_COUNT)))], position, None)
        except ControlRequiredError:
            return position  # It was lost this very moment, which interrupts as well.
        self._dropped(answer.frame * STEPS_PER_FRAME)
        if link.state.status != "running":
            return position  # Its time stands still, and nothing is delivered.
        return answer.frame + NOTICE_FRAMES

    def arm(self, seconds: float) -> bool:
        return False

    def beat(self) -> None:
        """Do nothing: what is watched from here is the program, and not this process."""

    def fired_at(self) -> int | None:
        return None

    def resume(self) -> None:
        """Do nothing: it is this side that refuses."""

    def _warn_in_event_loops(self) -> None:
        """Say once that a command waits for the network in an event loop's thread."""
        if self._has_said or not _runs_an_event_loop():
            return
        self._has_said = True
        _log.warning(
            "a command to %s waits for its answer in the thread of an event loop, which stands meanwhile: "
            "astim, ainterrupt, arun and their like do not block it",
            self._link.address.uri,
        )


def _runs_an_event_loop() -> bool:
    asyncio, trio = sys.modules.get("asyncio"), sys.modules.get("trio")
    if asyncio is not None and asyncio._get_running_loop() is not None:
        return True
    if trio is None:
        return False
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return False
    return True
