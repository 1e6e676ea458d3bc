"""What the engine keeps of the past, and to whom it gives nothing to command with."""

from __future__ import annotations

import pytest

import cl
from cl._values.constants import FRAMES_PER_SECOND, HISTORY_FRAMES
from cl.sim import Simulator

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


@pytest.mark.parametrize("during_the_look", [True, False])
def test_a_command_is_seen_though_a_tick_knew_of_nothing_to_come(
    during_the_look: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device is silent: only a command brings something, also one of another thread as a tick looks."""
    with cl.open(device=Simulator(spike_percentile=100, accelerated=True)) as neurons:
        engine, look = neurons._engine, neurons._engine.look

        def look_and_be_overtaken(start: int, stop: int) -> tuple[cl.DetectionResult, int]:
            found = look(start, stop)
            if during_the_look and stop == 100:
                neurons.stim(9, 1.0)
            return found

        monkeypatch.setattr(engine, "look", look_and_be_overtaken)
        seen = []
        for tick in neurons.loop(250, stop_after_ticks=6):
            seen += [(stim.timestamp, stim.channel) for stim in tick.analysis.stims]
            if not during_the_look and tick.iteration == 0:
                neurons.stim(9, 1.0)
        assert seen == [(stim.timestamp, stim.channel) for stim in neurons.read(600, 0, analysis=True).stims]
        assert len(seen) == 1
