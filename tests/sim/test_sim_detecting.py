"""A source whose spikes are found in its frames."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cl.sim import (
    DataSourceBatch,
    DataSourceSpike,
    Detector,
    SimulatorDataSource,
    SimulatorDataSourceMetadata,
)
from cl.sim.user.detecting import DetectingSource
from cl.sim.user.pull import PullSource

FRAMES = 20_000
START = 1_000


def recorded() -> NDArray[np.int16]:
    frames = np.random.default_rng(3).normal(0, 10, (FRAMES, 64)).astype(np.int16)
    for number in range(40):
        frames[4_000 + 397 * number, number] = -400
    return frames


class Recorded(SimulatorDataSource):
    metadata = SimulatorDataSourceMetadata(start_timestamp=START, read_timeout_seconds=None)  # type: ignore[assignment]

    def __init__(self, spikes: list[DataSourceSpike] | None = None) -> None:
        self.frames = recorded()
        self.spikes = spikes or []

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        first = from_timestamp - START
        inside = [s for s in self.spikes if 0 <= s.timestamp - from_timestamp < frame_count]
        return DataSourceBatch(self.frames[first : first + frame_count], inside)


def detecting(spikes: list[DataSourceSpike] | None = None) -> DetectingSource:
    source = Recorded(spikes)
    return DetectingSource(PullSource(source, "recorded", source.metadata))


def test_it_finds_what_the_detector_finds() -> None:
    source = detecting()
    assert (source.start_timestamp, source.name, source.reactive, source.blocking) == (
        START,
        "recorded",
        False,
        False,
    )
    assert source.end_timestamp is None
    assert source.available is None
    source.open()
    _, timestamps, channels, waveforms = source.read(START, START + FRAMES)
    wanted = Detector(start_timestamp=START).feed(recorded())
    assert list(zip(timestamps, channels, strict=True)) == wanted
    assert waveforms == [None] * len(wanted)
    assert {(START + 4_000 + 397 * n, n) for n in range(40)} <= set(wanted)
    source.close()


def test_in_pieces_it_is_the_same() -> None:
    whole, pieces = detecting(), detecting()
    cuts = [0, 1, 700, 2_500, 4_001, 4_002, 9_999, 15_000, FRAMES]
    found = [pieces.read(START + a, START + b) for a, b in pairwise(cuts)]
    frames, timestamps, channels, _ = whole.read(START, START + FRAMES)
    assert (np.concatenate([piece[0] for piece in found]) == frames).all()
    assert [t for piece in found for t in piece[1]] == timestamps
    assert [c for piece in found for c in piece[2]] == channels


def test_the_sources_own_spikes_stay() -> None:
    wave = np.ones(75)
    own = [DataSourceSpike(START + 10, 60), DataSourceSpike(START + 4_000, 0, wave, 3.0)]
    source = detecting(own)
    _, timestamps, channels, waveforms = source.read(START, START + FRAMES)
    found = list(zip(timestamps, channels, strict=True))
    assert found == sorted({*Detector(start_timestamp=START).feed(recorded()), (START + 10, 60)})
    known = waveforms[found.index((START + 4_000, 0))]
    assert known is not None
    assert known[1] == 3.0
