"""The part of `Neurons` that stimulates."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cl._core.device_log import told
from cl._wait import threads
from cl.error import DeviceDisconnectedError
from cl.stim import (
    StimPlan,
    interrupt_operations,
    interrupt_then_stim_operations,
    stim_operations,
    sync_operations,
)

from .budgets import BudgetMethods
from .control import ControlMethods

if TYPE_CHECKING:
    from cl._core.stim_watchdog import StimWatchdog
    from cl._stim.advice import StimAdvice
    from cl._stim.sequencer import Operation
    from cl.stim import BurstDesign, ChannelSet, StimDesign


class StimMethods(BudgetMethods, ControlMethods):
    """Commands and plans, and the watchdog that ends them."""

    _advice: StimAdvice
    _watchdog: StimWatchdog | None
    _submit_to: Callable[[tuple[Operation, ...], int, int | None, int], None]

    def stim(
        self,
        channel_set: ChannelSet | int,
        stim_design: StimDesign | float,
        /,
        burst_design: BurstDesign | None = None,
        lead_time_us: int = 80,
    ) -> None:
        """Queue a pulse, or a burst of them, on each channel of the set, starting together.

        A number x as `stim_design` means StimDesign(160, -x, 160, x). `lead_time_us` is the time
        from now to the first pulse, at least 80 and a multiple of 20. In a loop body "now" is the
        tick's `iteration_timestamp`. Raises `TypeError`, `ValueError`, or one of the
        `TransactionRejected` errors, and then has queued nothing.
        """
        self._submit(stim_operations(channel_set, stim_design, burst_design, lead_time_us, self._advice))

    def interrupt(self, channel_set: ChannelSet | int, /) -> None:
        """Drop what is queued on the channels, behind the pulse that has begun its notice."""
        self._submit(interrupt_operations(channel_set))

    def interrupt_then_stim(
        self,
        channel_set: ChannelSet | int,
        stim_design: StimDesign | float,
        /,
        burst_design: BurstDesign | None = None,
        lead_time_us: int = 80,
    ) -> None:
        """Interrupt the channels and queue a new stim on them, in one transaction."""
        self._submit(
            interrupt_then_stim_operations(channel_set, stim_design, burst_design, lead_time_us, self._advice)
        )

    def sync(self, channel_set: ChannelSet | int, /) -> None:
        """Let each of the channels wait until all of them have come to this point of their queues."""
        self._submit(sync_operations(channel_set))

    @property
    def stimulation_suspended(self) -> bool:
        """Whether the watchdog has ended stimulation; see `resume_stimulation`."""
        return self._watchdog is not None and self._watchdog.halted

    def resume_stimulation(self) -> None:
        """Let stimulation go on after the watchdog has ended it; nothing happens where it has not.

        What was queued is gone. `ControlRequiredError` without control.
        """
        self._require_control()
        if self._watchdog is not None:
            self._watchdog.check()
            if self._watchdog.halted:
                self._watchdog.resume()

    def create_stim_plan(self) -> StimPlan:
        """Return an empty plan of stimulation commands, to be run as one, again and again."""
        self._require_control()
        log = self._engine.history.log
        number = log.plans = log.plans + 1
        return StimPlan(
            lambda operations, at: self._submit(operations, at, number),
            self._preview,
            self._advice,
            lambda operations, at: self._asubmit(operations, at, number),
        )

    def _submit(
        self, operations: tuple[Operation, ...], at_timestamp: int | None = None, plan: int = 0
    ) -> None:
        self._check_taken(operations, plan)
        self._submit_to(operations, self._present(), at_timestamp, plan)

    async def _asubmit(
        self, operations: tuple[Operation, ...], at_timestamp: int | None = None, plan: int = 0
    ) -> None:
        """Do what `_submit` does; a task waits for the answer of a device that is elsewhere."""
        self._check_taken(operations, plan)
        # Now is when the task asks, and not when a thread has come so far.
        present = self._present()
        if not self._engine.device.info.is_remote:
            self._submit_to(operations, present, at_timestamp, plan)
            return
        from cl._values.offload import in_thread

        await in_thread(self._submit_to, operations, present, at_timestamp, plan)

    def _check_taken(self, operations: tuple[Operation, ...], plan: int) -> None:
        """Raise where no command is taken."""
        if not self._control or not self._started:
            self._refuse(operations, plan)
        engine = self._engine
        if engine.lock.held_here():
            threads.refuse_reentry(engine)
        if self._watchdog is not None:
            self._watchdog.check()

    def _refuse(self, operations: tuple[Operation, ...], plan: int) -> None:
        """Raise why no command is taken, and log it."""
        try:
            self._require_control()
        except DeviceDisconnectedError:
            raise
        except RuntimeError as error:
            engine, present = self._engine, self._present()
            with engine.lock:
                engine.history.log.command(present, operations, present, plan)
                engine.history.log.refuse(told(error))
            raise
