"""The simulated dish by itself: what the simulator and the card's emulator share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cl._core.device import EventHistory
from cl._stim.channels import ChannelSet
from cl._stim.designs import BurstDesign, StimDesign
from cl._stim.limits import StimLimits
from cl._stim.operations import stim_operations
from cl._stim.sequencer import Pulse
from cl.sim.dish import Dish, LoggedDish, by_frame

DESIGN = StimDesign(160, -1.0, 160, 1.0)


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 63))).map(sorted))
def test_the_pulses_of_each_frame_are_all_pulses_in_order(steps: list[tuple[int, int]]) -> None:
    pulses = [Pulse(step, channel, DESIGN, step) for step, channel in steps]
    groups = list(by_frame(pulses))
    assert [pulse for _, group in groups for pulse in group] == pulses
    assert all(pulse.timestamp == frame for frame, group in groups for pulse in group)
    frames = [frame for frame, _ in groups]
    assert frames == sorted(set(frames))


@given(st.lists(st.integers(1, 60), max_size=12))
def test_pulses_come_once_however_the_windows_are_cut(lengths: list[int]) -> None:
    whole, cut, logged = Dish(), Dish(), LoggedDish(StimLimits(), EventHistory())
    for dish in (whole, cut, logged):
        dish.sequencer.submit(stim_operations(ChannelSet(9, 5), 1.0, BurstDesign(40, 200)), 3)
        dish.sequencer.submit(stim_operations(11, 1.0, lead_time_us=140), 4)
    seen, stop = [], 0
    for length in lengths:
        stop += length
        found = cut.deliver(stop)
        assert all(stop - length <= pulse.timestamp < stop for pulse in found)
        assert logged.deliver(stop) == found
        seen += found
    assert seen == whole.deliver(stop)
    stims = logged.history.stims.window(0, stop)
    assert [(s.timestamp, s.channel) for s in stims] == sorted((p.timestamp, p.channel) for p in seen)


def test_an_interruption_while_pulses_are_logged_logs_none_of_them_twice() -> None:
    class Interrupting(EventHistory):
        times = 2

        def add_stims(self, *stims: object) -> None:
            super().add_stims(*stims)  # type: ignore[arg-type]
            self.times -= 1
            if self.times >= 0:
                raise KeyboardInterrupt

    dish = LoggedDish(StimLimits(), Interrupting())
    dish.sequencer.submit(stim_operations(9, 1.0, BurstDesign(4, 200)), 0)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            dish.deliver(300)
    # What was interrupted is given with what follows.
    delivered = dish.deliver(500)
    assert len(delivered) == 4
    assert [s.timestamp for s in dish.history.stims.window(0, 500)] == [p.timestamp for p in delivered]
    assert dish.deliver(1000) == []
