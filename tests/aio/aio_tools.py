"""What the tests of the async side share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

import cl
import cl.sim
from cl._core.entries import StreamEntry


def keys(events: Iterable[Any]) -> list[tuple[int, int]]:
    """Return the timestamps and channels of events."""
    return [(event.timestamp, event.channel) for event in events]


def append_entry(neurons: cl.Neurons, name: str, timestamp: int, data: Any) -> None:
    """Append to a data stream."""
    engine = neurons._engine
    with engine.lock:
        engine.bus.entries.append(engine.position, StreamEntry(name, timestamp, data))


def reference(frames: int) -> cl.DetectionResult:
    """Return what the simulator, as it is configured, has in its first frames; nothing is stimulated."""
    with cl.open() as neurons:
        parts = [neurons.read(25_000, analysis=True) for _ in range(frames // 25_000)]
        parts.append(neurons.read(frames % 25_000, analysis=True))
    spikes = [spike for part in parts for spike in part.spikes]
    return cl.DetectionResult(parts[0].start_timestamp, parts[-1].stop_timestamp, spikes, [])


class Echo(cl.sim.SimulatorDataSource):
    """A source that answers every stim with a spike 30 frames later, and spikes on channel 1 at intervals.

    `reads` are the windows that it was asked for.
    """

    def __init__(self, interval: int = 1_000, trusted: bool = False) -> None:
        self.interval = interval
        self.reads: list[tuple[int, int]] = []
        self._due: list[tuple[int, int]] = []

    @property
    def metadata(self) -> cl.sim.SimulatorDataSourceMetadata:
        return cl.sim.SimulatorDataSourceMetadata(read_timeout_seconds=None, reactive=True)

    def on_stims(self, stims: Any) -> None:
        self._due += [(stim.timestamp + 30, stim.channel) for stim in stims]

    def read(self, from_timestamp: int, frame_count: int) -> cl.sim.DataSourceBatch:
        stop = from_timestamp + frame_count
        self.reads.append((from_timestamp, stop))
        due = {spike for spike in self._due if spike[0] < stop}
        self._due = [spike for spike in self._due if spike[0] >= stop]
        first = -(-from_timestamp // self.interval) * self.interval
        due |= {(t, 1) for t in range(max(first, self.interval), stop, self.interval)}
        frames = np.zeros((frame_count, 64), np.int16)
        return cl.sim.DataSourceBatch(frames, [cl.sim.DataSourceSpike(t, c) for t, c in sorted(due)])
