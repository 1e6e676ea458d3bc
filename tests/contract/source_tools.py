"""Sources for the tests of `cl.sim` through the public API, and what runs them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from patience import unhurried

import cl
from cl.sim import (
    DataSourceBatch,
    DataSourceSpike,
    DataSourceStim,
    SimulatorDataSource,
    SimulatorDataSourceMetadata,
)

Events = list[tuple[int, int]]


def numbered(start: int, count: int) -> NDArray[np.int16]:
    """Return frames that hold their timestamps (modulo 30 000) and channels."""
    stamps = (np.arange(start, start + count) % 30_000).astype(np.int16)
    return stamps[:, None] + np.arange(64, dtype=np.int16)


class Source(SimulatorDataSource):
    """Frames that hold their timestamps, a spike every hundred frames; it writes down what it is asked."""

    def __init__(self, **metadata: Any) -> None:
        self._metadata = SimulatorDataSourceMetadata(**metadata)
        self.calls: list[Any] = []

    @property
    def metadata(self) -> SimulatorDataSourceMetadata:
        return self._metadata

    def open(self) -> None:
        self.calls.append("open")

    def close(self) -> None:
        self.calls.append("close")

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        self.calls.append((from_timestamp, frame_count))
        stop = from_timestamp + frame_count
        hundreds = range(-(-from_timestamp // 100) * 100, stop, 100)
        return DataSourceBatch(
            numbered(from_timestamp, frame_count), [DataSourceSpike(t, t // 100 % 64) for t in hundreds]
        )


class Answering(Source):
    """Answers a pulse: 20 frames of its channel, from its own on, are 1000, and 30 frames later it spikes."""

    def __init__(self, **metadata: Any) -> None:
        super().__init__(**metadata)
        self.stims: list[DataSourceStim] = []

    def on_stims(self, stims: Any) -> None:
        self.calls.append(stims[0].timestamp)
        self.stims += stims

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        batch = super().read(from_timestamp, frame_count)
        stop = from_timestamp + frame_count
        spikes = list(batch.spikes)
        for stim in self.stims:
            low, high = max(stim.timestamp, from_timestamp), min(stim.timestamp + 20, stop)
            if low < high:
                batch.frames[low - from_timestamp : high - from_timestamp, stim.channel] = 1_000  # type: ignore[index]
            if from_timestamp <= stim.timestamp + 30 < stop:
                spikes.append(DataSourceSpike(stim.timestamp + 30, stim.channel))
        return DataSourceBatch(batch.frames, spikes)


class Faulty(Source):
    """Does something wrong when it is asked for frame 1000."""

    def __init__(self, wrong: Callable[[int, int], Any], **metadata: Any) -> None:
        # It is asked for exactly what is needed.
        super().__init__(**{"reactive": True, **metadata})
        self._wrong = wrong

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        if from_timestamp + frame_count > 1_000:
            return self._wrong(from_timestamp, frame_count)  # type: ignore[no-any-return]
        return super().read(from_timestamp, frame_count)


class Hang:
    """Something that does not return until the test has ended."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self._end = threading.Event()
        self._before = set(threading.enumerate())

    def __call__(self, *_: object) -> Any:
        self.begun.set()
        self._end.wait()
        return DataSourceBatch()

    def end(self) -> None:
        """Let it return, and wait for the threads that were left behind."""
        self._end.set()
        for thread in set(threading.enumerate()) - self._before:
            if thread.name.startswith("cl-"):
                thread.join()


@contextmanager
def hang() -> Iterator[Hang]:
    """Give something that hangs as long as the block lasts; before, sources have all the time they need."""
    hanging = Hang()
    with unhurried(hanging.begun.is_set):
        try:
            yield hanging
        finally:
            hanging.end()


def events(found: list[Any]) -> Events:
    """Return spikes or stims as pairs of timestamp and channel."""
    return [(event.timestamp, event.channel) for event in found]


def causes(error: BaseException | None) -> list[BaseException]:
    """Return an error and what it was caused by, down to the first cause."""
    chain = []
    while error is not None:
        chain.append(error)
        error = error.__cause__
    return chain


def works() -> None:
    """Check that the device can be opened, and gives data."""
    cl.sim.clear_simulator_data_source()
    with cl.open() as neurons:
        assert neurons.read(100).shape == (100, 64)
