"""Random stimulation programs, and the ways to run them, for the tests of the sequencer."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st
from naive_stimulator import NaiveStimulator, Refused

from cl._stim.sequencer import Pulse, Sequencer, StimLimits
from cl.error import TransactionRejected
from cl.stim import (
    BurstDesign,
    ChannelSet,
    InterruptOperation,
    Operation,
    StimDesign,
    StimOperation,
    interrupt_operations,
    interrupt_then_stim_operations,
    stim_operations,
    sync_operations,
)

CHANNELS = [0, 8, 9, 10, 11]
"""The channels that programs use; 0 is grounded."""

DESIGNS = [
    StimDesign(160, -1.0, 160, 1.0),
    StimDesign(20, 2.39, 140, -2.54, 1000, 0.13),
    StimDesign(2460, -1.0, 2460, 1.0),
    StimDesign(3000, -0.9, 2500, 1.1),
]
BURSTS = [
    None,
    None,
    BurstDesign(0, 100),
    BurstDesign(1, 150),
    BurstDesign(2, 100),
    BurstDesign(3, 151),
    BurstDesign(4, 160),
]
LEADS = [80, 80, 100, 160, 400, 5080]
GAPS = [0, 0, 0, 1, 2, 4, 5, 16, 84, 246, 250, 254, 313, 331, 500, 1000]
"""Steps between commands: some of them meet ends of periods, delays and waits exactly."""


class Command(NamedTuple):
    """What is submitted `gap` steps after the command before; `ahead` is a plan's time, in steps from now."""

    gap: int
    operations: tuple[Operation, ...]
    ahead: int | None = None


channel_sets = st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=4, unique=True).map(ChannelSet)


@st.composite
def stims(
    draw: st.DrawFn, channels: st.SearchStrategy[ChannelSet], function: object
) -> tuple[Operation, ...]:
    design, burst = draw(st.sampled_from(DESIGNS)), draw(st.sampled_from(BURSTS))
    if burst is not None and burst.interval_us < 80 + design.duration_us:
        burst = None
    return function(draw(channels), design, burst, draw(st.sampled_from(LEADS)))


def operations(
    channels: st.SearchStrategy[ChannelSet] = channel_sets, interrupts: bool = True
) -> st.SearchStrategy[tuple[Operation, ...]]:
    """Return the operations of one command."""
    kinds = [
        stims(channels, stim_operations),
        stims(channels, stim_operations),
        channels.map(sync_operations),
    ]
    if interrupts:
        kinds += [channels.map(interrupt_operations), stims(channels, interrupt_then_stim_operations)]
    return st.one_of(kinds)


def commands(
    channels: st.SearchStrategy[ChannelSet] = channel_sets, interrupts: bool = True
) -> st.SearchStrategy[Command]:
    """Return a command, or a plan of some, now or for later (or for the past)."""
    single = st.builds(Command, st.sampled_from(GAPS), operations(channels, interrupts), st.none())
    several = st.lists(operations(channels, interrupts), min_size=1, max_size=4).map(
        lambda parts: tuple(operation for part in parts for operation in part)
    )
    ahead = st.sampled_from([None, -50, 0, 1, 2, 4, 100, 250, 254, 333, 502, 1000, 2500])
    return st.one_of(single, st.builds(Command, st.sampled_from(GAPS), several, ahead))


def programs(
    channels: st.SearchStrategy[ChannelSet] = channel_sets, interrupts: bool = True, size: int = 14
) -> st.SearchStrategy[list[Command]]:
    """Return commands, one after the other."""
    return st.lists(commands(channels, interrupts), min_size=1, max_size=size)


def end_of(program: list[Command], rest: int = 6000) -> int:
    """Return a step at which a program is looked at for the last time."""
    return sum(command.gap for command in program) + rest


def run(
    program: list[Command], end: int, limits: StimLimits | None = None, pieces: list[int] = ()
) -> tuple[list[Pulse], list[str | None]]:
    """Run a program on a sequencer; return the pulses before `end` and the error of each command.

    It is advanced to each command, and in steps of `pieces` (over and over) in between.
    """
    sequencer = Sequencer(limits)
    pulses: list[Pulse] = []
    errors: list[str | None] = []
    position = 0
    steps = iter(())

    def go_to(step: int) -> None:
        nonlocal position, steps
        while position < step:
            piece = step - position
            if pieces:
                piece = next(steps, 0)
                if not piece:
                    steps = iter(pieces)
                    continue
            position = min(step, position + piece)
            quiet_before = sequencer.next_step
            new = sequencer.advance(position)
            assert not new or quiet_before <= new[0].step <= new[-1].step < position
            pulses.extend(new)

    now = 0
    for command in program:
        now += command.gap
        go_to(now)
        try:
            at = None if command.ahead is None else now + command.ahead
            sequencer.submit(command.operations, now, at)
            errors.append(None)
        except TransactionRejected as error:
            errors.append(type(error).__name__)
    go_to(end)
    return pulses, errors


def run_naively(
    program: list[Command], end: int, limits: StimLimits | None = None
) -> tuple[list[tuple[int, int, int]], list[str | None]]:
    """Run a program on the naive stimulator; return what `run` does, pulses without their design."""
    limits = limits or StimLimits()
    naive = NaiveStimulator(CHANNELS, limits.channel_queue, limits.syncs, limits.deferred_interrupts)
    errors: list[str | None] = []
    now = 0
    for command in program:
        now += command.gap
        while naive.now < now:
            naive.step()
        try:
            at = None if command.ahead is None else now + command.ahead
            naive.run([naively(operation) for operation in command.operations], at)
            errors.append(None)
        except Refused as error:
            errors.append(str(error))
    while naive.now < end:
        naive.step()
    return sorted(pulse for pulse in naive.pulses if pulse[0] < end), errors


def naively(operation: Operation) -> tuple:
    """Return an operation as the naive stimulator takes it."""
    channels = list(operation.channels)
    if isinstance(operation, StimOperation):
        return "stim", channels, operation.count, operation.period_steps, operation.delay_steps
    return "interrupt" if isinstance(operation, InterruptOperation) else "sync", channels


def plain(pulses: list[Pulse]) -> list[tuple[int, int, int]]:
    """Return pulses as the naive stimulator gives them."""
    return [(pulse.step, pulse.channel, pulse.intended_step) for pulse in pulses]
