"""The arithmetic of loops, against exact rationals."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cl._values.rates import duration_ticks, frames_per_tick, ordinal, seconds_to_frames


@pytest.mark.parametrize(
    ("rate", "n"),
    [(25_000, 1), (1000, 25), (100, 250), (0.1, 250_000), (30, 833), (7.5, 3333), (24_999, 1), (1, 25_000)],
)
def test_frames_per_tick(rate: float, n: int) -> None:
    assert frames_per_tick(rate) == n


@pytest.mark.parametrize("kind", [float, np.float64, np.int32, Decimal, Fraction])
def test_rates_may_be_any_real_number(kind: type) -> None:
    assert frames_per_tick(kind(100)) == 250


def test_seconds_are_the_decimals_they_print_as() -> None:
    assert duration_ticks(100, 0.07, None) == 7
    assert duration_ticks(1000, 0.0011, None) == 2
    assert seconds_to_frames("seconds", 0.07) == 1750


@given(st.integers(1, 25_000), st.integers(1, 10**7))
def test_ticks_are_the_ceiling_of_the_exact_product(rate: int, thousandths: int) -> None:
    seconds = thousandths / 1000
    assert duration_ticks(rate, seconds, None) == math.ceil(Fraction(thousandths, 1000) * rate)


@given(st.decimals("0.001", "25000", places=3))
def test_frames_per_tick_is_the_floor_of_the_exact_quotient(rate: Decimal) -> None:
    assert frames_per_tick(float(rate)) == int(25_000 // Fraction(rate))


@pytest.mark.parametrize("rate", [0, -1, 25_001, 25_000.1, math.inf, math.nan])
def test_a_rate_out_of_range_is_a_value_error_that_names_it(rate: float) -> None:
    with pytest.raises(ValueError, match="ticks_per_second"):
        frames_per_tick(rate)


@pytest.mark.parametrize("rate", ["100", None, True, [100], np.True_, bytearray(b"5"), 1j])
def test_a_rate_that_is_no_number_is_a_type_error(rate: object) -> None:
    with pytest.raises(TypeError, match="ticks_per_second"):
        frames_per_tick(rate)


@pytest.mark.parametrize("seconds", [0, -0.5, math.nan])
def test_seconds_must_be_above_zero(seconds: float) -> None:
    with pytest.raises(ValueError, match="stop_after_seconds"):
        duration_ticks(100, seconds, None)


@pytest.mark.parametrize("ticks", [0, -3])
def test_ticks_must_be_above_zero(ticks: int) -> None:
    with pytest.raises(ValueError, match="stop_after_ticks"):
        duration_ticks(100, None, ticks)


def test_ticks_must_be_whole() -> None:
    with pytest.raises(TypeError, match="stop_after_ticks"):
        duration_ticks(100, None, 2.5)


def test_only_one_end_may_be_given() -> None:
    with pytest.raises(ValueError, match="only one"):
        duration_ticks(100, 1, 100)


def test_no_end_is_fine() -> None:
    assert duration_ticks(100, None, None) is None


def test_ordinals() -> None:
    numbers = [1, 2, 3, 4, 8, 11, 12, 13, 21, 22, 101, 111]
    expected = ["1st", "2nd", "3rd", "4th", "8th", "11th", "12th", "13th", "21st", "22nd", "101st", "111th"]
    assert [ordinal(n) for n in numbers] == expected
