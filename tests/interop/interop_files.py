"""Recordings for the tests of exports, and what is in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from cl import StimDesign
from cl._store.packing import pack
from cl._store.write.header import RecordingHeader
from cl._store.write.writer import RecordingWriter

CREATED = datetime(2026, 2, 3, 4, 5, 6, 789, UTC)


@dataclass
class Content:
    """What a recording has: rows of (frame, channel), of stims also the design, of the clock ns and ns.

    Entries are by stream.
    """

    frames: int = 1000
    spikes: list[tuple[int, int]] = field(default_factory=list)
    stims: list[tuple[int, int, StimDesign | None]] = field(default_factory=list)
    streams: dict[str, list[tuple[int, Any]]] = field(default_factory=dict)
    clock: list[tuple[int, int, int]] = field(default_factory=list)
    start: int = 0
    seed: int = 0

    def samples(self) -> np.ndarray[Any, Any]:
        drawn = np.random.default_rng(self.seed).integers(-3000, 3000, (self.frames, 64))
        return drawn.astype(np.int16)

    def waveforms(self) -> np.ndarray[Any, Any]:
        rows = np.arange(len(self.spikes), dtype=np.float32)[:, None]
        return rows - np.arange(75, dtype=np.float32) / 7

    def write(self, path: Path, *, ended: bool = True, **header: Any) -> Path:
        header = {"include_clock": bool(self.clock), **header}
        writer = RecordingWriter(path, RecordingHeader(start_timestamp=self.start, created=CREATED, **header))
        writer.append_samples(self.samples())
        writer.append_spikes(*_columns(self.spikes), self.waveforms())
        designs = [design for *_, design in self.stims]
        writer.append_stims(*_columns([row[:2] for row in self.stims]), designs)
        for name, entries in self.streams.items():
            writer.add_stream(name, {"about": name})
            for timestamp, value in entries:
                writer.append_stream(name, timestamp, pack(value))
        for row in self.clock:
            writer.append_clock(*row)
        writer.flush()
        if ended:
            writer.finish(self.start + self.frames)
        else:
            writer.abort()
        return path


def _columns(rows: list[Any]) -> Any:
    return np.array([row[0] for row in rows], np.int64), np.array([row[1] for row in rows], np.uint8)


def example(frames: int = 30_000, **more: Any) -> Content:
    """A recording with something of everything; spikes and stims at irregular times."""
    generator = np.random.default_rng(5)
    at = np.sort(generator.choice(frames, 120, replace=False)).tolist()
    designs = (
        StimDesign(160, -1.5, 320, 0.75),
        StimDesign(20, 0.1),
        None,
        StimDesign(40, 0.5, 80, -2.0, 40, 0.5),
    )
    return Content(
        frames=frames,
        spikes=[(frame, 1 + frame % 3) for frame in at],
        stims=[(frame, 8 + i, designs[i % 4]) for i, frame in enumerate(at[::15])],
        streams={
            "game": [(frame, {"score": i, "x": i / 3, "who": f"µ{i}"}) for i, frame in enumerate(at[::10])],
            "empty": [],
        },
        **more,
    )
