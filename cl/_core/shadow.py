"""What a device elsewhere has been told, played here as well: budgets have to know what is to come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from cl._stim.limits import StimLimits
from cl._stim.sequencer import Sequencer
from cl._values.constants import NEVER

from .reentry_lock import ReentryLock

if TYPE_CHECKING:
    from cl._stim.budget import Left, StimBudget
    from cl._stim.budget_keeper import BudgetKeeper
    from cl._stim.operations import Operation


class Shadow:
    """Follows the stimulator of a device by the commands that it has taken; idle in the beginning.

    Its lock is held while the device is asked, outside of all others of the device.
    """

    def __init__(self, keeper: BudgetKeeper, step: int) -> None:
        self._keeper = keeper
        self.lock = ReentryLock()
        self._machine = Sequencer(StimLimits(NEVER, NEVER, NEVER, ordered_runs=False))
        self._machine.advance(step)

    def submit(
        self, operations: Sequence[Operation], step: int, at_step: int | None, send: Callable[[], int]
    ) -> int:
        """Have the device take operations by `send`, if the budgets have room for them, as of `step`.

        Returns what that does: the step as of which they count.
        """
        self.lock.refuse_reentry()
        with self.lock:
            self._keeper.took(self._machine.advance(step))
            if at_step is not None or not self._keeper.allows(operations):
                self._keeper.check(self._machine, operations, step, at_step)
            taken = send()
            self._machine.submit(operations, taken, at_step)
        return taken

    def interrupt_all(self, step: int) -> None:
        """Take note that everything was dropped."""
        with self.lock:
            self._keeper.took(self._machine.advance(step))
            self._machine.interrupt_all(step)

    def left(self, operations: Sequence[Operation], step: int) -> dict[int, tuple[StimBudget, Left]]:
        """Return what would be left of the budgets, see `BudgetKeeper.left`."""
        self.lock.refuse_reentry()
        with self.lock:
            self._keeper.took(self._machine.advance(step))
            return self._keeper.left(self._machine, operations, step)
