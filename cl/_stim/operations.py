"""What a stimulator is told to do, and the functions that turn arguments into it.

The values here are validated: whoever takes operations need not look again.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, TypeAlias

from cl._values.constants import GROUNDED
from cl._values.numbers import kind, real

from .advice import StimAdvice
from .channels import channels_of
from .designs import NOTICE_STEPS, NOTICE_US, STEP_US, BurstDesign, StimDesign

NUMBER_PHASE_US: Final = 160
"""A number x given for a design means StimDesign(160, -x, 160, x)."""


class StimOperation:
    """`count` pulses of a design on each of some channels, synchronised where there are several.

    `channels` are ascending. `period_steps` is the time each pulse occupies its
    channel from its notice on, `delay_steps` what the lead time adds before the
    first notice, both in steps of 20 µs.
    """

    __slots__ = ("channels", "count", "delay_steps", "design", "period_steps")

    def __init__(
        self, channels: tuple[int, ...], design: StimDesign, count: int, period_steps: int, delay_steps: int
    ) -> None:
        self.channels = channels
        self.design = design
        self.count = count
        self.period_steps = period_steps
        self.delay_steps = delay_steps

    def __repr__(self) -> str:
        rest = (self.design, self.count, self.period_steps, self.delay_steps)
        return f"StimOperation({self.channels}, {', '.join(map(repr, rest))})"


class SyncOperation:
    """Each of the channels waits until all have come to this point."""

    __slots__ = ("channels",)

    def __init__(self, channels: tuple[int, ...]) -> None:
        self.channels = channels

    def __repr__(self) -> str:
        return f"SyncOperation({self.channels})"


class InterruptOperation:
    """Each of the channels drops what is queued behind its running period."""

    __slots__ = ("channels",)

    def __init__(self, channels: tuple[int, ...]) -> None:
        self.channels = channels

    def __repr__(self) -> str:
        return f"InterruptOperation({self.channels})"


Operation: TypeAlias = StimOperation | SyncOperation | InterruptOperation


def stim_operations(
    channel_set: object,
    stim_design: object,
    burst_design: object = None,
    lead_time_us: object = NOTICE_US,
    advice: StimAdvice | None = None,
) -> tuple[Operation, ...]:
    """Return the operations of a `stim` command, validated; nothing where there is no channel.

    `advice` is told of what is allowed and probably not meant.

    Raises `TypeError` and `ValueError` as `StimDesign` and `BurstDesign` do, also
    for a lead time below 80 µs or no multiple of 20 µs, and for a burst whose
    interval is shorter than 80 µs + the duration of the design.
    """
    channels = channels_of(channel_set)
    design = stim_design if type(stim_design) is StimDesign else _design_of(stim_design)
    if burst_design is None and lead_time_us is NOTICE_US and advice is not None:
        # What a loop does thousands of times a second.
        return advice.passed.get((id(design), channels)) or _single(channels, design, advice)
    if burst_design is None:
        count, period_steps = 1, design._period_steps
    else:
        count, period_steps = _burst_of(burst_design, design)
    delay_steps = 0 if lead_time_us is NOTICE_US else _delay_steps(lead_time_us)
    if not channels:
        return ()
    if advice is not None:
        _advise(channels, design, advice)
    return (StimOperation(channels, design, count, period_steps, delay_steps),)


def _single(channels: tuple[int, ...], design: StimDesign, advice: StimAdvice) -> tuple[Operation, ...]:
    if not channels:
        return ()
    is_advised = _advise(channels, design, advice)
    made = (StimOperation(channels, design, 1, design._period_steps, 0),)
    if not is_advised:
        advice.keep(design, channels, made)
    return made


def _advise(channels: tuple[int, ...], design: StimDesign, advice: StimAdvice) -> bool:
    """Tell of what is probably not meant; return whether there was anything to tell of."""
    is_grounded = (
        channels[0] in GROUNDED and channels[-1] in GROUNDED and all(c in GROUNDED for c in channels)
    )
    if not design._balanced:
        advice.unbalanced(design)
    if is_grounded:
        advice.on_ground(channels)
    return is_grounded or not design._balanced


def interrupt_operations(channel_set: object) -> tuple[Operation, ...]:
    """Return the operations of an `interrupt` command, validated as for `stim_operations`."""
    channels = channels_of(channel_set)
    return (InterruptOperation(channels),) if channels else ()


def interrupt_then_stim_operations(
    channel_set: object,
    stim_design: object,
    burst_design: object = None,
    lead_time_us: object = NOTICE_US,
    advice: StimAdvice | None = None,
) -> tuple[Operation, ...]:
    """Return the operations of an `interrupt_then_stim` command, validated as for `stim_operations`."""
    stims = stim_operations(channel_set, stim_design, burst_design, lead_time_us, advice)
    return interrupt_operations(channel_set) + stims


def sync_operations(channel_set: object) -> tuple[Operation, ...]:
    """Return the operations of a `sync` command, validated as for `stim_operations`."""
    channels = channels_of(channel_set)
    return (SyncOperation(channels),) if channels else ()


def _design_of(value: object) -> StimDesign:
    if isinstance(value, StimDesign):
        return value
    try:
        current = real(value, "stim_design")
    except TypeError:
        raise TypeError(f"stim_design must be a StimDesign or a number, not {kind(value)}") from None
    return _number_design(current)


@lru_cache(maxsize=256)
def _number_design(current_uA: float) -> StimDesign:
    return StimDesign(NUMBER_PHASE_US, -current_uA, NUMBER_PHASE_US, current_uA)


def _burst_of(burst: object, design: StimDesign) -> tuple[int, int]:
    if not isinstance(burst, BurstDesign):
        raise TypeError(f"burst_design must be a BurstDesign or None, not {kind(burst)}")
    interval_steps = burst._interval_steps
    if interval_steps < NOTICE_STEPS + design._total // STEP_US:
        raise ValueError(
            f"{burst} has an interval of {burst.interval_us} µs, shorter than the {NOTICE_US} µs notice "
            f"and the {design.duration_us} µs of {design}"
        )
    return burst._count, interval_steps


def _delay_steps(lead_time_us: object) -> int:
    lead = real(lead_time_us, "lead_time_us")
    if not (lead >= NOTICE_US and lead % STEP_US == 0):
        raise ValueError(
            f"lead_time_us must be at least {NOTICE_US} and a multiple of {STEP_US}, not {lead_time_us}"
        )
    return int(lead) // STEP_US - NOTICE_STEPS
