"""Sources of this package after an interruption: asked again, they give what they would have given."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from interrupting import Interruption, moments
from numpy.typing import NDArray

from cl.sim import DataSourceStim, LiveDataSink, SimulatorDataSourceMetadata
from cl.sim.culture import create
from cl.sim.user.data_source import DataSourceBatch, DataSourceSpike, SimulatorDataSource
from cl.sim.user.detecting import DetectingSource
from cl.sim.user.pull import PullSource
from cl.testing import ScriptedSource

SOME = 60
"""Moments that are tried of each, unless all are."""
WINDOWS = (100, 26, 1, 2_480, 300)


class Asked:
    """Something that is told of pulses and asked for windows, and asked again where that was interrupted."""

    def __init__(
        self, read: Callable[[int, int], Any], tell: Callable[[int], object] = lambda at: None
    ) -> None:
        self._read, self._tell = read, tell

    def windows(self, interruption: Interruption) -> list[Any]:
        """Return the windows; what is interrupted is done once more."""
        found, at = [], 0
        for count in WINDOWS:
            self._surely(interruption, partial(self._tell, at))
            found.append(self._surely(interruption, partial(self._read, at, count)))
            at += count
        return found

    def _surely(self, interruption: Interruption, call: Callable[[], Any]) -> Any:
        before, result = interruption.place, None
        with interruption.watching():
            result = call()
        return call() if interruption.place != before else result


def culture() -> Asked:
    source = create(seed=3, size=200, background=1.1, plasticity=True)

    def tell(at: int) -> None:
        source.on_stims([DataSourceStim(at + 7, c, at + 7, (160.0, 160.0), (-2.0, 2.0)) for c in (27, 36)])

    def read(start: int, count: int) -> Any:
        batch = source.read(start, count)
        assert isinstance(batch.frames, np.ndarray)
        return batch.frames.tobytes(), list(batch.spikes)

    return Asked(read, tell)


class Recorded(SimulatorDataSource):
    """Noise with some spikes in it."""

    metadata = SimulatorDataSourceMetadata(read_timeout_seconds=None)  # type: ignore[assignment]

    def __init__(self) -> None:
        self.frames: NDArray[np.int16] = np.random.default_rng(3).normal(0, 10, (5_000, 64)).astype(np.int16)
        self.frames[2_510:2_900:30, 9] = -400

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        return DataSourceBatch(self.frames[from_timestamp : from_timestamp + frame_count])


def detecting() -> Asked:
    source = Recorded()
    found = DetectingSource(PullSource(source, "recorded", source.metadata))
    return Asked(lambda start, count: found.read(start, start + count)[1:3])


def sink() -> Asked:
    emitted = LiveDataSink(0, 25_000)
    emitted.emit_frames(Recorded().frames)
    emitted.emit_spikes([DataSourceSpike(at, at % 64) for at in range(3, 4_000, 20)])

    def read(start: int, count: int) -> Any:
        frames, *events = emitted.read(start, start + count, 1.0)
        return frames.tobytes(), *events

    return Asked(read)


def scripted() -> Asked:
    source = ScriptedSource([(at, 9) for at in range(0, 4_000, 90)], noise=5.0)

    def read(start: int, count: int) -> Any:
        batch = source.read(start, count)
        assert isinstance(batch.frames, np.ndarray)
        return batch.frames.tobytes(), batch.spikes

    return Asked(read)


@pytest.mark.parametrize("make", [culture, detecting, sink, scripted])
def test_what_was_interrupted_is_given_when_it_is_asked_for_again(make: Callable[[], Asked]) -> None:
    watched = Interruption()
    right = make().windows(watched)
    assert any(window[-1] for window in right), "there are no spikes to be lost"
    tried = moments(watched.count, SOME)
    assert len(tried) >= min(SOME, 30)
    for moment in tried:
        interruption = Interruption(moment)
        assert make().windows(interruption) == right, interruption.place


def test_a_culture_goes_on_right_after_its_state_was_copied_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cl.sim.culture._COPY_STEPS", 20)
    watched = Interruption()
    right = culture().windows(watched)
    for moment in moments(watched.count, SOME):
        interruption = Interruption(moment)
        assert culture().windows(interruption) == right, interruption.place
