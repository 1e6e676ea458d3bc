"""ChannelSet, StimDesign, BurstDesign, and what a stim command's arguments are turned into."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cl.stim import (
    BurstDesign,
    ChannelSet,
    InterruptOperation,
    StimDesign,
    StimOperation,
    SyncOperation,
    interrupt_operations,
    interrupt_then_stim_operations,
    stim_operations,
    sync_operations,
)

DESIGN = StimDesign(160, -1.0, 160, 1.0)
channels = st.frozensets(st.integers(0, 63))


# -- ChannelSet ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        (8, 9, 10),
        ([10, 9, 8, 8],),
        ((8,), {9}, 10),
        (range(8, 11),),
        (ChannelSet(8, 9), 10),
        (np.arange(8, 11, dtype=np.uint8),),
        (np.int64(8), np.int16(9), [np.uint64(10)]),
        (np.array(8), iter([9, 10])),
    ],
)
def test_a_channel_set_is_made_of_ints_and_iterables_of_ints(arguments: tuple[Any, ...]) -> None:
    channel_set = ChannelSet(*arguments)
    assert channel_set == ChannelSet(8, 9, 10)
    assert repr(channel_set) == "ChannelSet(8, 9, 10)"
    assert all(type(channel) is int for channel in channel_set)


@pytest.mark.parametrize(
    "value",
    [
        *(1.0, "8", "", b"8", b"", None, True, np.True_, np.float64(8), object()),
        *([[8]], [8.0], ["8"], [True], [None], np.array([8.0]), np.array([[8, 9]]), np.array(8.0)),
    ],
)
def test_a_channel_set_refuses_what_is_no_int(value: Any) -> None:
    with pytest.raises(TypeError, match="channel"):
        ChannelSet(value)
    for operate in (
        lambda: ChannelSet(8) & value,
        lambda: ChannelSet(8) | value,
        lambda: value ^ ChannelSet(8),
    ):
        with pytest.raises(TypeError):
            operate()


@pytest.mark.parametrize("value", [-1, 64, [8, 64], 2**70, np.int64(-1), [np.uint8(255)]])
def test_a_channel_set_refuses_channels_out_of_range(value: Any) -> None:
    with pytest.raises(ValueError, match="out of range: channels are 0 to 63"):
        ChannelSet(value)
    with pytest.raises(ValueError, match="out of range"):
        ChannelSet() | value


@given(channels, channels)
def test_a_channel_set_behaves_as_a_set(left: frozenset[int], right: frozenset[int]) -> None:
    a, b = ChannelSet(left), ChannelSet(right)
    for operand in (b, list(right), right, np.array(sorted(right), dtype=int)):
        assert list(a & operand) == list(operand & a) == sorted(left & right)
        assert list(a | operand) == list(operand | a) == sorted(left | right)
        assert list(a ^ operand) == list(operand ^ a) == sorted(left ^ right)
        assert (a == operand) is (operand == a) is (left == right)
    assert list(~a) == sorted(set(range(64)) - left)
    assert len(a) == len(left)
    assert bool(a) is bool(left)
    assert [channel in a for channel in range(64)] == [channel in left for channel in range(64)]
    assert hash(ChannelSet(sorted(left))) == hash(a)
    assert len({a, b}) == len({left, right})
    assert pickle.loads(pickle.dumps(a)) == copy.deepcopy(a) == a  # noqa: S301


@pytest.mark.parametrize("one", [9, np.int64(9), np.uint8(9)])
def test_an_int_stands_for_a_channel_in_operators(one: Any) -> None:
    both = ChannelSet(8, 9)
    assert both & one == one & both == one
    assert (one | ChannelSet(8), ChannelSet(8) ^ one) == (both, both)
    assert type(one | both) is ChannelSet
    assert both != one
    assert ChannelSet(9) == one


def test_in_place_operators_make_a_new_set() -> None:
    channel_set = before = ChannelSet(8)
    channel_set |= [9, 10]
    channel_set &= ~ChannelSet(10)
    channel_set ^= 11
    assert (channel_set, before) == (ChannelSet(8, 9, 11), ChannelSet(8))


def test_a_channel_set_contains_and_equals_nothing_foreign() -> None:
    channel_set = ChannelSet(8)
    assert not any(value in channel_set for value in ("8", 8.0, -1, 64, None, [8], True))
    assert np.int64(8) in channel_set
    assert not any(channel_set == value for value in ("8", 8.0, None, 64, [8, 64], object()))
    assert channel_set != "8"


def test_a_channel_set_holds_no_more_than_it_says() -> None:
    with pytest.raises(AttributeError):
        ChannelSet().name = "x"  # type: ignore[attr-defined]


# -- StimDesign ---------------------------------------------------------------------------------


def test_a_design_says_what_it_is() -> None:
    design = StimDesign(160, -1, 200, np.float32(0.5), np.int64(20), -2.0)
    assert repr(design) == "StimDesign(160, -1.0, 200, 0.5, 20, -2.0)"
    assert design.duration_us == 380
    assert design.phase_durations_us == (160, 200, 20)
    assert design.phase_currents_uA == (-1.0, 0.5, -2.0)
    assert all(type(current) is float for current in design.phase_currents_uA)
    assert StimDesign(160.0, -1) == StimDesign(160, -1.0) != StimDesign(160, 1.0)


def test_designs_are_values() -> None:
    for value, other in ((DESIGN, StimDesign(160, -1.0)), (BurstDesign(2, 150), BurstDesign(2, 151))):
        twin = pickle.loads(pickle.dumps(value))  # noqa: S301
        assert twin == value == copy.copy(value) == copy.deepcopy(value)
        assert hash(twin) == hash(value)
        assert value != other
        assert value != repr(value)
        assert eval(repr(value)) == value  # noqa: S307
        with pytest.raises(AttributeError):
            value.duration_us = value.burst_count = 1  # type: ignore[union-attr]


@pytest.mark.parametrize("count", [0, 1, 3, 5, 7, 8])
def test_a_design_has_one_to_three_phases(count: int) -> None:
    with pytest.raises(ValueError, match=f"2, 4 or 6 numbers .*not {count}"):
        StimDesign(*[160, -1.0, 160, 1.0, 160, -1.0, 160, 1.0][:count])


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((0, 1.0), "phase 1: duration 0 µs"),
        ((-20, 1.0), "phase 1: duration -20 µs"),
        ((160, -1.0, 30, 1.0), "phase 2: duration 30 µs is not a positive multiple of 20 µs"),
        ((160.5, -1.0), "phase 1: duration 160.5"),
        ((float("inf"), 0.1), "phase 1: duration inf"),
        ((float("nan"), 0.1), "phase 1: duration nan"),
        ((160, 3.01), "phase 1: current 3.01 µA is beyond the limit of 3.0 µA"),
        ((160, -1.0, 160, 1.0, 20, -3.0000001), "phase 3: current -3.0000001 µA"),
        ((160, float("nan")), "phase 1: current nan"),
        ((160, float("-inf")), "phase 1: current -inf"),
        ((160, 10**400), "phase 1: current 1000"),
        ((160, -1.0, 160, -1.0), "phase 2: current -1.0 µA is not of the opposite polarity"),
        ((160, -1.0, 160, 1.0, 160, 0.5), "phase 3: current 0.5 µA is not of the opposite polarity"),
        ((160, -1.0, 160, 0.0), "phase 2: current 0.0 µA is not of the opposite polarity"),
        ((1020, 3.0), r"phase 1: 1020 µs × 3.0 µA is a charge of 3.06 nC, beyond the limit of 3.0 nC"),
        ((160, -1.0, 30_020, 0.1), "phase 2: .* beyond the limit of 3.0 nC"),
    ],
)
def test_a_design_out_of_limits_names_phase_and_limit(numbers: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StimDesign(*numbers)


@pytest.mark.parametrize("value", ["160", None, True, [160], 1j, b"1", np.array([1.0]), np.True_])
def test_a_design_refuses_what_is_no_number(value: Any) -> None:
    with pytest.raises(TypeError, match="the duration of phase 1"):
        StimDesign(value, 1.0)
    with pytest.raises(TypeError, match="the current of phase 2"):
        StimDesign(160, -1.0, 160, value)


@given(st.integers(1, 15_000), st.integers(1, 3000))
def test_the_charge_limit_is_one_of_decimals(steps: int, milliamps: int) -> None:
    duration, current = steps * 20, milliamps / 1000
    if Fraction(milliamps, 1000) * duration <= 3000:
        assert StimDesign(duration, -current).duration_us == duration
    else:
        with pytest.raises(ValueError, match=r"3\.0 nC"):
            StimDesign(duration, -current)


def test_numpy_floats_of_less_precision_are_the_decimals_they_print_as() -> None:
    assert StimDesign(2500, np.float32(1.2)) == StimDesign(2500, 1.2)
    assert repr(StimDesign(160, np.float16(-0.1))) == "StimDesign(160, -0.1)"
    assert repr(BurstDesign(1, np.float32(0.1))) == "BurstDesign(1, 0.1)"


def test_every_exact_3_nC_is_allowed() -> None:
    exact = [(steps * 20, Fraction(150, steps)) for steps in range(50, 15_001)]
    decimals = [
        (duration, float(current)) for duration, current in exact if (current * 10**6).denominator == 1
    ]
    assert len(decimals) > 30
    for duration, current in decimals:
        StimDesign(duration, current)
        with pytest.raises(ValueError, match=r"3\.0 nC"):
            StimDesign(duration + 20, current)


# -- BurstDesign --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hz", "interval_us"),
    [
        *((160, 6260), (200, 5000), (151, 6620), (32, 31_260), (6.4, 156_260), (1.28, 781_260)),
        *((0.1, 10_000_000), (166.7, 6000), (np.float64(100), 10_000), (np.int32(160), 6260), (3, 333_340)),
    ],
)
def test_the_interval_of_a_burst_is_rounded_to_20_us_halves_up(hz: Any, interval_us: int) -> None:
    assert BurstDesign(2, hz).interval_us == interval_us


@given(st.floats(1e-3, 200))
def test_the_interval_of_a_burst_is_exact(hz: float) -> None:
    interval = Fraction(BurstDesign(1, hz).interval_us)
    difference = interval - 1_000_000 / Fraction(repr(hz))
    assert -10 < difference <= 10


def test_a_burst_says_what_it_is() -> None:
    assert repr(BurstDesign(20, 40)) == "BurstDesign(20, 40)"
    assert repr(BurstDesign(np.int64(20), np.float32(0.5))) == "BurstDesign(20, 0.5)"
    burst = BurstDesign(0, 163.5)
    assert (burst.burst_count, burst.burst_hz) == (0, 163.5)
    assert BurstDesign(2, 40) == BurstDesign(2, 40.0)
    assert hash(BurstDesign(2, 40)) == hash(BurstDesign(2, 40.0))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((-1, 40), ValueError, "burst_count must be at least 0, not -1"),
        ((1.0, 40), TypeError, "burst_count"),
        ((True, 40), TypeError, "burst_count"),
        (("1", 40), TypeError, "burst_count"),
        ((1, 0), ValueError, "burst_hz must be above 0 and at most 200, not 0"),
        ((1, -5), ValueError, "burst_hz"),
        ((1, 200.1), ValueError, "200.1"),
        ((1, float("nan")), ValueError, "nan"),
        ((1, float("inf")), ValueError, "inf"),
        ((1, "40"), TypeError, "burst_hz"),
        ((1, True), TypeError, "burst_hz"),
        ((1, None), TypeError, "burst_hz"),
    ],
)
def test_a_burst_out_of_limits_names_value_and_limit(
    arguments: tuple[Any, ...], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        BurstDesign(*arguments)


# -- the arguments of commands ------------------------------------------------------------------


def test_a_stim_becomes_one_operation() -> None:
    (stim,) = stim_operations(ChannelSet(9, 8), DESIGN)
    assert isinstance(stim, StimOperation)
    assert (stim.channels, stim.design, stim.count) == ((8, 9), DESIGN, 1)
    assert (stim.period_steps, stim.delay_steps) == (250, 0)
    (burst,) = stim_operations(np.int64(8), StimDesign(2980, -0.1, 3000, 0.1), BurstDesign(3, 160), 100)
    assert isinstance(burst, StimOperation)
    assert (burst.channels, burst.count, burst.period_steps, burst.delay_steps) == ((8,), 3, 313, 1)
    (long,) = stim_operations(8, StimDesign(3000, -0.9, 3000, 0.9))
    assert isinstance(long, StimOperation)
    assert long.period_steps == 304


@pytest.mark.parametrize("number", [1.5, -0.5, 1, np.float32(0.5), np.int8(-2)])
def test_a_number_stands_for_a_biphasic_design(number: Any) -> None:
    (stim,) = stim_operations(8, number)
    assert isinstance(stim, StimOperation)
    assert stim.design == StimDesign(160, -number, 160, number)


def test_the_other_commands() -> None:
    (interrupt,) = interrupt_operations(ChannelSet(8, 9))
    (sync,) = sync_operations(8)
    assert (type(interrupt), interrupt.channels) == (InterruptOperation, (8, 9))
    assert (type(sync), sync.channels) == (SyncOperation, (8,))
    first, second = interrupt_then_stim_operations(8, 1.0, BurstDesign(2, 100), 160)
    assert (type(first), type(second)) == (InterruptOperation, StimOperation)
    none = ChannelSet()
    assert stim_operations(none, 1.0) == interrupt_operations(none) == sync_operations(none) == ()
    assert interrupt_then_stim_operations(none, 1.0) == ()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("8", DESIGN), TypeError, "channel_set must be a ChannelSet or an int, not '8'"),
        (([8], DESIGN), TypeError, r"channel_set .*\[8\] \(a list\)"),
        ((8.0, DESIGN), TypeError, "channel_set"),
        ((True, DESIGN), TypeError, "channel_set"),
        ((None, DESIGN), TypeError, "channel_set"),
        ((64, DESIGN), ValueError, "channel 64 is out of range"),
        ((-1, DESIGN), ValueError, "channel -1 is out of range"),
        ((8, "1.0"), TypeError, "stim_design must be a StimDesign or a number, not '1.0'"),
        ((8, True), TypeError, "stim_design"),
        ((8, None), TypeError, "stim_design"),
        ((8, BurstDesign(1, 1)), TypeError, "stim_design"),
        ((8, 3.5), ValueError, "3.0 µA"),
        ((8, float("nan")), ValueError, "nan"),
        ((8, 0), ValueError, "polarity"),
        ((8, DESIGN, 5), TypeError, r"burst_design must be a BurstDesign or None, not 5 \(an int\)"),
        ((8, DESIGN, DESIGN), TypeError, "burst_design"),
        ((8, DESIGN, None, 60), ValueError, "lead_time_us must be at least 80 and a multiple of 20, not 60"),
        ((8, DESIGN, None, 90), ValueError, "90"),
        ((8, DESIGN, None, -80), ValueError, "-80"),
        ((8, DESIGN, None, 80.5), ValueError, "80.5"),
        ((8, DESIGN, None, float("nan")), ValueError, "nan"),
        ((8, DESIGN, None, float("inf")), ValueError, "inf"),
        ((8, DESIGN, None, "80"), TypeError, "lead_time_us"),
        ((8, DESIGN, None, None), TypeError, "lead_time_us"),
        ((8, DESIGN, None, True), TypeError, "lead_time_us"),
        (
            (8, StimDesign(2480, -1, 2460, 1), BurstDesign(2, 200)),
            ValueError,
            "5000 µs, shorter than the 80 µs",
        ),
        ((8, StimDesign(2480, -1, 2460, 1), BurstDesign(0, 200)), ValueError, "4940 µs"),
    ],
)
def test_bad_arguments_name_value_and_limit(
    arguments: tuple[Any, ...], error: type[Exception], message: str
) -> None:
    for function in (stim_operations, interrupt_then_stim_operations):
        with pytest.raises(error, match=message):
            function(*arguments)


def test_a_burst_may_be_as_tight_as_its_design_allows() -> None:
    assert stim_operations(8, StimDesign(2460, -1, 2460, 1), BurstDesign(2, 200), 80.0)


@settings(max_examples=50)
@given(st.integers(-100, 10_000))
def test_lead_times(lead_us: int) -> None:
    assume(lead_us != 80)
    if lead_us < 80 or lead_us % 20:
        with pytest.raises(ValueError, match="multiple of 20"):
            stim_operations(8, DESIGN, None, lead_us)
    else:
        (stim,) = stim_operations(8, DESIGN, None, lead_us)
        assert isinstance(stim, StimOperation)
        assert stim.delay_steps == (lead_us - 80) // 20


def test_the_values_need_no_numpy() -> None:
    code = (
        "import sys; import cl._stim.preview_run, cl.stim as s; s.stim_operations(s.ChannelSet([8]), 1.5);"
        "print(sorted(m for m in ('numpy', 'dataclasses', 'fractions', 'asyncio') if m in sys.modules))"
    )
    root = Path(__file__).parents[1]
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root)
    assert (told.stdout.strip(), told.stderr) == ("[]", "")
