"""The part of `Neurons` that limits how much stimulation channels get."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, cast

from cl._core.device_log import Happening, LogKind
from cl._core.noting import note
from cl._stim.channels import channels_of
from cl._stim.machine import Pulse
from cl._values.constants import NEVER
from cl._wait import threads
from cl.error import TransactionRejected

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cl._core.budget_file import LaboratorysBudgets
    from cl._core.engine import Engine
    from cl._stim.budget import StimBudget
    from cl._stim.budget_keeper import BudgetKeeper
    from cl._stim.designs import StimDesign
    from cl._stim.operations import Operation
    from cl._stim.preview import PlanPreview
    from cl.stim import ChannelSet

LABORATORY, PROGRAM = 0, 1
_HALF: Final = 1
"""Of pulses before the budget the frame is known: they count as long as they may have to."""


class BudgetMethods:
    """Budgets of stimulation."""

    _engine: Engine
    _keeper: BudgetKeeper | None

    def set_stim_budget(
        self,
        channel_set: ChannelSet | int,
        /,
        *,
        max_rate_hz: float | None = None,
        max_charge_nC_per_s: float | None = None,
        max_net_charge_nC: float | None = None,
        window_seconds: float = 1.0,
    ) -> None:
        """Refuse whatever would give a channel of the set more than this in any `window_seconds`.

        Every pulse counts with those that started in the `window_seconds` (0.001 to 3600) up to it: their
        number, in Hz; the charge that they move, the sum of |duration × current|; and what they leave behind,
        the size of the sum of duration × current. A command or plan is refused whole where it would
        exceed that at any time to come, by all that is queued: `StimBudgetExceeded`. None: no such limit.

        It takes the place of what this set of the program's before on these channels; without a limit they
        have none. Budgets by the file that CL_STIM_BUDGET names hold besides, and stay. See docs/safety.md.
        """
        from cl._stim.budget import checked_budget

        self._engine.check()
        channels = channels_of(channel_set)
        budget = checked_budget(max_rate_hz, max_charge_nC_per_s, max_net_charge_nC, window_seconds)
        self._set_budget(channels, budget, PROGRAM)

    def _set_laboratorys_budgets(self, budgets: LaboratorysBudgets) -> None:
        for channels, budget in budgets:
            self._set_budget(channels, budget, LABORATORY)

    def _set_budget(self, channels: Iterable[int], budget: StimBudget | None, layer: int) -> None:
        from cl._stim.budget_keeper import BudgetKeeper

        engine, stimulator = self._engine, self._engine.device.stimulator
        threads.refuse_reentry(engine)
        channels = tuple(channels)
        with engine.lock:
            keeper = self._keeper
            if keeper is None:
                keeper = BudgetKeeper()
                stimulator.keep(keeper)
                self._keeper = keeper
        with stimulator.keeping():
            pulses = self._pulses()
            for channel in keeper.set(channels, budget, layer):
                keeper.recall(channel, [pulse for pulse in pulses if pulse.channel == channel])
        said = "the laboratory's" if layer == LABORATORY else "the program's"
        what = "none" if budget is None else repr(budget)
        note(engine, Happening(engine.now(), LogKind.CONTROL, f"{said} budget: {what}", channels))

    def _pulses(self) -> list[Pulse]:
        """Return the pulses that the history has, also those that no reader has come to. Locked."""
        stims = self._engine.history.stims.window(0, NEVER)
        return [
            Pulse(2 * s.timestamp + _HALF, s.channel, cast("StimDesign", s.design), s.timestamp)
            for s in stims
        ]

    def _preview(self, operations: tuple[Operation, ...]) -> PlanPreview:
        """Return what a plan would do, and what it would leave of the budgets."""
        from cl._stim.preview_run import preview

        found = preview(operations)
        if self._keeper is not None:
            threads.refuse_reentry(self._engine)
            # What a run is refused for otherwise, it says itself.
            with suppress(TransactionRejected):
                found.budget_left = self._engine.device.stimulator.budget_left(operations)
        return found
