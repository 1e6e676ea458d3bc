"""The stimulator of the emulated device: the dish's sequencer in the device's own time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cl._stim.halted import refuse_stims
from cl._values.constants import FRAMES_PER_SECOND, STEPS_PER_FRAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cl._stim.sequencer import Operation, Pulse
    from cl.sim.dish import Dish

_LONGEST_LEAD: Final = FRAMES_PER_SECOND * STEPS_PER_FRAME
"""Steps that a command may be ahead of the device: one second."""


class Stimulator:
    """Takes commands in the order they come, each as of a step that the device has not passed yet."""

    def __init__(self, dish: Dish, first_frame: int) -> None:
        self._dish = dish
        self._decided = first_frame * STEPS_PER_FRAME
        """What happens before this step can no longer change."""
        self.suspended = False
        """Whether stims are refused."""

    def submit(
        self, operations: Sequence[Operation], not_before: int, at_step: int | None, present: int
    ) -> int:
        """Queue operations as of `not_before`, or as of the first step that is not past; return the step.

        `present` is the step that is going on. Raises what the sequencer refuses them for, ValueError
        for a step too far ahead.
        """
        if not_before > present + _LONGEST_LEAD:
            raise ValueError(f"a command for step {not_before}, more than a second ahead of {present}")
        if self.suspended:
            refuse_stims(operations)
        step = self._decide(max(not_before, present))
        self._dish.sequencer.submit(operations, step, at_step)
        return step

    def interrupt_all(self, present: int) -> int:
        """Drop what is queued; what has begun is delivered. Return the step as of which it was."""
        step = self._decide(present)
        self._dish.sequencer.interrupt_all(step)
        return step

    def deliver(self, stop: int) -> list[Pulse]:
        """Return the pulses before frame `stop` that were not returned yet, in order."""
        self._decide(stop * STEPS_PER_FRAME)
        return self._dish.deliver(stop)

    def _decide(self, step: int) -> int:
        """Return the first step from `step` on that can still change; what comes before is decided."""
        self._decided = max(self._decided, step)
        return self._decided
