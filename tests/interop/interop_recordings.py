"""Recordings for the tests of other programs' forms."""

from __future__ import annotations

from pathlib import Path

import cl


def record(folder: Path, name: str, frames: int = 25_000, before: int = 0, stims: bool = True) -> Path:
    """Record so many frames of the random source in accelerated time, after others that are not."""
    with cl.open() as neurons:
        if before:
            neurons.read(before)
        recording = neurons.record(file_location=str(folder), file_suffix=name)
        if stims:
            neurons.stim(cl.ChannelSet(9, 10), cl.StimDesign(160, -1.0, 160, 1.0))
        for _ in range(frames // 2_500):
            neurons.read(2_500)
        recording.stop()
        return Path(recording.file["path"])
