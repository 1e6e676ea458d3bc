"""What the tests of recordings compare recordings with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cl
from cl._core.host_clock import WallClock

CULTURE = "cl.sim.culture:create"


@contextmanager
def still(neurons: cl.Neurons) -> Iterator[int]:
    """Let wall-clock time stand still at what is given, so that nothing leaves the history meanwhile."""
    clock = neurons._engine.time.clock
    assert isinstance(clock, WallClock)
    now = clock.now()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WallClock, "now", lambda self: now)
        yield now


class Window:
    """What `read` gives of [start, stop), with the samples of its spikes."""

    def __init__(self, neurons: cl.Neurons, start: int, stop: int) -> None:
        self.start, self.stop = start, stop
        self.frames = neurons.read(stop - start, start)
        found = neurons.read(stop - start, start, analysis=True)
        self.spikes = [(s.timestamp - start, s.channel, s.samples.tobytes()) for s in found.spikes]
        self.stims = [(s.timestamp - start, s.channel) for s in found.stims]


def spike_rows(view: cl.RecordingView) -> list[tuple[int, int, bytes]]:
    assert view.spikes is not None
    rows = view.spikes[:]
    return [
        (t, c, w.tobytes())
        for t, c, w in zip(rows["timestamp"].tolist(), rows["channel"].tolist(), rows["samples"], strict=True)
    ]


def stim_rows(view: cl.RecordingView) -> list[tuple[int, int]]:
    assert view.stims is not None
    rows = view.stims[:]
    return list(zip(rows["timestamp"].tolist(), rows["channel"].tolist(), strict=True))


def check_same(recording: cl.Recording, window: Window, foreseen: bool = True) -> None:
    """Check that a finished recording holds exactly the window, each thing once.

    Where nothing is foreseen, the samples of spikes in the last 50 frames before a `stop` are not compared.
    """
    with recording.open() as view:
        attributes = view.attributes
        assert view.complete
        assert (attributes["start_timestamp"], attributes["end_timestamp"]) == (window.start, window.stop)
        assert attributes["duration_frames"] == window.stop - window.start
        assert attributes["duration_seconds"] == (window.stop - window.start) / 25_000
        assert view.samples is not None
        np.testing.assert_array_equal(view.samples[:], window.frames)
        sure = len(window.spikes)
        if not foreseen:
            sure = sum(t <= window.stop - window.start - 50 for t, _, _ in window.spikes)
        rows = spike_rows(view)
        assert rows[:sure] == window.spikes[:sure]
        assert [row[:2] for row in rows] == [row[:2] for row in window.spikes]
        assert stim_rows(view) == window.stims


def entries(recording: cl.Recording, name: str) -> list[tuple[int, Any]]:
    """Return a stream's entries as a finished recording has them."""
    with recording.open() as view:
        assert view.data_streams is not None
        return list(view.data_streams[name].items())


def duration(recording: cl.Recording) -> int:
    with recording.open() as view:
        return int(view.attributes["duration_frames"])


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def closed_loop(neurons: cl.Neurons, seconds: float, rate: float = 1_000) -> None:
    """Answer spikes with stims, and read in between."""
    for tick in neurons.loop(rate, stop_after_seconds=seconds):
        for spike in tick.analysis.spikes[:3]:
            neurons.stim(spike.channel, 1.0)
        if tick.iteration % 100 == 99:
            neurons.read(40, tick.iteration_timestamp - 40)


def contents(recording: cl.Recording) -> tuple[bytes, bytes, bytes]:
    """Return the bytes of a recording's samples, spikes and stims."""
    with recording.open() as view:
        return view.samples[:].tobytes(), view.spikes[:].tobytes(), view.stims[:].tobytes()
