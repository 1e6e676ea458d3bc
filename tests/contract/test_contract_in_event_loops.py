"""Sync programs in a thread whose event loop runs, as the cells of a notebook do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cl
import cl.sim
import cl.sim.culture

_SOURCES: list[Callable[[], Any] | None] = [None, cl.sim.culture.create]
_NAMES = ["random", "culture"]


@pytest.mark.anyio
@pytest.mark.parametrize("source", _SOURCES, ids=_NAMES)
async def test_a_sync_loop_with_a_recording_goes_on_beside_other_threads(
    source: Callable[[], Any] | None, tmp_path: Path
) -> None:
    # The recorder and a source's thread move time, too, and may be the ones that serve the loop.
    with cl.open(device=cl.sim.Simulator(source=source, seed=7, accelerated=True)) as neurons:
        recording = neurons.record(file_location=str(tmp_path))
        ticks = sum(1 for _ in neurons.loop(100, stop_after_seconds=8))
        frames = neurons.read(1_000)
        recording.stop()
        assert ticks == 800
        assert len(frames) == 1_000
    assert recording.attributes["duration_frames"] >= 8 * 25_000
