"""`plan.preview()`: the timeline that a plan would produce on idle channels."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stim_programs import Command, operations, plain, run

from cl._stim.preview_run import preview
from cl._stim.sequencer import Sequencer
from cl.stim import BurstDesign, ChannelSet, Operation, PlanPreview, StimDesign, StimPlan


def submit_nothing(*arguments: object) -> None:
    raise AssertionError("a preview delivers nothing")


@pytest.fixture
def plan() -> StimPlan:
    return StimPlan(submit_nothing, preview)


def test_a_preview_shows_times_phases_charge_and_rate(plan: StimPlan) -> None:
    design = StimDesign(100, -0.3, 300, 0.1)
    plan.stim(ChannelSet(0, 8, 9), design, BurstDesign(3, 151), lead_time_us=100)
    plan.stim(9, StimDesign(160, 2.0))
    found = plan.preview()
    assert list(found.channels) == [8, 9]
    eight, nine = found.channels.values()
    assert eight.pulse_steps == [5, 336, 667]
    assert eight.pulse_timestamps == [2, 168, 333]
    assert eight.trains[0].pulse_steps == range(5, 998, 331)
    assert eight.trains[0].phases == ((100, -0.3), (300, 0.1))
    assert (eight.pulse_count, eight.first_step, eight.last_step) == (3, 5, 667)
    assert (eight.end_step, eight.free_step) == (687, 994)
    assert (eight.charge_nC, eight.net_charge_nC) == (0.18, 0.0)
    assert eight.rate_hz == eight.peak_rate_hz == 50_000 / 331
    assert nine.pulse_steps == [5, 336, 667, 998]
    assert (nine.end_step, nine.free_step) == (1006, 1244)
    assert nine.net_charge_nC == 0.32
    assert (found.pulse_count, found.end_step, found.end_timestamp) == (7, 1006, 503)
    assert (found.charge_nC, found.net_charge_nC) == (pytest.approx(0.68), 0.32)


def test_the_peak_rate_is_that_of_the_closest_pulses(plan: StimPlan) -> None:
    plan.stim(8, 1.0, BurstDesign(2, 10))
    plan.stim(8, 1.0, BurstDesign(2, 100))
    plan.stim(9, 1.0)
    eight, nine = plan.preview().channels.values()
    assert eight.peak_rate_hz == 100
    assert eight.rate_hz == 4 * 50_000 / (2 * 5000 + 2 * 500)
    assert (nine.rate_hz, nine.peak_rate_hz) == (200, 0)


def test_a_preview_is_shown_as_a_table(plan: StimPlan) -> None:
    plan.stim(ChannelSet(8, 9), StimDesign(160, -1.0, 160, 1.0), BurstDesign(20, 40))
    plan.sync(ChannelSet(8, 10))
    plan.stim(10, StimDesign(200, -2.0))
    assert str(plan.preview()).splitlines() == [
        "41 pulses on 3 channels, over after 500.28 ms (frame 12507); 13.2 nC moved, -0.4 nC left",
        "",
        "channel  pulses  first ms  last ms  end ms  mean Hz  peak Hz  nC moved  nC left",
        "      8      20      0.08   475.08  475.40    40.00    40.00       6.4        0",
        "      9      20      0.08   475.08  475.40    40.00    40.00       6.4        0",
        "     10       1    500.08   500.08  500.28        -        -       0.4     -0.4",
        "",
        "channel  pulses   step  frame  every µs  design",
        "      8      20      4      2     25000  StimDesign(160, -1.0, 160, 1.0)",
        "      9      20      4      2     25000  StimDesign(160, -1.0, 160, 1.0)",
        "     10       1  25004  12502         -  StimDesign(200, -2.0)",
    ]
    assert repr(plan.preview()) == "<PlanPreview of 41 pulses on 3 channels, 500.28 ms>"


def test_an_empty_preview(plan: StimPlan) -> None:
    plan.sync(ChannelSet(8, 9))
    plan.stim(7, 1.0)
    plan.stim(8, 1.0, BurstDesign(0, 100))
    found = plan.preview()
    assert (found.channels, found.end_step, found.pulse_count) == ({}, 0, 0)
    assert str(found) == (
        "0 pulses on 0 channels, over after 0 ms (frame 0); 0 nC moved, 0 nC left\n"
        "dropped: 1 pulse, since channel 7 is grounded"
    )


def test_a_preview_costs_what_the_plan_does_and_not_its_pulses(plan: StimPlan) -> None:
    for _ in range(10):
        plan.stim(~ChannelSet(), 1.0, BurstDesign(10**9, 200))
    found = plan.preview()
    assert found.pulse_count == 60 * 10**10
    assert found.channels[8].trains[9].first_step == 4 + 9 * 250 * 10**9


def test_limits_do_not_matter_to_a_preview(plan: StimPlan) -> None:
    for _ in range(5000):
        plan.stim(8, 1.0)
    assert plan.preview().channels[8].last_step == 4 + 4999 * 250


def test_a_plan_without_an_end_is_refused(plan: StimPlan) -> None:
    plan.stim(8, 1.0, BurstDesign(10**30, 1))
    plan.stim(8, 1.0)
    with pytest.raises(ValueError, match="does not end"):
        plan.preview()


def test_a_plan_interrupts_itself_first(plan: StimPlan) -> None:
    plan.stim(ChannelSet(8, 9), 1.0)
    plan.interrupt_then_stim(8, 2.0)
    found: PlanPreview = plan.preview()
    assert [found.channels[channel].pulse_steps for channel in (8, 9)] == [[4], [4]]
    assert found.channels[8].trains[0].design == StimDesign(160, -2.0, 160, 2.0)


@settings(deadline=None, max_examples=150)
@given(st.lists(operations(), max_size=6))
def test_a_preview_is_what_a_run_delivers(parts: list[tuple[Operation, ...]]) -> None:
    together = tuple(operation for part in parts for operation in part)
    pulses, _ = run([Command(0, together)], 100_000)
    shown = [
        (step, channel.channel)
        for channel in preview(together).channels.values()
        for step in channel.pulse_steps
    ]
    assert sorted(shown) == [pulse[:2] for pulse in plain(pulses)]


def test_a_channel_is_idle_again_when_the_preview_says() -> None:
    sequencer = Sequencer()
    stim = StimPlan(lambda ops, at: sequencer.submit(ops, 0), preview)
    stim.stim(8, 1.0, BurstDesign(3, 151), lead_time_us=400)
    stim.run()
    free = stim.preview().channels[8].free_step
    follow = StimPlan(lambda ops, at: sequencer.submit(ops, 10), preview)
    follow.stim(8, 1.0)
    follow.run()
    assert sequencer.advance(100_000)[-1].step == free + 4
