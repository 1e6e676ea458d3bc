"""How much a stimulator takes on at a time."""

from __future__ import annotations

from typing import Final

from cl.error import RunTimestampOrderError

CHANNEL_QUEUE: Final = 65_536
SYNCS: Final = 16_384
DEFERRED_INTERRUPTS: Final = 1024


class StimLimits:
    """The four limits of a stimulator; they never change.

    `channel_queue`: operations (stims, syncs and interrupts) queued on a channel
    and not yet begun, at least 1. `syncs`: syncs in flight. `deferred_interrupts`:
    interrupts that wait for a future time, counted by command. `ordered_runs`:
    whether a plan must not be run for a time before that of a plan still waiting.
    """

    __slots__ = ("channel_queue", "deferred_interrupts", "ordered_runs", "syncs")

    def __init__(
        self,
        channel_queue: int = CHANNEL_QUEUE,
        syncs: int = SYNCS,
        deferred_interrupts: int = DEFERRED_INTERRUPTS,
        ordered_runs: bool = True,
    ) -> None:
        for name, value, least in (
            ("channel_queue", channel_queue, 1),
            ("syncs", syncs, 0),
            ("deferred_interrupts", deferred_interrupts, 0),
        ):
            if value < least:
                raise ValueError(f"the limit {name} must be at least {least}, not {value}")
        self.channel_queue = channel_queue
        self.syncs = syncs
        self.deferred_interrupts = deferred_interrupts
        self.ordered_runs = ordered_runs

    def check_order(self, at_step: int, waiting_step: int) -> None:
        """Raise `RunTimestampOrderError` if a plan for `at_step` comes after one for `waiting_step`."""
        if self.ordered_runs and at_step < waiting_step:
            raise RunTimestampOrderError(
                f"at_timestamp {at_step // 2} is before {waiting_step // 2}, "
                "the time of a plan that is still waiting"
            )
