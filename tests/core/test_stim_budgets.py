"""Budgets against a slow model: every pulse to the end of the queues and every window, in exact numbers."""

from __future__ import annotations

import pickle
from fractions import Fraction
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stim_programs import CHANNELS, Command, programs

from cl._stim.budget import StimBudget, checked_budget
from cl._stim.budget_keeper import BudgetKeeper
from cl._stim.operations import Operation
from cl._stim.pulse_sums import Charge, Sums
from cl._stim.sequencer import Pulse, Sequencer
from cl._values.numbers import decimal
from cl.error import StimBudgetExceeded, TransactionRejected
from cl.stim import (
    BurstDesign,
    ChannelSet,
    StimDesign,
    interrupt_operations,
    stim_operations,
    sync_operations,
)

PULSE = StimDesign(160, -1.0, 160, 1.0)
END = 1 << 40
BUDGETS = st.builds(
    StimBudget,
    st.sampled_from([None, 50.5, 100, 100, 150, 200, 200]),
    st.sampled_from([None, None, None, 16.1, 32, 64, 500]),
    st.sampled_from([None, None, None, 0.13, 0.25, 1.5]),
    st.sampled_from([0.005, 0.01, 0.01, 0.02, 0.03, 0.1]),
)
"""Their windows are the periods of pulses, or whole numbers of them: what is off by a step shows."""


class Slow:
    """Does everything again from the beginning, pulse by pulse; no operations are an interrupt of all."""

    def __init__(self) -> None:
        self.taken: list[tuple[int, Command]] = []

    def pulses(self, more: list[tuple[int, Command]]) -> list[Pulse]:
        sequencer = Sequencer()
        for step, command in [*self.taken, *more]:
            at = None if command.ahead is None else step + command.ahead
            if command.operations:
                sequencer.submit(command.operations, step, at)
            else:
                sequencer.interrupt_all(step)
        return sequencer.advance(END)


def exceeds(pulses: list[Pulse], channel: int, budget: StimBudget, since: int) -> set[str]:
    """Return the limits that are exceeded by a pulse from a step on."""
    own = [pulse for pulse in pulses if pulse.channel == channel]
    found = set()
    for last in own:
        if last.step < since:
            continue
        within = [p for p in own if last.step - budget.window_steps < p.step <= last.step]
        charges = [
            decimal(current) * duration / 1000
            for p in within
            for duration, current in zip(p.design.phase_durations_us, p.design.phase_currents_uA, strict=True)
        ]
        window = decimal(budget.window_seconds)
        figures = {
            "max_rate_hz": Fraction(len(within)) / window,
            "max_charge_nC_per_s": sum(map(abs, charges), Fraction(0)) / window,
            "max_net_charge_nC": abs(sum(charges, Fraction(0))),
        }
        for name, figure in figures.items():
            limit = getattr(budget, name)
            if limit is not None and figure > decimal(limit):
                found.add(name)
    return found


def submit(
    keeper: BudgetKeeper, sequencer: Sequencer, operations: tuple[Operation, ...], step: int, at: int | None
) -> None:
    """Do what a stimulator does."""
    if at is not None or not keeper.allows(operations):
        keeper.check(sequencer, operations, step, at)
    sequencer.submit(operations, step, at)


def run_beside_the_slow_model(
    program: list[Command], own: dict[int, StimBudget], laboratorys: dict[int, StimBudget]
) -> int:
    """Return how many commands were refused, the same by both."""
    keeper, sequencer, slow = BudgetKeeper(), Sequencer(), Slow()
    for layer, budgets in enumerate((laboratorys, own)):
        for channel, budget in budgets.items():
            keeper.set([channel], budget, layer)
    step = refused = 0
    for command in program:
        step += command.gap
        keeper.took(sequencer.advance(step))
        if not command.operations:
            sequencer.interrupt_all(step)
            slow.taken.append((step, command))
            continue
        at = None if command.ahead is None else step + command.ahead
        expected: set[Any] = set()
        try:
            pulses = slow.pulses([(step, command)])
            before = slow.pulses([])
        except TransactionRejected as error:
            expected = {type(error)}
        else:
            for channel in sorted(CHANNELS):
                for layer in (laboratorys, own):
                    if channel in layer:
                        expected |= {
                            (channel, name) for name in exceeds(pulses, channel, layer[channel], step)
                        }
            if pulses == before:
                expected = set()
        found: object = None
        try:
            submit(keeper, sequencer, command.operations, step, at)
            slow.taken.append((step, command))
        except StimBudgetExceeded as refusal:
            found = refusal.channel, refusal.limit_name
        except TransactionRejected as error:
            found = type(error)
        refused += found is not None
        assert found in (expected or {None}), (command, step)
    assert sequencer.advance(END) == [p for p in slow.pulses([]) if p.step >= step]
    return refused


@settings(deadline=None, max_examples=150)
@given(
    programs(),
    st.dictionaries(st.sampled_from(CHANNELS), BUDGETS, min_size=1, max_size=4),
    st.dictionaries(st.sampled_from(CHANNELS), BUDGETS, max_size=2),
)
def test_refuses_exactly_what_a_slow_model_refuses(
    program: list[Command], own: dict[int, StimBudget], laboratorys: dict[int, StimBudget]
) -> None:
    run_beside_the_slow_model(program, own, laboratorys)


UNBALANCED = StimDesign(100, 1.0, 100, -1.2)
UNBALANCED_UP = StimDesign(100, 2.3, 100, -2.0)
_SINGLE = st.builds(
    stim_operations,
    st.sampled_from([9, 9, 10]),
    st.sampled_from([PULSE, PULSE, PULSE, PULSE, StimDesign(160, -2.0, 160, 2.0), UNBALANCED]),
    st.none(),
    st.sampled_from([80, 80, 80, 80, 2000, 10_000]),
)
"""What loops give: pulses of few designs, of which many may pass without a look."""
_SELDOM = st.sampled_from(
    [
        *(interrupt_operations(9), interrupt_operations(ChannelSet(9, 10))),
        *(sync_operations(ChannelSet(9, 10)), stim_operations(ChannelSet(9, 10), PULSE), ()),
        stim_operations(9, PULSE, BurstDesign(3, 150)),
    ]
)
_COMMANDS = st.builds(
    Command,
    st.sampled_from([0, 20, 250, 250, 251, 500, 1000]),
    st.one_of(*[_SINGLE] * 9, _SELDOM),
    st.none(),
)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(_COMMANDS, min_size=10, max_size=60),
    st.builds(
        StimBudget,
        st.sampled_from([None, 60, 100, 160]),
        st.sampled_from([None, 24, 32, 50]),
        st.sampled_from([None, None, 0.1]),
        st.sampled_from([0.05, 0.1, 0.2]),
    ),
)
def test_pulses_that_pass_without_a_look_are_those_there_is_room_for(
    program: list[Command], budget: StimBudget
) -> None:
    run_beside_the_slow_model(program, {9: budget, 10: budget}, {})


def test_a_loop_looks_at_a_few_of_its_pulses_only() -> None:
    keeper, sequencer, looks = BudgetKeeper(), Sequencer(), 0
    keeper.set([9], StimBudget(max_rate_hz=60, max_charge_nC_per_s=50, max_net_charge_nC=0.1), 0)
    for n in range(1000):
        keeper.took(sequencer.advance(n * 1000))
        looks += not keeper.allows(stim := stim_operations(9, PULSE))
        keeper.check(sequencer, stim, n * 1000, None)
        sequencer.submit(stim, n * 1000)
    assert looks <= 1000 / 10 + 1


@pytest.mark.parametrize("gap", [-3, 1, 246, 249, 250, 251])
def test_a_stim_on_a_busy_channel_counts_when_it_begins(gap: int) -> None:
    keeper, sequencer = BudgetKeeper(), Sequencer()
    keeper.set([9], StimBudget(max_rate_hz=200, window_seconds=0.005), 0)
    sequencer.submit(stim_operations(9, PULSE), 1000)
    step = 1004 + gap
    keeper.took(sequencer.advance(step))
    sequencer.submit(stim_operations(10, PULSE), step)  # With it the notice of a pulse has begun.
    keeper.check(sequencer, stim_operations(9, PULSE), step, None)
    keeper.set([9], StimBudget(max_rate_hz=200, window_seconds=0.00502), 0)
    begins = max(1254, step + 4)
    if begins - 1004 >= 251:
        keeper.check(sequencer, stim_operations(9, PULSE), step, None)
    else:
        with pytest.raises(StimBudgetExceeded, match="channel 9"):
            keeper.check(sequencer, stim_operations(9, PULSE), step, None)


def test_an_interrupt_that_lets_another_channel_go_on() -> None:
    keeper, sequencer = BudgetKeeper(), Sequencer()
    keeper.set([9], StimBudget(max_rate_hz=1), 0)
    sequencer.submit(stim_operations(9, PULSE), 0)
    sequencer.submit(stim_operations(10, PULSE, BurstDesign(20, 10)), 0)
    sequencer.submit(sync_operations(ChannelSet(9, 10)), 0)
    keeper.check(sequencer, stim_operations(9, PULSE), 10, None)
    sequencer.submit(stim_operations(9, PULSE), 10)
    keeper.took(sequencer.advance(20_000))
    with pytest.raises(StimBudgetExceeded, match="channel 9 would get 2 Hz"):
        keeper.check(sequencer, interrupt_operations(10), 20_000, None)
    keeper.check(sequencer, interrupt_operations(ChannelSet(9, 10)), 20_000, None)


def test_endless_bursts_and_long_windows_are_no_trouble() -> None:
    keeper, sequencer = BudgetKeeper(), Sequencer()
    keeper.set([9], StimBudget(max_rate_hz=100, window_seconds=60), 0)
    endless = stim_operations(9, PULSE, BurstDesign(10**12, 100))
    keeper.check(sequencer, endless, 0, None)
    with pytest.raises(StimBudgetExceeded):
        keeper.check(sequencer, stim_operations(9, PULSE, BurstDesign(10**12, 101)), 0, None)
    sequencer.submit(endless, 0)
    keeper.set([9], StimBudget(max_rate_hz=100), 0)
    keeper.check(sequencer, stim_operations(9, PULSE), 1000, None)
    keeper.set([9], StimBudget(max_charge_nC_per_s=31.9), 0)
    with pytest.raises(StimBudgetExceeded) as refusal:
        keeper.check(sequencer, stim_operations(9, PULSE), 1000, None)
    assert str(refusal.value) == (
        "channel 9 would get 32 nC/s in 1 s; its budget is max_charge_nC_per_s=31.9"
    )
    again = pickle.loads(pickle.dumps(refusal.value))  # noqa: S301
    assert str(again) == str(refusal.value) and again.figure == 32


def test_the_past_is_kept_as_long_as_its_window() -> None:
    keeper, sequencer = BudgetKeeper(), Sequencer()
    keeper.set([9, 0], StimBudget(max_rate_hz=50), 0)
    for n in range(20_000):
        step = n * 1000
        keeper.took(sequencer.advance(step))
        keeper.check(sequencer, stim_operations(9, PULSE), step, None)
        sequencer.submit(stim_operations(9, PULSE), step)
    assert len(keeper._past[9].pulses) < 3_000
    assert list(keeper._past) == [9], "channel 0 is grounded"
    with pytest.raises(StimBudgetExceeded, match=r"channel 9 would get 51 Hz in 1 s; .* max_rate_hz=50"):
        keeper.check(sequencer, stim_operations(9, PULSE), step + 260, None)
    keeper.set([9], None, 0)
    keeper.check(sequencer, stim_operations(ChannelSet(9, 10), PULSE), step + 260, None)


def test_the_past_is_kept_as_long_as_the_longest_of_its_windows() -> None:
    keeper, sequencer = BudgetKeeper(), Sequencer()
    keeper.set([9], StimBudget(max_rate_hz=1000, window_seconds=0.02), 0)
    keeper.set([9], StimBudget(max_rate_hz=25, window_seconds=100), 1)
    for n in range(2_501):
        step = n * 1000
        keeper.took(sequencer.advance(step))
        if n == 2_500:
            with pytest.raises(StimBudgetExceeded, match=r"channel 9 would get 25\.01 Hz in 100 s"):
                keeper.check(sequencer, stim_operations(9, PULSE), step, None)
            break
        keeper.check(sequencer, stim_operations(9, PULSE), step, None)
        sequencer.submit(stim_operations(9, PULSE), step)


@pytest.mark.parametrize("known", [False, True])
def test_a_longer_window_is_told_of_what_came_before(known: bool) -> None:
    """As of its third pulse a channel has a budget, or has had one with a short window, and forgets."""
    keeper, unbalanced = BudgetKeeper(), StimDesign(100, 1.0, 100, -1.2)  # leaves 0.02 nC
    before = [Pulse(step, 9, unbalanced, step // 2) for step in (101, 201, 301, 401)]
    if known:
        assert keeper.set([9], StimBudget(max_rate_hz=1000, window_seconds=0.001), 0) == {9}
        keeper.took([Pulse(step, 9, unbalanced, step // 2) for step in (300, 400)])
    assert keeper.set([9], StimBudget(max_net_charge_nC=0.09, window_seconds=1), 0) == {9}
    keeper.recall(9, before)
    assert [step for step, *_ in keeper._past[9].pulses[1:]] == [
        101,
        201,
        *((300, 400) if known else (301, 401)),
    ]
    with pytest.raises(StimBudgetExceeded, match=r"would get 0\.1 nC"):
        keeper.check(Sequencer(), stim_operations(9, unbalanced), 600, None)
    assert keeper.set([9], StimBudget(max_net_charge_nC=0.1, window_seconds=1), 0) == set(), "all is known"
    keeper.check(Sequencer(), stim_operations(9, unbalanced), 600, None)


def test_what_is_left_is_that_of_the_present_where_nothing_is_to_come() -> None:
    keeper = BudgetKeeper()
    keeper.set([9], StimBudget(max_rate_hz=10), 0)
    keeper.took([Pulse(step, 9, PULSE, step // 2) for step in (100, 200, 300, 400)])

    def left(step: int) -> float | None:
        return keeper.left(Sequencer(), (), step)[9][1].rate_hz

    assert [left(step) for step in (400, 50_099, 50_100, 50_400)] == [6, 6, 7, 10]


class Asked:
    """A keeper with a budget for channel 9, and a sequencer that is asked at any step."""

    def __init__(self, **limits: float) -> None:
        self.keeper, self.sequencer = BudgetKeeper(), Sequencer()
        self.keeper.set([9], StimBudget(**limits), 0)

    def gives(self, step: int, design: StimDesign = PULSE, lead_time_us: int = 80) -> bool:
        """Return whether a pulse is taken."""
        self.keeper.took(self.sequencer.advance(step))
        try:
            submit(self.keeper, self.sequencer, stim_operations(9, design, None, lead_time_us), step, None)
        except StimBudgetExceeded:
            return False
        return True


def test_a_pulse_of_another_design_is_looked_at() -> None:
    asked, large = Asked(max_charge_nC_per_s=3.2), StimDesign(160, -3.0, 160, 3.0)
    assert asked.gives(0) and asked.gives(1000)
    assert asked.keeper.allows(stim_operations(9, PULSE)), "there is room for more of it"
    assert [asked.gives(1000 * n, large) for n in range(2, 6)] == [True, True, False, False]


def test_a_budget_that_is_set_takes_back_what_another_allowed() -> None:
    asked = Asked(max_rate_hz=100)
    assert asked.gives(0) and asked.gives(1000)
    asked.keeper.set([9], StimBudget(max_rate_hz=3), 0)
    assert [asked.gives(1000 * n) for n in range(2, 5)] == [True, False, False]


def test_pulses_of_the_present_count_for_one_that_is_dropped_before_its_time() -> None:
    asked = Asked(max_rate_hz=50, window_seconds=0.1)
    assert [asked.gives(1000 * n) for n in range(4)] == [True] * 4
    asked.keeper.took(asked.sequencer.advance(3_500))
    submit(asked.keeper, asked.sequencer, interrupt_operations(9), 3_500, None)  # The next one is looked at.
    assert asked.gives(3_500, lead_time_us=200_000), "its window is another one"
    asked.sequencer.interrupt_all(3_600)
    assert [asked.gives(step) for step in (3_700, 4_000, 4_400, 5_100)] == [True, False, False, True]


def test_what_pulses_left_behind_may_come_to_more_once_earlier_ones_are_over() -> None:
    asked = Asked(max_net_charge_nC=0.05)
    less, more = StimDesign(100, -2.4, 100, 2.0), StimDesign(100, 2.5, 100, -2.0)  # -0.04, 0.05 nC
    assert asked.gives(0, less) and asked.gives(1_000, more) and asked.gives(2_000, UNBALANCED_UP)
    assert asked.gives(3_000), "-0.04 + 0.05 + 0.03 nC"
    assert not asked.gives(50_500), "0.05 + 0.03 nC"
    assert asked.gives(51_500), "0.03 nC"
    assert asked.keeper.allows(stim_operations(9, PULSE)) is False, "that is still in the window"
    assert asked.gives(53_000) and asked.keeper.allows(stim_operations(9, PULSE))


def test_what_is_told_again_counts_once() -> None:
    keeper, sequencer = BudgetKeeper(), Sequencer()
    keeper.set([9], StimBudget(max_rate_hz=2), 0)
    sequencer.submit(stim_operations(9, PULSE), 0)
    for pulses in (sequencer.advance(100),) * 3:
        keeper.took(pulses)
        keeper.check(sequencer, stim_operations(9, PULSE), 300, None)


@pytest.mark.parametrize("sign", [-1, 1])
def test_charge_of_either_sign_is_left_behind(sign: int) -> None:
    keeper, sequencer = BudgetKeeper(), Sequencer()
    keeper.set([9], StimBudget(max_net_charge_nC=0.05), 0)
    unbalanced = StimDesign(100, 1.0 * sign, 100, -1.2 * sign)  # leaves 0.02 nC
    for n in range(2):
        keeper.took(sequencer.advance(n * 1000))
        submit(keeper, sequencer, stim_operations(9, unbalanced), n * 1000, None)
    keeper.took(sequencer.advance(2000))
    with pytest.raises(StimBudgetExceeded, match=r"would get 0\.06 nC"):
        submit(keeper, sequencer, stim_operations(9, unbalanced), 2000, None)


def test_designs_that_come_and_go_are_told_apart() -> None:
    keeper, sequencer = BudgetKeeper(), Sequencer()
    keeper.set([9], StimBudget(max_charge_nC_per_s=0.35), 0)
    for _ in range(20):  # Each is gone when the next one is made, which may lie in its place.
        keeper.check(sequencer, stim_operations(9, StimDesign(160, -1.0, 160, 1.0)), 0, None)
        with pytest.raises(StimBudgetExceeded, match=r"would get 0\.64 nC/s"):
            keeper.check(sequencer, stim_operations(9, StimDesign(160, -2.0, 160, 2.0)), 0, None)


def test_what_a_budget_takes() -> None:
    assert checked_budget(None, None, None, 1) is None
    assert checked_budget(0, None, None, 1) == StimBudget(max_rate_hz=0), "none at all is a limit as well"
    for wrong, text in (
        ((-1, None, None, 1), "max_rate_hz must be at least 0, not -1"),
        ((None, float("nan"), None, 1), "max_charge_nC_per_s must be at least 0, not nan"),
        ((None, None, 1, 0), "window_seconds must be from 0.001 to 3600, not 0"),
    ):
        with pytest.raises(ValueError, match=text):
            checked_budget(*wrong)
    with pytest.raises(TypeError, match="max_net_charge_nC"):
        checked_budget(None, None, "much", 1)


@given(
    st.lists(st.integers(0, 50), max_size=30),
    st.lists(st.one_of(st.integers(-5, 60), st.none()), max_size=30),
)
def test_a_window_is_found_wherever_the_one_before_was(gaps: list[int], asked: list[int | None]) -> None:
    sums, added = Sums(), iter(accumulate(gap + 1 for gap in gaps))
    for step in asked:
        if step is None:
            sums.add(next(added, 10_000), Charge(1, 1))
        else:
            steps = [pulse[0] for pulse in sums.pulses]
            assert sums.first_after(step) == sum(each <= step for each in steps)
