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


def test_a_plan_needs_control() -> None:
    with (
        cl.open(take_control=False) as neurons,
        pytest.raises(cl.ControlRequiredError, match="take_control"),
    ):
        neurons.create_stim_plan()
