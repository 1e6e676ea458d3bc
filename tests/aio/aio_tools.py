"""What the tests of the async side share."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

import cl
import cl.sim
from cl._core.entries import StreamEntry
from cl._wait.tasks import Waiter
from cl._wait.threads import go_on


def keys(events: Iterable[Any]) -> list[tuple[int, int]]:
    """Return the timestamps and channels of events."""
    return [(event.timestamp, event.channel) for event in events]


def append_entry(neurons: cl.Neurons, name: str, timestamp: int, data: Any) -> None:
    """Append to a data stream."""
    engine = neurons._engine
    with engine.lock:
        engine.history.entries.append(engine.position, StreamEntry(name, timestamp, data))


def reference(frames: int) -> cl.DetectionResult:
    """Return what the simulator, as it is configured, has in its first frames; nothing is stimulated."""
    with cl.open() as neurons:
        parts = [neurons.read(25_000, analysis=True) for _ in range(frames // 25_000)]
        parts.append(neurons.read(frames % 25_000, analysis=True))
    spikes = [spike for part in parts for spike in part.spikes]
    return cl.DetectionResult(parts[0].start_timestamp, parts[-1].stop_timestamp, spikes, [])


async def run_loop(neurons: cl.Neurons, rate: float, ticks: int | None = None) -> None:
    """Run a loop that does nothing."""
    async for _ in neurons.aloop(rate, stop_after_ticks=ticks):
        pass


class Echo(cl.sim.SimulatorDataSource):
    """A source that answers every stim with a spike 30 frames later, and spikes on channel 1 at intervals.

    `reads` are the windows that it was asked for. It is asked in a thread if it is `threaded`.
    """

    def __init__(self, interval: int = 1_000, threaded: bool = True) -> None:
        self.interval = interval
        self.threaded = threaded
        self.reads: list[tuple[int, int]] = []
        self._due: list[tuple[int, int]] = []

    @property
    def metadata(self) -> cl.sim.SimulatorDataSourceMetadata:
        timeout = 30.0 if self.threaded else None
        return cl.sim.SimulatorDataSourceMetadata(read_timeout_seconds=timeout, reactive=True)

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


@contextmanager
def busy_keeper(neurons: cl.Neurons) -> Iterator[None]:
    """Do what the keeper thread does now and then (help time on), all the time."""
    engine, stop = neurons._engine, threading.Event()

    def keep() -> None:
        while not stop.is_set():
            with engine.lock:
                go_on(engine)
            stop.wait(0.0001)

    thread = threading.Thread(target=keep, name="busy keeper")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def streams_told_of_the_end(neurons: cl.Neurons) -> int:
    """Return how many streams the device would tell of its end."""
    listeners = neurons._engine.listeners
    return sum(isinstance(getattr(listener, "__self__", None), Waiter) for listener in listeners)


def check_at_rest(neurons: cl.Neurons) -> None:
    """Check that nobody takes part in time, holds it or waits for anything."""
    engine = neurons._engine
    with engine.lock:
        engine.reap()
        scheduler = engine.time.scheduler
        assert not (scheduler._open or scheduler.waiting() or scheduler._keen or scheduler._due.probing)
        assert not (scheduler._arriving or scheduler._holds._lasting)
        assert streams_told_of_the_end(neurons) == 0
        assert engine._arrivals == []
        assert not engine.time.scheduler.moving
