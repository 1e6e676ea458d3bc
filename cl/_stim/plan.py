"""StimPlan: stimulation commands that are run as one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from cl._values.did_you_mean import DidYouMean
from cl._values.numbers import whole

from .channels import ChannelSet, channels_of
from .designs import NOTICE_US, BurstDesign, StimDesign
from .operations import (
    Operation,
    interrupt_operations,
    interrupt_then_stim_operations,
    stim_operations,
    sync_operations,
)

if TYPE_CHECKING:
    from .advice import StimAdvice
    from .preview import PlanPreview

Submit: TypeAlias = Callable[[tuple[Operation, ...], int | None], None]
"""Queues operations, whole or not at all, now or at a timestamp."""
AsyncSubmit: TypeAlias = Callable[[tuple[Operation, ...], int | None], Awaitable[None]]
"""The same for tasks."""
Preview: TypeAlias = "Callable[[tuple[Operation, ...]], PlanPreview]"
"""Works out what operations would do on idle channels."""

_LATEST: Final = 2**62
"""The last frame number that a device can be told."""


class StimPlan(DidYouMean):
    """Stimulation commands that are queued as one by `run`, as often as wanted.

    Made by `neurons.create_stim_plan()`. A command is validated when it is added;
    one that is refused leaves the plan as it was. The first run that is accepted
    freezes the plan: adding to it then is a `RuntimeError`.

    `submit`, `preview`, `advice` and `asubmit` are what the device offers it: plans know nothing of devices.
    """

    __slots__ = (
        "_advice",
        "_asubmit",
        "_first",
        "_frozen",
        "_interrupted",
        "_operations",
        "_preview",
        "_submit",
        "_whole",
    )

    def __init__(
        self,
        submit: Submit,
        preview: Preview,
        advice: StimAdvice | None = None,
        asubmit: AsyncSubmit | None = None,
    ) -> None:
        self._submit = submit
        self._asubmit = asubmit
        self._advice = advice
        self._preview = preview
        self._operations: list[Operation] = []
        self._whole: tuple[Operation, ...] | None = None
        """What a run queues, once it has been put together; None after a change."""
        self._interrupted: ChannelSet | None = None
        self._first: tuple[Operation, ...] = ()
        self._frozen = False

    @property
    def channels_to_interrupt(self) -> ChannelSet | None:
        """The channels that a run interrupts before anything else; a ChannelSet, an int or None."""
        return self._interrupted

    @channels_to_interrupt.setter
    def channels_to_interrupt(self, channel_set: ChannelSet | int | None) -> None:
        interrupted = None if channel_set is None else ChannelSet(channels_of(channel_set))
        self._require_unfrozen()
        self._interrupted = interrupted
        self._first = () if interrupted is None else interrupt_operations(interrupted)
        self._whole = None

    def stim(
        self,
        channel_set: ChannelSet | int,
        stim_design: StimDesign | float,
        /,
        burst_design: BurstDesign | None = None,
        lead_time_us: int = NOTICE_US,
    ) -> None:
        """Add a stim, as `neurons.stim` would queue it; the same errors."""
        self._add(stim_operations(channel_set, stim_design, burst_design, lead_time_us, self._advice))

    def interrupt(self, channel_set: ChannelSet | int, /) -> None:
        """Add an interrupt, which drops what is queued before it, of this plan too."""
        self._add(interrupt_operations(channel_set))

    def interrupt_then_stim(
        self,
        channel_set: ChannelSet | int,
        stim_design: StimDesign | float,
        /,
        burst_design: BurstDesign | None = None,
        lead_time_us: int = NOTICE_US,
    ) -> None:
        """Add an interrupt of the channels and a stim on them."""
        self._add(
            interrupt_then_stim_operations(channel_set, stim_design, burst_design, lead_time_us, self._advice)
        )

    def sync(self, channel_set: ChannelSet | int, /) -> None:
        """Add a sync: each of the channels waits until all of them have come to it."""
        self._add(sync_operations(channel_set))

    def run(self, at_timestamp: int | None = None) -> None:
        """Queue the plan, whole or not at all, now or for a time to come.

        `at_timestamp` is a frame number; one that is not in the future means now, one
        beyond 2^62 is a `ValueError`. Raises a `TransactionRejected`
        where a limit is met, and then nothing is queued.
        """
        at = None if at_timestamp is None else _time_of(at_timestamp)
        self._submit(self._together(), at)
        self._frozen = True

    async def arun(self, at_timestamp: int | None = None) -> None:
        """Queue the plan: `run` for tasks, which does not block the event loop where the device is remote."""
        if self._asubmit is None:
            self.run(at_timestamp)
            return
        at = None if at_timestamp is None else _time_of(at_timestamp)
        await self._asubmit(self._together(), at)
        self._frozen = True

    def preview(self) -> PlanPreview:
        """Return what the plan would do if it were run on idle channels; nothing is delivered.

        Times count from the run. `print(plan.preview())` shows it as a table.
        """
        return self._preview(self._together())

    def _together(self) -> tuple[Operation, ...]:
        if self._whole is None:
            self._whole = (*self._first, *self._operations)
        return self._whole

    def _add(self, operations: tuple[Operation, ...]) -> None:
        self._require_unfrozen()
        self._operations += operations
        self._whole = None

    def _require_unfrozen(self) -> None:
        if self._frozen:
            raise RuntimeError("a plan that has been run cannot be changed; create a new one")


def _time_of(at_timestamp: object) -> int:
    """Return the frame for which a run is asked, as a device can take it: 0 for what is before all frames."""
    at = whole(at_timestamp, "at_timestamp", floats=True)
    if at > _LATEST:
        raise ValueError(f"at_timestamp must be at most {_LATEST}, a frame number, not {at}")
    return max(at, 0)
