"""What a simulated device keeps of the frames that it cannot make again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cl._core.device import EventHistory
from cl._stim.limits import StimLimits
from cl._values.constants import HISTORY_FRAMES
from cl.sim.acquisition import FixedAcquisition, StreamedAcquisition
from cl.sim.dish import LoggedDish

BLOCK = 25_000


def block(start: int) -> Any:
    frames = np.zeros((BLOCK, 64), np.int16)
    frames[:, 0] = start // BLOCK
    return frames


def test_as_many_frames_are_kept_as_the_engine_wants_from_then_on() -> None:
    engine: Any = SimpleNamespace(kept_frames=HISTORY_FRAMES)
    source: Any = SimpleNamespace(start_timestamp=0, end_timestamp=None)
    acquisition = StreamedAcquisition(engine, LoggedDish(StimLimits(), EventHistory()), source)
    acquisition.open()
    for start in range(0, 8 * BLOCK, BLOCK):
        acquisition.append(block(start), start + BLOCK)
    # A loop with long ticks has begun: what has gone is gone, what is there stays.
    engine.kept_frames = HISTORY_FRAMES + 10 * BLOCK
    for start in range(8 * BLOCK, 20 * BLOCK, BLOCK):
        acquisition.append(block(start), start + BLOCK)
    with pytest.raises(ValueError, match="not held"):
        acquisition.frames(0, BLOCK)
    for start in range(5 * BLOCK, 20 * BLOCK, BLOCK):
        assert (acquisition.frames(start, start + BLOCK)[:, 0] == start // BLOCK).all()


def test_frames_that_are_there_are_not_appended_again() -> None:
    engine: Any = SimpleNamespace(kept_frames=HISTORY_FRAMES)
    source: Any = SimpleNamespace(start_timestamp=0, end_timestamp=None)
    acquisition = StreamedAcquisition(engine, LoggedDish(StimLimits(), EventHistory()), source)
    acquisition.open()
    acquisition.append(block(0), BLOCK)
    acquisition.append(block(BLOCK), BLOCK)
    acquisition.append(block(BLOCK)[:100], BLOCK + 50)
    assert acquisition.frames(0, BLOCK + 50)[:, 0].tolist() == [0] * BLOCK + [1] * 50


@pytest.mark.parametrize(("spikes", "asked"), [(100, [2_500, 12_500, 12_500]), (1_000, [2_500] * 3)])
def test_a_source_with_few_spikes_is_asked_for_more_at_once(spikes: int, asked: list[int]) -> None:
    """`spikes` come in a second. A dense source would hold the engine's lock for milliseconds."""
    found = []

    def spikes_of(start: int, stop: int) -> tuple[list[int], list[int]]:
        found.append(stop - start)
        timestamps = list(range(start, stop, 25_000 // spikes))
        return timestamps, [9] * len(timestamps)

    source: Any = SimpleNamespace(start_timestamp=0, frames=None, waveform=None, spikes=spikes_of)
    acquisition = FixedAcquisition(LoggedDish(StimLimits(), EventHistory()), source)
    for _ in asked:
        acquisition.log_until(acquisition.known + 1)
    assert found == asked
