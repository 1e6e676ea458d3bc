"""Timestamps beyond what 31, 32 and 53 bits hold: everything is as at the beginning of time."""

from __future__ import annotations

from typing import Any

import pytest
from source_tools import Source, numbered

import cl
from cl.sim import Simulator

AHEAD = 600
"""Frames from the start to the edge, but for the last, which is the latest start there may be."""


@pytest.mark.parametrize("edge", [2**31, 2**32, 2**53])
def test_a_run_across_the_edge(edge: int) -> None:
    start = min(edge - AHEAD, 2**53 - AHEAD)

    def make() -> Any:
        return Source(start_timestamp=start, read_timeout_seconds=None)

    seen, stims, spikes = [], [], []
    with cl.open(device=Simulator(make, accelerated=True)) as neurons:
        assert neurons.timestamp() == start
        recording = neurons.record(stop_after_frames=2 * AHEAD)
        stream = neurons.create_data_stream("notes")
        for tick in neurons.loop(250, stop_after_ticks=12):
            assert (tick.frames == numbered(tick.iteration_timestamp - 100, 100)).all()
            seen.append(tick.iteration_timestamp)
            spikes += [(spike.timestamp, spike.channel) for spike in tick.analysis.spikes]
            stims += [stim.timestamp for stim in tick.analysis.stims]
            stream.append(tick.iteration_timestamp, tick.iteration)
            if tick.iteration == 5:
                plan = neurons.create_stim_plan()
                plan.stim(9, 1.0, cl.BurstDesign(3, 200))
                plan.run(at_timestamp=edge + 3)
        recording.wait_until_stopped()
        assert (neurons.read(200, edge - 100) == numbered(edge - 100, 200)).all()
    assert seen == [start + 100 * k for k in range(1, 13)]
    assert spikes == [(t, t // 100 % 64) for t in range(-(-start // 100) * 100, seen[-1], 100)]
    assert stims == [edge + 5, edge + 130, edge + 255]
    with recording.open() as view:
        assert view.attributes["start_timestamp"] == start
        assert view.attributes["end_timestamp"] == start + 2 * AHEAD
        assert (view.samples[:] == numbered(start, 2 * AHEAD)).all()
        assert (view.stims.col("timestamp") + start).tolist() == stims
        assert [*view.data_streams["notes"].keys()] == [timestamp - start for timestamp in seen[:-1]]
