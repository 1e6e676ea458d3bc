"""The device's stimulator: it takes commands over the link, and answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl._core.noting import submit_noted
from cl._core.shadowed import ShadowedStimulator
from cl._stim.halted import refuse_stims
from cl._stim.operations import InterruptOperation
from cl._values.constants import CHANNEL_COUNT, NOTICE_FRAMES, STEPS_PER_FRAME
from cl.error import ControlRequiredError, DeviceDisconnectedError, TransactionRejected
from cl.hw.wire.layout import Capability, Control, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cl._core.engine import Engine
    from cl._stim.sequencer import Operation

    from .link import Link


class HardwareStimulator(ShadowedStimulator):
    """Submits transactions, and waits for the device's answer."""

    def __init__(self, engine: Engine, link: Link) -> None:
        super().__init__(engine)
        self._link = link

    def submit(
        self, operations: Sequence[Operation], frame: int, at: int | None = None, plan: int = 0
    ) -> None:
        """Have the device take operations as of `frame`, or as soon as it can.

        They are logged once it has answered.
        """
        self._engine.check()
        at_step = None if at is None else at * STEPS_PER_FRAME

        def submit() -> int:
            if self.halted and self._link.suspended_step is None:
                refuse_stims(operations)  # a device of an earlier version does not
            step = frame * STEPS_PER_FRAME
            return self._taken(operations, frame, at, lambda: self._submit(operations, step, at_step))

        submit_noted(self._engine, operations, frame, at, plan, submit)

    def interrupt_all(self) -> int:
        """Interrupt all channels; return the frame by which what has begun is delivered."""
        link, position = self._link, self._engine.position
        if not link.controls or Capability.STIMULATION not in link.facts.capabilities:
            return position
        try:
            step = self._submit([InterruptOperation(tuple(range(CHANNEL_COUNT)))], 0)
        except ControlRequiredError:
            return position  # control was given back this very moment, which interrupts as well
        self._dropped(step)
        if link.status != Status.RUNNING:
            return position  # its time stands still, and nothing is delivered
        return step // STEPS_PER_FRAME + NOTICE_FRAMES

    def arm(self, seconds: float) -> bool:
        return self._link.watch(round(seconds * 1000))

    def beat(self) -> None:
        self._link.beat()

    def fired_at(self) -> int | None:
        step = self._link.suspended_step
        return None if step is None else step // STEPS_PER_FRAME

    def resume(self) -> None:
        step = self._link.suspended_step
        if step is not None:
            self._dropped(step)
            self._link.control(Control.RESUME)

    def _submit(self, operations: Sequence[Operation], step: int, at_step: int | None = None) -> int:
        """Submit a transaction; one that is refused because the device has failed ends it."""
        link, engine = self._link, self._engine
        try:
            return link.submit(operations, step, at_step)
        except TransactionRejected:
            if link.status == Status.FAILED:
                error = DeviceDisconnectedError(f"the device failed: {link.error_text()}")
                with engine.lock:
                    engine.fail(error)
                engine.check()
            raise
