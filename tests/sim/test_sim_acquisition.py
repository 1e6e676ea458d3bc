"""What a simulated device keeps of the frames that it cannot make again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cl._core.device import EventHistory
from cl._stim.limits import StimLimits
from cl._values.constants import HISTORY_FRAMES
from cl.sim.acquisition import StreamedAcquisition
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
