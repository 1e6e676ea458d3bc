"""What tells identical runs from others."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cl
from cl.testing import assert_identical_runs
from cl.testing.compare import first_difference


def react(neurons: cl.Neurons) -> list[int]:
    for tick in neurons.loop(100, stop_after_ticks=30):
        for spike in tick.analysis.spikes:
            neurons.stim(spike.channel, 1.0)
    return [tick.iteration]


def test_a_program_that_is_reproducible() -> None:
    assert assert_identical_runs(react, runs=3, seed=5) == [[30]] * 3
    assert assert_identical_runs(react, frames=False, source="cl.sim.culture:create") == [[30]] * 2


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_async_program(backend: str) -> None:
    async def run(neurons: cl.Neurons) -> int:
        async with neurons.spikes() as stream:
            for _ in range(20):
                neurons.stim((await anext(stream)).channel, 1.0)
        return neurons.timestamp()

    results = assert_identical_runs(run, backend=backend)
    assert results[0] == results[1] > 1_000

    class Program:
        async def __call__(self, neurons: cl.Neurons) -> int:
            return await run(neurons)

    assert assert_identical_runs(Program(), backend=backend) == results
    with pytest.raises(TypeError, match="give an async function itself"):
        assert_identical_runs(lambda neurons: run(neurons), backend=backend)


def _differing(change: Callable[[cl.Neurons, int], Any]) -> Callable[[cl.Neurons], Any]:
    runs = itertools.count()

    def run(neurons: cl.Neurons) -> Any:
        return change(neurons, next(runs))

    return run


def _stims(neurons: cl.Neurons, run: int) -> None:
    neurons.stim(8, 1.0)
    neurons.read(100 + run)
    neurons.stim(9, 1.0)
    neurons.read(500 - run)


def _entries(neurons: cl.Neurons, run: int) -> None:
    neurons.create_data_stream("game").append(5, {"score": run})


def _time(neurons: cl.Neurons, run: int) -> None:
    neurons.read(100)
    if run:
        with neurons._engine.lock:
            neurons._engine.advance(101)


def _frames(neurons: cl.Neurons, run: int) -> None:
    frames = neurons._engine.device.acquisition.frames
    neurons._engine.device.acquisition.frames = lambda a, b: frames(a, b) + run  # type: ignore[method-assign]
    neurons.read(6_000)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            _stims,
            r"stims\[1\]: Stim\(timestamp=102, channel=9\) in one, Stim\(timestamp=103, channel=9\) in the",
        ),
        (_entries, r"entries\[0\]\[2\]\['score'\]: 0 in one, 1 in the other"),
        (_time, "time went to 100 in one, to 101 in the other|the frames from"),
        (_frames, "the frames from 0 on"),
        (lambda neurons, run: {"reward": [1.5, run]}, r"result\['reward'\]\[1\]: 0 in one, 1 in the other"),
    ],
)
def test_a_program_that_is_not(change: Callable[[cl.Neurons, int], Any], text: str) -> None:
    with pytest.raises(AssertionError, match=f"runs 1 and 2 differ: ({text})"):
        assert_identical_runs(_differing(change))


def test_one_run_proves_nothing() -> None:
    with pytest.raises(ValueError, match="runs must be at least 2, not 1"):
        assert_identical_runs(react, runs=1)


def test_an_error_of_the_program_is_its_own() -> None:
    with pytest.raises(ZeroDivisionError):
        assert_identical_runs(lambda neurons: 1 / 0)


# -- the comparison -----------------------------------------------------------------------

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


def _same(one: Any, other: Any) -> bool:
    """Say what is meant, in another way: by what the values print as."""
    return repr(one) == repr(other)


@given(VALUES, VALUES)
@settings(max_examples=150, deadline=None)
def test_values_differ_exactly_when_they_print_differently(one: Any, other: Any) -> None:
    assert first_difference(one, one) is None
    zeros = "-0.0" in repr((one, other))
    assert zeros or (first_difference(one, other) is None) == _same(one, other)


@dataclass
class Point:
    x: float
    y: Any


@pytest.mark.parametrize(
    ("one", "other", "text"),
    [
        (1, 1.0, "result: 1 in one, 1.0 in the other"),
        ([1, 2], [1, 2, 3], "result: 2 entries in one, 3 in the other; result[2] is 3"),
        ((1, [2, 3]), (1, [2, 4]), "result[1][1]: 3 in one, 4 in the other"),
        ({"a": 1}, {"b": 1}, "result: the keys ['a'] in one, ['b'] in the other"),
        (Point(1.0, [2]), Point(1.0, [3]), "result.y[0]: 2 in one, 3 in the other"),
        (np.zeros((2, 3)), np.zeros((3, 2)), "result: float64(2, 3) in one, float64(3, 2) in the other"),
        (np.zeros(3), np.zeros(3, np.int16), "result: float64(3,) in one, int16(3,) in the other"),
        (np.array([[1, 2], [3, 4]]), np.array([[1, 2], [5, 4]]), "result[1, 0]: 3 in one, 5 in the other"),
        (np.array([0.0]), np.array([-0.0]), "result[0]: 0.0 in one, -0.0 in the other"),
        (
            cl.DetectionResult(0, 5, [], [cl.Stim(1, 2)]),
            cl.DetectionResult(0, 5, [], [cl.Stim(1, 3)]),
            "result.stims[0]: Stim(timestamp=1, channel=2) in one, Stim(timestamp=1, channel=3) in the other",
        ),
        (
            [cl.Stim(1, 2, cl.StimDesign(160, -1.0))],
            [cl.Stim(1, 2, cl.StimDesign(160, -1.5))],
            "result[0].design: StimDesign(160, -1.0) in one, StimDesign(160, -1.5) in the other",
        ),
        (
            cl.Stim(1, 2),
            cl.Stim(1, 2, cl.StimDesign(160, -1.0)),
            "result.design: None in one, StimDesign(160, -1.0) in the other",
        ),
    ],
)
def test_where_they_differ(one: Any, other: Any, text: str) -> None:
    assert first_difference(one, other) == text


def test_arrays_that_agree() -> None:
    for array in (np.array([np.nan, -0.0]), np.zeros((0, 4)), np.zeros(2, [("a", "i8"), ("b", "f4", 3)])):
        assert first_difference(array, array.copy()) is None
