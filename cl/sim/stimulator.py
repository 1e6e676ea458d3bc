"""The stimulator of a simulated device: the sequencer, in the time of the engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from cl._core.device_log import told
from cl._stim.halted import refuse_stims
from cl._values.constants import NEVER, NOTICE_FRAMES
from cl.error import TransactionRejected

if TYPE_CHECKING:
    from cl._core.engine import Engine
    from cl._stim.budget import Left, StimBudget
    from cl._stim.budget_keeper import BudgetKeeper
    from cl._stim.sequencer import Operation

    from .dish import LoggedDish


class SimulatedStimulator:
    """Takes commands as of a frame, or of the first that has not been given."""

    def __init__(self, engine: Engine, dish: LoggedDish) -> None:
        self._engine = engine
        self._dish = dish
        self._sequencer = dish.sequencer
        self._log = engine.history.log
        self.on_submit: Callable[[], None] | None = None
        """Called, locked, when pulses may have been queued."""
        self.halted = False
        self.halts_at_once = True

    def submit(
        self, operations: Sequence[Operation], frame: int, at: int | None = None, plan: int = 0
    ) -> None:
        engine = self._engine
        with engine.lock:
            if engine.failure is not None or engine.closed:
                engine.check()
            committed = engine.committed
            taken = frame if frame > committed else committed
            self._log.command(frame, operations, at if at is not None and at > taken else taken, plan)
            try:
                self._submit(operations, taken, at)
            finally:
                # Also where this is interrupted: they may have been taken.
                quiet = self._sequencer.next_step >> 1
                if quiet < engine.quiet_until:
                    engine.quiet_until = quiet
                engine.commanded()
            if self.on_submit is not None:
                self.on_submit()

    def _submit(self, operations: Sequence[Operation], frame: int, at: int | None) -> None:
        keeper = self._dish.keeper
        at_step = None if at is None else at * 2
        try:
            if self.halted:
                refuse_stims(operations)
            if keeper is not None and (at is not None or not keeper.allows(operations)):
                self._deliver_held()
                keeper.check(self._sequencer.machine, operations, 2 * frame, at_step)
            self._sequencer.submit(operations, 2 * frame, at_step)
        except TransactionRejected as error:
            self._log.refuse(told(error))
            raise

    def interrupt_all(self) -> int:
        engine = self._engine
        with engine.lock:
            engine.check()
            frame = max(engine.committed, engine.now())
            # What an interruption has kept from being logged is no pulse to come.
            self._dish.deliver(engine.committed)
            self._sequencer.interrupt_all(frame * 2)
            engine.refresh()
            return frame + NOTICE_FRAMES if self._sequencer.next_step < NEVER else frame

    def arm(self, seconds: float) -> bool:
        return False

    def beat(self) -> None:
        """Do nothing: the simulator lives in the program's own process."""

    def fired_at(self) -> int | None:
        return None

    def halt(self, frame: int) -> int:
        frame = max(self._engine.committed, frame)
        self._dish.deliver(self._engine.committed)
        self._sequencer.interrupt_all(frame * 2)
        self._engine.refresh()
        if self.on_submit is not None:
            self.on_submit()
        return frame

    def resume(self) -> None:
        """Do nothing: it is this side that refuses."""

    def _deliver_held(self) -> None:
        """Log the pulses that an interruption has kept from it: budgets know of none of them yet."""
        if self._sequencer.held:
            self._dish.deliver(self._engine.committed)

    def keep(self, keeper: BudgetKeeper) -> None:
        self._dish.keeper = keeper

    def keeping(self) -> AbstractContextManager[object]:
        return self._engine.lock

    def budget_left(self, operations: Sequence[Operation]) -> dict[int, tuple[StimBudget, Left]]:
        engine = self._engine
        with engine.lock:
            engine.check()
            assert self._dish.keeper is not None, "something that keeps budgets"
            self._deliver_held()
            step = 2 * max(engine.committed, engine.now())
            return self._dish.keeper.left(self._sequencer.machine, operations, step)

    def next_stim(self, position: int) -> int:
        stims = self._dish.history.stims
        index = stims.index(position) - stims.first
        if index < len(stims.times):
            return stims.times[index]
        return max(self._sequencer.next_step >> 1, position)
