"""The rules of the stimulator, one by one. Times are steps of 20 µs; a notice takes 4."""

from __future__ import annotations

from typing import Any

import pytest

from cl._stim.sequencer import NEVER, Sequencer
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
BOTH = ChannelSet(8, 9)


class Bench:
    """A sequencer with commands at a step, and everything it gave."""

    def __init__(self) -> None:
        self.sequencer = Sequencer()

    def stim(self, step: int, channels: Any, count: int = 1, hz: float | None = None, lead: int = 80) -> None:
        burst = BurstDesign(count, hz) if hz else None
        self.sequencer.submit(stim_operations(channels, DESIGN, burst, lead), step)

    def sync(self, step: int, *channels: int) -> None:
        self.sequencer.submit(sync_operations(ChannelSet(channels)), step)

    def interrupt(self, step: int, *channels: int) -> None:
        self.sequencer.submit(interrupt_operations(ChannelSet(channels)), step)

    def plan(self, step: int, at: int, *parts: tuple[Any, ...]) -> None:
        operations = tuple(operation for part in parts for operation in part)
        self.sequencer.submit(operations, step, at)

    def pulses(self, to_step: int = 100_000) -> list[tuple[int, int]]:
        return [(pulse.step, pulse.channel) for pulse in self.sequencer.advance(to_step)]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_pulse_starts_after_its_notice(bench: Bench) -> None:
    bench.stim(100, 8)
    assert bench.pulses() == [(104, 8)]


def test_a_lead_time_delays_the_first_notice_only(bench: Bench) -> None:
    bench.stim(100, 8, 3, 200, lead=180)
    assert bench.pulses() == [(109, 8), (359, 8), (609, 8)]


def test_single_pulses_are_5_ms_apart(bench: Bench) -> None:
    for _ in range(3):
        bench.stim(100, 8)
    assert bench.pulses() == [(104, 8), (354, 8), (604, 8)]


def test_a_long_design_occupies_its_channel_for_notice_and_duration(bench: Bench) -> None:
    long = StimDesign(3000, -0.9, 3000, 0.9)
    bench.sequencer.submit(stim_operations(8, long), 0)
    bench.stim(0, 8)
    assert bench.pulses() == [(4, 8), (308, 8)]


def test_a_burst_occupies_its_channel_for_an_interval_after_the_last_pulse(bench: Bench) -> None:
    bench.stim(0, 8, 2, 100)
    bench.stim(0, 8)
    assert bench.pulses() == [(4, 8), (504, 8), (1004, 8)]


def test_half_frames_are_kept(bench: Bench) -> None:
    bench.stim(0, 8, 5, 151)
    pulses = bench.sequencer.advance(10_000)
    assert [pulse.timestamp for pulse in pulses] == [2, 167, 333, 498, 664]


def test_pulses_say_when_they_were_asked_for(bench: Bench) -> None:
    bench.stim(100, 8)
    bench.stim(120, 8, 2, 100, lead=100)
    pulses = bench.sequencer.advance(10_000)
    assert [(pulse.step, pulse.intended_step) for pulse in pulses] == [(104, 104), (355, 125), (855, 625)]
    assert [pulse.intended_timestamp for pulse in pulses] == [52, 62, 312]
    assert all(pulse.design is DESIGN for pulse in pulses)


def test_a_plan_asks_for_its_pulses_at_its_time(bench: Bench) -> None:
    bench.plan(0, 1000, stim_operations(8, DESIGN, None, 100))
    (pulse,) = bench.sequencer.advance(10_000)
    assert (pulse.step, pulse.intended_step) == (1005, 1005)


def test_several_channels_start_together(bench: Bench) -> None:
    bench.stim(0, 9)
    bench.stim(10, ChannelSet(8, 9, 10))
    assert bench.pulses() == [(4, 9), (254, 8), (254, 9), (254, 10)]


def test_a_grounded_channel_gives_no_pulse_but_syncs(bench: Bench) -> None:
    bench.stim(0, 8, 2, 100)
    bench.stim(0, ChannelSet(0, 8))
    bench.stim(0, ChannelSet(0, 9))
    # The skipped stim on 0 is no pulse: its syncs are a run, of which only the last is waited for.
    assert bench.pulses(2000) == [(4, 8), (4, 9), (504, 8), (1004, 8)]
    bench.stim(2000, 8, 2, 100)
    bench.stim(2000, ChannelSet(0, 8))
    bench.stim(2100, ChannelSet(0, 9, 8))
    assert bench.pulses() == [(2004, 8), (2504, 8), (3004, 8), (3254, 8), (3254, 9)]


def test_a_grounded_channel_alone_is_nothing(bench: Bench) -> None:
    bench.stim(0, 7)
    assert bench.sequencer.next_step == NEVER


def test_a_burst_of_0_is_a_sync_only(bench: Bench) -> None:
    bench.stim(0, 8)
    bench.stim(0, BOTH, 0, 100, lead=800)
    bench.stim(0, 9)
    assert bench.pulses() == [(4, 8), (254, 9)]


def test_a_sync_waits_for_the_running_period(bench: Bench) -> None:
    bench.stim(0, 8)
    bench.sync(100, 8, 9)
    bench.stim(100, 9)
    assert bench.pulses() == [(4, 8), (254, 9)]


def test_of_a_run_of_syncs_only_the_last_is_waited_for(bench: Bench) -> None:
    bench.stim(0, 1, 3, 100)
    bench.sync(0, 1, 2)
    bench.sync(0, 2, 3)
    bench.stim(0, 3)
    bench.stim(0, 2)
    assert bench.pulses() == [(4, 1), (4, 2), (4, 3), (504, 1), (1004, 1)]


def test_a_sync_queued_while_the_channel_waits_joins_the_run(bench: Bench) -> None:
    bench.stim(0, 1, 3, 100)
    bench.sync(0, 1, 2)
    assert bench.pulses(200) == [(4, 1)]
    bench.sync(200, 2, 3)
    bench.stim(200, 2)
    assert bench.pulses() == [(204, 2), (504, 1), (1004, 1)]


def test_a_pulse_ends_a_run_of_syncs(bench: Bench) -> None:
    bench.stim(0, 1, 3, 100)
    bench.sync(0, 1, 2)
    bench.stim(0, 2)
    bench.sync(0, 2, 3)
    bench.stim(0, 3)
    assert bench.pulses() == [(4, 1), (504, 1), (1004, 1), (1504, 2), (1754, 3)]


def test_a_wait_joins_the_run_once_its_time_has_come(bench: Bench) -> None:
    bench.stim(0, 1, 4, 100)
    bench.sync(0, 1, 2)
    bench.plan(0, 700, sync_operations(ChannelSet(2, 3)), stim_operations(2, DESIGN))
    bench.stim(0, 3)
    # Channel 2 gives up waiting for 1 at 700; channel 3 has waited for that.
    assert bench.pulses() == [(4, 1), (504, 1), (704, 2), (704, 3), (1004, 1), (1504, 1)]


def test_a_plan_waits_for_its_time_and_is_followed_by_what_comes_later(bench: Bench) -> None:
    bench.plan(0, 1000, stim_operations(8, DESIGN))
    bench.stim(0, 8)
    assert bench.pulses() == [(1004, 8), (1254, 8)]


@pytest.mark.parametrize("at", [-5, 0, 500])
def test_a_time_that_is_not_in_the_future_means_now(bench: Bench, at: int) -> None:
    bench.plan(500, at, stim_operations(8, DESIGN))
    assert bench.pulses() == [(504, 8)]


def test_an_interrupt_ends_a_burst_after_the_running_period(bench: Bench) -> None:
    bench.stim(0, 8, 10, 100)
    bench.stim(0, 8)
    bench.interrupt(501, 8)
    bench.stim(501, 8)
    assert bench.pulses() == [(4, 8), (504, 8), (1004, 8)]


def test_an_interrupt_in_the_step_of_a_notice_drops_the_pulse(bench: Bench) -> None:
    bench.stim(0, 8, 10, 100)
    bench.interrupt(500, 8)
    bench.stim(500, 9)
    bench.interrupt(500, 9)
    bench.stim(510, 8)
    assert bench.pulses() == [(4, 8), (514, 8)]


def test_an_interrupt_leaves_a_pulse_whose_notice_has_begun(bench: Bench) -> None:
    bench.stim(0, 8)
    bench.interrupt(1, 8)
    assert bench.pulses() == [(4, 8)]


def test_an_interrupt_acts_at_once_in_a_lead_delay(bench: Bench) -> None:
    bench.stim(0, 8, lead=10_000)
    bench.interrupt(10, 8)
    bench.stim(10, 8)
    assert bench.pulses() == [(14, 8)]


def test_an_interrupt_acts_at_once_at_a_sync_and_in_a_wait(bench: Bench) -> None:
    bench.stim(0, 8, 5, 100)
    bench.stim(0, BOTH)
    bench.plan(0, 900, stim_operations(10, DESIGN))
    bench.interrupt(20, 9, 10)
    bench.stim(20, ChannelSet(9, 10))
    assert bench.pulses(800) == [(4, 8), (24, 9), (24, 10), (504, 8)]


def test_a_dropped_sync_counts_for_the_interrupted_channel_only(bench: Bench) -> None:
    bench.stim(0, 8, 5, 100)
    bench.stim(0, 9, 2, 200)
    bench.stim(0, ChannelSet(8, 9, 10))
    bench.interrupt(100, 8)
    # Channel 8 has come to it at 500, when its period ends; 9 was there at 500 as well.
    assert bench.pulses() == [(4, 8), (4, 9), (254, 9), (504, 9), (504, 10)]


def test_a_dropped_sync_counts_at_once_where_nothing_runs(bench: Bench) -> None:
    bench.plan(0, 5000, sync_operations(BOTH))
    bench.sync(0, 9, 10)
    bench.stim(0, 10)
    bench.interrupt(100, 9)
    assert bench.pulses() == [(104, 10)]


def test_an_interrupt_of_a_plan_acts_at_its_time_and_place(bench: Bench) -> None:
    bench.stim(0, 8, 10, 100)
    bench.plan(0, 700, interrupt_operations(8), stim_operations(8, DESIGN))
    bench.stim(0, 8)
    assert bench.pulses() == [(4, 8), (504, 8), (1004, 8), (1254, 8)]


def test_an_interrupt_drops_a_deferred_one(bench: Bench) -> None:
    bench.plan(0, 700, interrupt_operations(8))
    bench.interrupt(100, 8)
    bench.stim(100, 8, 4, 200)
    assert bench.pulses() == [(104, 8), (354, 8), (604, 8), (854, 8)]


def test_interrupt_then_stim_replaces_what_is_queued(bench: Bench) -> None:
    bench.stim(0, 8, 10, 100)
    for step in (20, 40, 60):
        bench.sequencer.submit(interrupt_then_stim_operations(8, DESIGN), step)
    assert bench.pulses() == [(4, 8), (504, 8)]


def test_pulses_come_by_step_and_channel(bench: Bench) -> None:
    # Channel 10 releases 8 and 9 in a step in which it gives its own notice.
    bench.stim(0, 10)
    bench.sync(0, 8, 9, 10)
    for channel in (10, 9, 8, 11):
        bench.stim(0, channel)
    assert bench.pulses() == [(4, 10), (4, 11), (254, 8), (254, 9), (254, 10)]


def test_closing_delivers_what_has_begun_and_drops_the_rest(bench: Bench) -> None:
    bench.stim(0, 8, 10, 100)
    bench.stim(0, BOTH)
    bench.plan(0, 5000, interrupt_operations(10), stim_operations(10, DESIGN))
    bench.stim(999, 11)
    bench.sequencer.interrupt_all(1000)
    assert bench.pulses(1010) == [(4, 8), (504, 8), (1003, 11)]
    assert bench.sequencer.next_step == NEVER
    # Control may be taken again: commands follow the periods that are still running.
    bench.stim(1010, ChannelSet(9, 11))
    assert bench.pulses() == [(1253, 9), (1253, 11)]


def test_next_step_is_where_the_next_pulse_may_be(bench: Bench) -> None:
    assert bench.sequencer.next_step == NEVER
    bench.stim(100, 8, 2, 100)
    assert bench.sequencer.next_step == 104
    assert bench.pulses(104) == []
    assert bench.pulses(105) == [(104, 8)]
    assert bench.sequencer.next_step == 604
    assert bench.pulses(605) == [(604, 8)]
    assert bench.sequencer.next_step == NEVER


def test_pulses_are_given_in_the_piece_of_time_they_start_in(bench: Bench) -> None:
    bench.stim(100, 8)
    bench.stim(102, 9)
    bench.stim(103, 10)
    assert bench.pulses(104) == []
    assert bench.pulses(105) == [(104, 8)]
    assert bench.pulses(106) == []
    assert bench.pulses(107) == [(106, 9)]
    assert bench.pulses(108) == [(107, 10)]


def test_a_command_before_the_last_one_counts_as_of_the_last_one(bench: Bench) -> None:
    bench.stim(100, 8)
    bench.stim(90, 9)
    assert bench.pulses() == [(104, 8), (104, 9)]
