"""The limits of the stimulator, and that a refused transaction is invisible."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stim_programs import Command, commands, end_of, plain, programs, run

from cl._stim.sequencer import Sequencer, StimLimits
from cl.error import (
    ChannelQueueFull,
    DeferredInterruptLimitExceeded,
    RunTimestampOrderError,
    SyncLimitExceeded,
    TransactionRejected,
)
from cl.stim import (
    BurstDesign,
    ChannelSet,
    StimDesign,
    interrupt_operations,
    interrupt_then_stim_operations,
    stim_operations,
    sync_operations,
)

DESIGN = StimDesign(160, -1.0, 160, 1.0)
ONE = stim_operations(8, DESIGN)
BOTH = ChannelSet(8, 9)


def steps(sequencer: Sequencer, to_step: int = 100_000_000) -> list[tuple[int, int]]:
    return [(pulse.step, pulse.channel) for pulse in sequencer.advance(to_step)]


def test_the_defaults_are_the_device_s() -> None:
    limits = Sequencer().limits
    assert (limits.channel_queue, limits.syncs, limits.deferred_interrupts) == (65_536, 16_384, 1024)


@pytest.mark.parametrize(
    ("name", "value"), [("channel_queue", 0), ("syncs", -1), ("deferred_interrupts", -1)]
)
def test_a_limit_must_make_sense(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=name):
        StimLimits(**{name: value})


def test_the_queue_of_a_channel_is_limited() -> None:
    sequencer = Sequencer()
    for _ in range(65_536):
        sequencer.submit(ONE, 0)
    assert sequencer.queued(8) == 65_536
    with pytest.raises(ChannelQueueFull, match="channel 8 .* 65536 .*a burst counts as one"):
        sequencer.submit(ONE, 0)
    # In the next step the first has begun, and there is room for one.
    sequencer.submit(ONE, 1)
    with pytest.raises(ChannelQueueFull):
        sequencer.submit(ONE, 1)
    sequencer.submit(stim_operations(9, DESIGN), 1)
    assert len(steps(sequencer)) == 65_538


def test_a_burst_counts_as_one_and_an_implicit_sync_as_another() -> None:
    sequencer = Sequencer(StimLimits(channel_queue=2))
    sequencer.submit(stim_operations(8, DESIGN, BurstDesign(100, 200)), 0)
    sequencer.submit(ONE, 0)
    with pytest.raises(ChannelQueueFull):
        sequencer.submit(ONE, 0)
    sequencer.submit(ONE, 100)
    with pytest.raises(ChannelQueueFull):
        sequencer.submit(stim_operations(BOTH, DESIGN), 100)
    assert len(steps(sequencer)) == 102


def test_a_wait_for_a_time_is_no_operation() -> None:
    sequencer = Sequencer(StimLimits(channel_queue=2))
    sequencer.submit(ONE, 0, 1000)
    sequencer.submit(ONE, 0, 2000)
    assert sequencer.queued(8) == 2
    with pytest.raises(ChannelQueueFull):
        sequencer.submit(ONE, 0)
    assert steps(sequencer) == [(1004, 8), (2004, 8)]


def test_an_interrupt_makes_room_and_is_never_refused() -> None:
    sequencer = Sequencer(StimLimits(channel_queue=3))
    for _ in range(3):
        sequencer.submit(ONE, 0)
    sequencer.submit(ONE, 1)
    for _ in range(5):
        sequencer.submit(interrupt_operations(8), 10)
    assert sequencer.queued(8) == 1
    sequencer.submit(interrupt_then_stim_operations(8, DESIGN), 10)
    sequencer.submit(ONE, 10)
    with pytest.raises(ChannelQueueFull):
        sequencer.submit(ONE, 10)
    assert steps(sequencer) == [(4, 8), (254, 8), (504, 8)]


def test_an_interrupt_in_the_step_in_which_a_period_ends_is_over_at_once() -> None:
    sequencer = Sequencer(StimLimits(channel_queue=1))
    sequencer.submit(ONE, 0)
    sequencer.submit(interrupt_then_stim_operations(8, DESIGN), 250)
    assert steps(sequencer) == [(4, 8), (254, 8)]
    sequencer = Sequencer(StimLimits(channel_queue=1))
    sequencer.submit(ONE, 0)
    with pytest.raises(ChannelQueueFull):
        sequencer.submit(interrupt_then_stim_operations(8, DESIGN), 249)


def test_syncs_in_flight_are_limited() -> None:
    sequencer = Sequencer(StimLimits(syncs=1024))
    sequencer.submit(stim_operations(8, DESIGN, BurstDesign(3, 200)), 0)
    for _ in range(1024):
        sequencer.submit(sync_operations(BOTH), 1)
    with pytest.raises(SyncLimitExceeded, match="1024"):
        sequencer.submit(sync_operations(BOTH), 1)
    with pytest.raises(SyncLimitExceeded):
        sequencer.submit(stim_operations(ChannelSet(8, 10), DESIGN), 1)
    # Where all channels are at it already, a sync is never in flight.
    for _ in range(2000):
        sequencer.submit(sync_operations(ChannelSet(10, 11)), 1)
    sequencer.advance(1000)
    sequencer.submit(stim_operations(BOTH, DESIGN), 1000)
    assert steps(sequencer) == [(1004, 8), (1004, 9)]


def test_deferred_interrupts_are_limited() -> None:
    sequencer = Sequencer(StimLimits(deferred_interrupts=2))
    deferred = interrupt_operations(BOTH)
    for at in (100, 200):
        sequencer.submit(deferred, 0, at)
    with pytest.raises(DeferredInterruptLimitExceeded, match="2"):
        sequencer.submit(deferred, 0, 300)
    sequencer.submit(deferred, 0)
    for at in (250, 260):
        sequencer.submit(deferred, 0, at)
    # Dropped on one of its channels it still waits on the other; acting, it makes room.
    sequencer.submit(interrupt_operations(8), 10)
    with pytest.raises(DeferredInterruptLimitExceeded):
        sequencer.submit(deferred, 10, 300)
    sequencer.submit(deferred, 250, 300)


def test_runs_in_the_future_are_ordered() -> None:
    sequencer = Sequencer()
    sequencer.submit(ONE, 0, 2000)
    with pytest.raises(RunTimestampOrderError, match="999 is before 1000"):
        sequencer.submit(stim_operations(9, DESIGN), 0, 1998)
    sequencer.submit(stim_operations(9, DESIGN), 0, 2000)
    sequencer.submit(stim_operations(10, DESIGN), 0, -100)
    # A plan that was dropped waits no more.
    sequencer.submit(interrupt_operations(BOTH), 0)
    sequencer.submit(ONE, 0, 500)
    # Neither does one whose time has come.
    sequencer.submit(stim_operations(11, DESIGN), 500, 600)
    assert steps(sequencer) == [(4, 10), (504, 8), (604, 11)]


def test_the_order_of_runs_may_be_free() -> None:
    sequencer = Sequencer(StimLimits(ordered_runs=False))
    long = stim_operations(8, DESIGN, BurstDesign(10, 200))
    sequencer.submit(long, 0)
    sequencer.submit((*interrupt_operations(9), *stim_operations(9, DESIGN)), 0, 2000)
    sequencer.submit((*interrupt_operations(8), *stim_operations(10, DESIGN)), 0, 600)
    assert steps(sequencer) == [(4, 8), (254, 8), (504, 8), (604, 10), (2004, 9)]


def test_limits_can_be_replaced() -> None:
    sequencer = Sequencer()
    sequencer.submit(ONE, 0)
    sequencer.limits = StimLimits(channel_queue=1)
    with pytest.raises(ChannelQueueFull):
        sequencer.submit(ONE, 0)


@pytest.mark.parametrize(
    ("operations", "at_step"),
    [
        ((*interrupt_operations(~ChannelSet()), *sync_operations(BOTH), *(ONE * 5)), None),
        ((*stim_operations(BOTH, DESIGN), *(ONE * 5)), 900),
        ((*interrupt_operations(BOTH), *interrupt_operations(9)), 900),
        ((*stim_operations(~ChannelSet(), DESIGN),) * 2, None),
        (ONE, 700),
        ((*interrupt_operations(11), *(ONE * 5)), None),
        ((*interrupt_operations(ChannelSet(11, 12)), *(ONE * 5)), None),
    ],
)
def test_a_plan_is_refused_whole(operations: tuple[Any, ...], at_step: int | None) -> None:
    def begin() -> Sequencer:
        sequencer = Sequencer(StimLimits(channel_queue=4, syncs=2, deferred_interrupts=1))
        sequencer.submit(stim_operations(8, DESIGN, BurstDesign(3, 100)), 0)
        sequencer.submit(stim_operations(BOTH, DESIGN), 0)
        sequencer.submit(stim_operations(10, DESIGN, None, 2000), 0)
        sequencer.submit(stim_operations(11, DESIGN, None, 20_000), 0)
        sequencer.submit(stim_operations(13, DESIGN, None, 10_000), 0)
        sequencer.submit(stim_operations(ChannelSet(11, 12, 13), DESIGN), 0)
        sequencer.submit(ONE, 0, 800)
        return sequencer

    refused, untouched = begin(), begin()
    untouched.submit((), 50)
    with pytest.raises(TransactionRejected):
        refused.submit(operations, 50, at_step)
    assert [refused.queued(channel) for channel in range(64)] == [
        untouched.queued(channel) for channel in range(64)
    ]
    assert refused.advance(100_000) == untouched.advance(100_000)


def test_a_plan_that_is_far_too_long_leaves_nothing_behind() -> None:
    sequencer = Sequencer(StimLimits(channel_queue=4))
    stim = stim_operations(BOTH, DESIGN)
    with pytest.raises(ChannelQueueFull):
        sequencer.submit(stim * 3, 0)
    assert sequencer.queued(8) == 0
    sequencer.submit(stim * 2, 0)
    assert len(steps(sequencer)) == 4


def test_a_plan_waits_on_after_a_refused_interrupt() -> None:
    sequencer = Sequencer(StimLimits(channel_queue=2))
    sequencer.submit((*ONE, *stim_operations(9, DESIGN)), 0, 1000)
    with pytest.raises(ChannelQueueFull):
        sequencer.submit((*interrupt_operations(8), *(ONE * 3)), 0)
    sequencer.submit(interrupt_operations(9), 0)
    with pytest.raises(RunTimestampOrderError):
        sequencer.submit(stim_operations(10, DESIGN), 0, 900)
    sequencer.submit(interrupt_operations(8), 0)
    sequencer.submit(stim_operations(10, DESIGN), 0, 900)


@settings(deadline=None, max_examples=120)
@given(st.data(), programs(size=8), commands(), programs(size=4))
def test_a_refused_transaction_is_invisible(
    data: st.DataObject, before: list[Command], refused: Command, after: list[Command]
) -> None:
    limits = StimLimits(*(data.draw(st.integers(least, 3)) for least in (1, 0, 0)))
    # The time it is given at is kept: it belongs to the next command.
    after = [after[0]._replace(gap=after[0].gap + refused.gap), *after[1:]]
    with_it = [*before, refused, after[0]._replace(gap=after[0].gap - refused.gap), *after[1:]]
    end = end_of(with_it)
    pulses, errors = run(with_it, end, limits)
    without, errors_without = run([*before, *after], end, limits)
    position = len(before)
    if errors[position] is not None:
        assert plain(pulses) == plain(without)
        assert errors[:position] + errors[position + 1 :] == errors_without
