"""What holds for every program of stimulation."""

from __future__ import annotations

import gc
import sys
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from stim_programs import (
    CHANNELS,
    DESIGNS,
    GAPS,
    Command,
    channel_sets,
    commands,
    end_of,
    plain,
    programs,
    run,
)

from cl._stim.sequencer import Pulse, Sequencer
from cl.stim import (
    BurstDesign,
    ChannelSet,
    StimOperation,
    interrupt_operations,
    stim_operations,
    sync_operations,
)

FOREVER = 100_000
"""Steps after which no program has anything left to do."""


def by_channel(pulses: list[Pulse]) -> dict[int, list[Pulse]]:
    return {channel: [pulse for pulse in pulses if pulse.channel == channel] for channel in CHANNELS}


@settings(deadline=None, max_examples=100)
@given(programs(), st.lists(st.integers(1, 700), min_size=1, max_size=5))
def test_the_pieces_of_time_do_not_matter(program: list[Command], pieces: list[int]) -> None:
    end = end_of(program)
    whole = run(program, end)
    assert run(program, end, pieces=pieces) == whole


@settings(deadline=None, max_examples=20)
@given(programs(size=8))
def test_step_by_step_is_the_same(program: list[Command]) -> None:
    end = end_of(program)
    assert run(program, end, pieces=[1]) == run(program, end)


@settings(deadline=None, max_examples=100)
@given(programs())
def test_pulses_keep_their_period_and_never_come_early(program: list[Command]) -> None:
    pulses, _ = run(program, end_of(program))
    assert plain(pulses) == sorted(plain(pulses), key=lambda pulse: pulse[:2])
    for train in by_channel(pulses).values():
        for before, after in pairwise(train):
            # The shortest period is that of 200 Hz, or the notice and the duration.
            assert after.step - before.step >= 4 + before.design.duration_us // 20
            assert after.step - before.step >= 250
    assert all(pulse.step >= pulse.intended_step for pulse in pulses)
    assert not [pulse for pulse in pulses if pulse.channel == 0]


@settings(deadline=None, max_examples=60)
@given(st.sampled_from([3, 50, 100, 151, 160, 200]), st.integers(1, 20), st.sampled_from(DESIGNS[:2]))
def test_a_burst_keeps_its_interval_exactly(hz: int, count: int, design: object) -> None:
    burst = BurstDesign(count, hz)
    sequencer = Sequencer()
    sequencer.submit(stim_operations(8, design, burst), 0)
    sequencer.submit(stim_operations(8, design), 0)
    steps = [pulse.step for pulse in sequencer.advance(10_000_000)]
    interval = burst.interval_us // 20
    assert steps == [4 + interval * number for number in range(count + 1)]


@settings(deadline=None, max_examples=80)
@given(programs(size=8), channel_sets, st.sampled_from(GAPS))
def test_the_channels_of_a_sync_start_together(
    backlog: list[Command], channels: ChannelSet, gap: int
) -> None:
    end = [
        Command(gap, sync_operations(channels)),
        *(Command(0, stim_operations(channel, DESIGNS[0], None, 100)) for channel in channels),
    ]
    pulses, _ = run(backlog + end, FOREVER)
    last = {
        train[-1].step for channel, train in by_channel(pulses).items() if channel in channels and channel
    }
    assert len(last) <= 1


@settings(deadline=None, max_examples=80)
@given(programs(interrupts=False))
def test_nothing_is_dropped_without_an_interrupt(program: list[Command]) -> None:
    pulses, errors = run(program, FOREVER)
    asked = dict.fromkeys(CHANNELS, 0)
    for command, error in zip(program, errors, strict=True):
        for operation in command.operations if error is None else ():
            if isinstance(operation, StimOperation):
                for channel in operation.channels:
                    asked[channel] += operation.count * (channel != 0)
    assert {channel: len(train) for channel, train in by_channel(pulses).items()} == asked


@settings(deadline=None, max_examples=80)
@given(programs(), channel_sets, st.integers(0, 4000))
def test_an_interrupt_changes_nothing_that_has_begun(
    program: list[Command], channels: ChannelSet, step: int
) -> None:
    until = []
    gone = 0
    for command in program:
        if gone + command.gap > step:
            break
        gone += command.gap
        until.append(command)
    interrupted = [*until, Command(step - gone, interrupt_operations(channels))]
    with_it, without = run(interrupted, FOREVER)[0], run(until, FOREVER)[0]
    begun = [pulse for pulse in without if pulse.step - 4 < step]
    assert with_it[: len(begun)] == begun
    # Of the others, those of the interrupted channels never come.
    assert not [pulse for pulse in with_it[len(begun) :] if pulse.channel in channels]


@settings(deadline=None, max_examples=80)
@given(
    st.lists(
        st.tuples(
            st.booleans(),
            commands(st.sampled_from([ChannelSet(8), ChannelSet(9), ChannelSet(8, 9)])),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_disjoint_channels_do_not_affect_each_other(parts: list[tuple[bool, Command]]) -> None:
    # The order of runs is the device's, not a channel's: it is kept out of this.
    program = [(other, command._replace(ahead=None)) for other, command in parts]
    both = [shifted(command) if other else command for other, command in program]
    end = end_of(both)
    alone = [
        [
            command if other is mine else command._replace(operations=())
            for (other, _), command in zip(program, both, strict=True)
        ]
        for mine in (False, True)
    ]
    expected = [pulse for part in alone for pulse in run(part, end)[0]]
    assert run(both, end)[0] == sorted(expected, key=lambda pulse: pulse[:2])


def shifted(command: Command) -> Command:
    """Return a command for channels 10 and 11 in place of 8 and 9."""
    moved = []
    for operation in command.operations:
        channels = tuple(channel + 2 for channel in operation.channels)
        if isinstance(operation, StimOperation):
            moved.append(
                StimOperation(
                    channels, operation.design, operation.count, operation.period_steps, operation.delay_steps
                )
            )
        else:
            moved.append(type(operation)(channels))
    return command._replace(operations=tuple(moved))


def test_long_bursts_cost_no_memory() -> None:
    sequencer = Sequencer()
    blocks = sys.getallocatedblocks()
    for _ in range(10):
        sequencer.submit(stim_operations(ChannelSet(range(8, 18)), DESIGNS[0], BurstDesign(10_000, 200)), 0)
    assert sys.getallocatedblocks() - blocks < 1000
    assert len(sequencer.advance(250 * 100)) == 10 * 100


def test_what_was_interrupted_leaves_nothing_behind() -> None:
    sequencer = Sequencer()
    deferred = (
        *interrupt_operations(ChannelSet(8, 9)),
        *stim_operations(ChannelSet(8, 9, 10), DESIGNS[0], None, 200),
    )
    for step in range(20_000):
        sequencer.submit(deferred, step, 10_000_000)
        sequencer.submit(interrupt_operations(~ChannelSet()), step)
    assert len(sequencer._agenda) < 5000
    assert not (sequencer._syncs or sequencer._waits or sequencer._deferred)
    assert sequencer.advance(20_000_000) == []


def test_nothing_refers_in_a_circle() -> None:
    # Programs run with the garbage collector off: what is only found by it would never be given back.
    gc.collect()
    sequencer = Sequencer()
    stims = stim_operations(ChannelSet(8, 9), DESIGNS[0], None, 200)
    for step in range(0, 5000, 50):
        sequencer.submit((*interrupt_operations(9), *stims), step, step + 700)
        sequencer.submit((*interrupt_operations(8), *stims), step)
        sequencer.advance(step)
    del sequencer, stims
    assert gc.collect() == 0
