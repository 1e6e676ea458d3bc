"""Testing a closed-loop controller: exactly, reproducibly, and for an hour in a few seconds.

Run it with

    pytest -s examples/test_controller_example.py

The fixtures `neurons`, `aneurons` and `recording_dir` and the marker `cl` come with the package, as a pytest
plugin. A test's simulator runs in accelerated time and is independent of the environment, so a test
that passes once passes always.
"""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path
from typing import Any

import pytest

import cl
from cl.testing import Simulator, assert_identical_runs, replay

# -- the controller -----------------------------------------------------------------------


class BurstBreaker:
    """Answers a burst, three spikes on the watched channels within 20 ms, with a pulse on channel 50.

    Then it rests for 100 ms. It is a function of the tick and the neurons, and keeps what it needs to know.
    """

    watched = frozenset(range(8, 16))
    window_frames = 500
    rest_frames = 2_500

    def __init__(self) -> None:
        self._recent: deque[int] = deque(maxlen=3)
        self._resting_until = 0

    def __call__(self, tick: Any, neurons: cl.Neurons) -> None:
        for spike in tick.analysis.spikes:
            if spike.channel in self.watched:
                self._recent.append(spike.timestamp)
                if self._is_burst() and tick.iteration_timestamp >= self._resting_until:
                    neurons.stim(50, 1.0)
                    self._resting_until = tick.iteration_timestamp + self.rest_frames

    def _is_burst(self) -> bool:
        return len(self._recent) == 3 and self._recent[2] - self._recent[0] < self.window_frames


def run(neurons: cl.Neurons, seconds: float) -> list[cl.Stim]:
    """Run a controller, and return the stims that were delivered."""
    controller, stims = BurstBreaker(), []
    for tick in neurons.loop(100, stop_after_seconds=seconds):
        stims += tick.analysis.stims
        controller(tick, neurons)
    return stims


# -- its tests ----------------------------------------------------------------------------


@pytest.mark.cl(spikes=[(1_000, 8), (1_200, 9), (1_400, 8)])
def test_a_burst_is_answered_in_the_next_tick(neurons: cl.Neurons) -> None:
    # The third spike is in the tick that ends at frame 1500; a pulse begins two frames after its command.
    assert run(neurons, 0.5) == [cl.Stim(1_502, 50)]


@pytest.mark.cl(spikes=[(1_000, 8), (1_200, 9), (1_500, 8)])
def test_three_spikes_in_20_ms_are_no_burst(neurons: cl.Neurons) -> None:
    assert run(neurons, 0.5) == []


@pytest.mark.cl(spikes=[(1_000, 8), (1_200, 7), (1_400, 16)])
def test_other_channels_do_not_count(neurons: cl.Neurons) -> None:
    assert run(neurons, 0.5) == []


@pytest.mark.cl(spikes=[(t, 12) for t in range(1_000, 8_000, 100)])
def test_it_rests_between_two_answers(neurons: cl.Neurons) -> None:
    stims = run(neurons, 0.4)
    assert [stim.timestamp for stim in stims] == [1_252, 3_752, 6_252]


def test_it_is_reproducible() -> None:
    assert_identical_runs(lambda neurons: run(neurons, 2), seed=5)


def test_it_does_again_what_it_did_in_a_recording(recording_dir: Path) -> None:
    with Simulator(seed=3) as neurons:
        recording = neurons.record()
        stims = run(neurons, 20)
        assert len(stims) > 3
    report = replay(recording.file["path"], BurstBreaker(), ticks_per_second=100)
    report.check()
    assert list(report.issued) == stims


@pytest.mark.anyio
@pytest.mark.cl(spikes=[(t, 12) for t in range(1_000, 8_000, 100)])
async def test_it_gets_along_with_other_consumers(aneurons: cl.Neurons) -> None:
    """The async loop, and a stream beside it that sees what the controller does."""
    controller = BurstBreaker()
    async with aneurons.stims() as stims:
        async for tick in aneurons.aloop(100, stop_after_seconds=0.4):
            controller(tick, aneurons)
        assert [stim.timestamp for stim in await stims.batch()] == [1_252, 3_752, 6_252]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_an_hour(neurons: cl.Neurons) -> None:
    """An hour at 100 ticks a second: the body is called 360 000 times."""
    controller, bodies = BurstBreaker(), 0
    began = time.perf_counter()
    for tick in neurons.loop(100, stop_after_seconds=3_600):
        controller(tick, neurons)
        bodies += 1
    seconds = time.perf_counter() - began
    print(f"\n{bodies} bodies in {seconds:.2f} s: {bodies / 100 / seconds:.0f} times as fast as the device")
    assert bodies == 360_000
    assert neurons.timestamp() == 25_000 * 3_600
