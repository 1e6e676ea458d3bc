"""The stimulator of the emulated device: the sequencer in the device's own time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cl._values.constants import FRAMES_PER_SECOND, STEPS_PER_FRAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cl._stim.sequencer import Operation, Pulse, Sequencer

_LONGEST_LEAD: Final = FRAMES_PER_SECOND * STEPS_PER_FRAME
"""Steps that a command may be ahead of the device: one second."""


class Stimulator:
    """Takes commands in the order they come, each as of a step that the device has not passed yet."""

    def __init__(self, sequencer: Sequencer, first_frame: int) -> None:
        self._sequencer = sequencer
        self._decided = first_frame * STEPS_PER_FRAME
        """What happens before this step can no longer change."""
        self._pending: list[Pulse] = []

    def submit(
        self, operations: Sequence[Operation], not_before: int, at_step: int | None, present: int
    ) -> int:
        """Queue operations as of `not_before`, or as of the first step that is not past; return the step.

        `present` is the step that is going on. Raises what the sequencer refuses them for, ValueError
        for a step too far ahead.
        """
        if not_before > present + _LONGEST_LEAD:
            raise ValueError(f"a command for step {not_before}, more than a second ahead of {present}")
        step = max(not_before, present, self._decided)
        self._advance(step)
        self._sequencer.submit(operations, step, at_step)
        return step

    def interrupt_all(self, present: int) -> None:
        """Drop what is queued; what has begun is delivered."""
        step = max(present, self._decided)
        self._advance(step)
        self._sequencer.interrupt_all(step)

    def deliver(self, stop: int) -> list[Pulse]:
        """Return the pulses before frame `stop` that were not returned yet, in order."""
        limit = stop * STEPS_PER_FRAME
        if limit > self._decided:
            self._advance(limit)
        pending = self._pending
        if not pending:
            return []
        count = 0
        while count < len(pending) and pending[count].step < limit:
            count += 1
        delivered = pending[:count]
        del pending[:count]
        return delivered

    def _advance(self, step: int) -> None:
        self._decided = step
        if self._sequencer.next_step < step:
            self._pending += self._sequencer.advance(step)
