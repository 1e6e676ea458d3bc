"""How often interrupts are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd

import pytest
from hw_tools import A_TURN, PatientEmulator
from hypothesis import given
from hypothesis import strategies as st

import cl
from cl.hw.wire.moderation import FASTEST, fitting_moderation

USUAL = 25


@pytest.mark.parametrize(
    ("periods", "expected"),
    [
        ([25], 25),  # 1 kHz
        ([250], 25),  # 100 Hz
        ([12], 12),  # 2 kHz, as near as it gets
        ([5], 5),
        ([1], 5),  # 25 kHz
        ([2], 6),
        ([104], 13),  # 240 Hz
        ([416], 16),  # 60 Hz
        ([173], 25),  # 144 Hz: a prime
        ([25, 250], 25),
        ([25, 10], 5),
        ([250, 416], 25),  # nothing divides both
        ([25, 1], 5),
    ],
)
def test_what_loops_get(periods: list[int], expected: int) -> None:
    assert fitting_moderation(periods, USUAL) == expected


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=4), st.integers(1, 100))
def test_it_is_never_much_more_often_than_any_loop_ticks(periods: list[int], usual: int) -> None:
    frames = fitting_moderation(periods, usual)
    assert frames >= FASTEST or frames == usual or usual < FASTEST
    assert frames <= max(usual, 2 * FASTEST)
    common = gcd(*periods)
    if FASTEST <= common <= usual:
        assert frames == common, "each tick ends with an interrupt, and there are no others"


@pytest.fixture(scope="module")
def emulator() -> Iterator[PatientEmulator]:
    with PatientEmulator("--source", "counter") as process:
        yield process


@pytest.fixture
def neurons(emulator: PatientEmulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[cl.Neurons]:
    monkeypatch.setenv("CL_DEVICE", emulator.address)
    with cl.open() as opened:
        yield opened


def moderation(neurons: cl.Neurons) -> int:
    """Return how often the device raises its interrupt, once it has had the time to take a wish."""
    neurons.read(A_TURN)
    found: int = neurons._engine.device._link.moderation  # type: ignore[attr-defined]
    return found


def test_loops_that_run_decide(neurons: cl.Neurons) -> None:
    assert moderation(neurons) == 25
    slow = iter(neurons.loop(240, ignore_jitter=True))
    next(slow)
    assert moderation(neurons) == 13
    fast = iter(neurons.loop(25_000, ignore_jitter=True))
    next(fast)
    assert moderation(neurons) == 5
    fast.close()  # type: ignore[attr-defined]
    assert moderation(neurons) == 13
    slow.close()  # type: ignore[attr-defined]
    assert moderation(neurons) == 25


@pytest.mark.parametrize("rate", [1000, 5000, 500])
def test_ticks_end_with_interrupts(neurons: cl.Neurons, rate: int) -> None:
    # At rates whose blocks divide the usual one it does not matter when the device takes the wish.
    ends = []
    for tick in neurons.loop(rate, stop_after_ticks=40, ignore_jitter=True):
        ends.append((neurons._engine.position, tick.iteration_timestamp))
    block = fitting_moderation([25_000 // rate], moderation(neurons))
    assert {(position - due) % block for position, due in ends} == {0}


def test_a_reader_takes_what_comes(neurons: cl.Neurons) -> None:
    neurons.release_control()
    loop = neurons.loop(5000, stop_after_ticks=50, ignore_jitter=True)
    assert [tick.iteration for tick in loop] == list(range(50))
    assert moderation(neurons) == 25
