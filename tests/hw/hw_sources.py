"""Sources for emulators that tests start."""

from __future__ import annotations

import logging
import sys
import warnings

import numpy as np

from cl.sim import (
    DataSourceBatch,
    DataSourceSpike,
    DataSourceStim,
    SimulatorDataSource,
    SimulatorDataSourceMetadata,
)


class Silent(SimulatorDataSource):
    """Zeros."""

    metadata = SimulatorDataSourceMetadata()

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        return DataSourceBatch(np.zeros((frame_count, 64), np.int16))


class Talkative(Silent):
    """Says 20 KiB in every way there is, each time that it is asked."""

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        words = f"from {from_timestamp} µV \udcff " * 200
        print(words)
        print(words, file=sys.stderr, flush=True)
        sys.stdout.buffer.write(words.encode(errors="replace"))
        logging.getLogger(__name__).warning(words)
        warnings.warn(words, stacklevel=1)
        return super().read(from_timestamp, frame_count)


class Failing(Silent):
    """Works for a while, and then no more."""

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        if from_timestamp > 5000:
            from_timestamp // 0
        return super().read(from_timestamp, frame_count)


class Ending(Silent):
    """Ends after as many frames as it is told."""

    def __init__(self, frames: int) -> None:
        self.metadata = SimulatorDataSourceMetadata(duration_frames=frames, seekable=False)


class Answering(Silent):
    """Answers each stim with a spike on the same channel 10 frames later, and a sample of 1000 there."""

    def __init__(self) -> None:
        self.due: list[tuple[int, int]] = []

    def on_stim(self, stim: DataSourceStim) -> None:
        self.due.append((stim.timestamp + 10, stim.channel))

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        frames = np.zeros((frame_count, 64), np.int16)
        now = [answer for answer in self.due if answer[0] < from_timestamp + frame_count]
        self.due = [answer for answer in self.due if answer not in now]
        for timestamp, channel in now:
            frames[timestamp - from_timestamp, channel] = 1000
        return DataSourceBatch(frames, [DataSourceSpike(t, c) for t, c in sorted(now)])
