"""What the stimulators of devices elsewhere share: they answer, and budgets are kept by a shadow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cl._values.constants import NOTICE_FRAMES, STEPS_PER_FRAME

from .shadow import Shadow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cl._stim.budget import Left, StimBudget
    from cl._stim.budget_keeper import BudgetKeeper
    from cl._stim.operations import Operation

    from .engine import Engine


class ShadowedStimulator:
    """A part of a `Stimulator` whose transactions are answered by another process or computer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.halted = False
        self.halts_at_once = False
        self._shadow: Shadow | None = None

    def _taken(
        self, operations: Sequence[Operation], frame: int, at: int | None, send: Callable[[], int]
    ) -> int:
        """Have the device take operations by `send`, if the budgets have room for them.

        `send` returns the step as of which they count; this the frame.
        """
        if self._shadow is None:
            return send() // STEPS_PER_FRAME
        present = max(frame, self._engine.now()) * STEPS_PER_FRAME
        at_step = None if at is None else at * STEPS_PER_FRAME
        return self._shadow.submit(operations, present, at_step, send) // STEPS_PER_FRAME

    def _dropped(self, step: int) -> None:
        """Take note that the device has dropped everything."""
        if self._shadow is not None:
            self._shadow.interrupt_all(step)

    def interrupt_all(self) -> int:
        """Interrupt all channels; return the frame by which what has begun is delivered."""
        raise NotImplementedError

    def halt(self, frame: int) -> int:
        """Interrupt what is queued now: from here it cannot be done as of a frame of the past.

        Return as of which frame the device says that it has done so.
        """
        # An estimate of the present may be before that, or long after it.
        position = self._engine.position
        return max(self.interrupt_all() - NOTICE_FRAMES, position)

    def keep(self, keeper: BudgetKeeper) -> None:
        self._shadow = Shadow(keeper, self._engine.now() * STEPS_PER_FRAME)

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """Hold what commands are checked under."""
        assert self._shadow is not None, "something that keeps budgets"
        self._shadow.lock.refuse_reentry()
        with self._shadow.lock, self._engine.lock:
            yield

    def budget_left(self, operations: Sequence[Operation]) -> dict[int, tuple[StimBudget, Left]]:
        self._engine.check()
        assert self._shadow is not None, "something that keeps budgets"
        return self._shadow.left(operations, self._engine.now() * STEPS_PER_FRAME)

    def next_stim(self, position: int) -> int:
        return position
