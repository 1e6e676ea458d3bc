"""What the engine keeps of the past, and to whom it gives nothing to command with."""

from __future__ import annotations

import pytest

import cl
from cl._values.constants import FRAMES_PER_SECOND, HISTORY_FRAMES

pytestmark = pytest.mark.usefixtures("accelerated")


def test_events_that_have_left_the_history_are_dropped() -> None:
    with cl.open() as neurons:
        for _ in neurons.loop(100, stop_after_seconds=60):
            pass
        engine = neurons._engine
        kept = HISTORY_FRAMES + 3 * FRAMES_PER_SECOND
        for log in (engine.history.spikes, engine.history.stims):
            assert all(time > engine.position - kept for time in log.times)
        assert engine.history.spikes.first > 1_000
        assert engine.history.spikes.window(engine.oldest, engine.position)


def test_what_a_loop_with_long_ticks_needs_is_dropped_after_its_end() -> None:
    with cl.open() as neurons:
        engine = neurons._engine
        usual = engine.kept_frames
        for tick in neurons.loop(0.1, stop_after_ticks=2):
            assert engine.kept_frames == usual + 250_000
            assert tick.analysis.spikes
        neurons.read(2 * FRAMES_PER_SECOND)
        assert engine.kept_frames == usual


def test_a_loop_with_long_ticks_is_kept_for_while_others_end() -> None:
    with cl.open() as neurons:
        outer = neurons.loop(0.1, stop_after_ticks=2)
        for tick in outer:
            first = tick.analysis.spikes[0].timestamp
            assert first < tick.iteration_timestamp - HISTORY_FRAMES
            for _ in neurons.loop(0.2, stop_after_ticks=1):
                pass


def test_a_plan_needs_control() -> None:
    with (
        cl.open(take_control=False) as neurons,
        pytest.raises(cl.ControlRequiredError, match="take_control"),
    ):
        neurons.create_stim_plan()
