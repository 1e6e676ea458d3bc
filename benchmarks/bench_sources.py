"""What the simulator's sources cost: python benchmarks/bench_sources.py [PART ...] [SECONDS].

`sources`: the sources by themselves, per simulated second, the median of 5 runs.

`device`: a user's source asked by a bare loop at 1 kHz, and the same source through the open device in
accelerated time, per tick. One that does not react to stims is asked ahead, in blocks of 2 500 frames; one
that does is asked at every tick, in its own thread, or without one if it has no timeout.

`latency`: in real time, from a stim in a loop's body to the call of a live source's `on_stim`, to the
timestamp of the spike that it answers with, and to the tick in which that spike is seen (which cannot be
before the next one is due).
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from _thread import allocate_lock
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import numpy as np

import cl
from cl.sim import (
    DataSourceBatch,
    DataSourceSpike,
    DataSourceStim,
    LiveDataSink,
    LiveSimulatorDataSource,
    SimulatorDataSource,
    SimulatorDataSourceMetadata,
    clear_simulator_data_source,
    set_simulator_data_source,
)
from cl.sim.sources.random_source import RandomSource
from cl.sim.sources.replay_source import ReplaySource
from cl.sim.user.pull import PullSource

SECOND = 25_000
REFERENCE = Path(__file__).resolve().parents[2] / "shared" / "data" / "reference_recording.h5"


def windows(start: int, stop: int, size: int, take: Callable[[int, int], object]) -> None:
    """Ask for one window after the other."""
    for first in range(start, stop, size):
        take(first, first + size)


def measure(what: str, seconds: int, run: Callable[[int, int], object], unit: float = 1e3) -> float:
    """Print and return the median time of 5 runs for one simulated second."""
    times = []
    for number in range(6):
        first = number * seconds * SECOND
        begun = time.perf_counter()
        run(first, first + seconds * SECOND)
        times.append((time.perf_counter() - begun) / seconds)
    median = statistics.median(times[1:])
    print(f"{what:58s} {median * unit:9.2f} {'ms' if unit == 1e3 else 'µs'}   {1 / median:9.0f} ×")
    return median


class Noise(SimulatorDataSource):
    """A user's source of the plain kind: a noise that is the same however it is asked."""

    def __init__(self, **metadata: object) -> None:
        self._metadata = SimulatorDataSourceMetadata(**metadata)  # type: ignore[arg-type]
        self._noise = np.random.default_rng(1).normal(0, 12, (10_000, 64)).astype(np.int16)

    @property
    def metadata(self) -> SimulatorDataSourceMetadata:
        return self._metadata

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        frames = self._noise[(from_timestamp + np.arange(frame_count)) % 10_000]
        return DataSourceBatch(frames, [DataSourceSpike(from_timestamp, 8)])


def bare(start: int, stop: int) -> None:
    source = Noise()
    windows(start, stop, 25, lambda first, last: source.read(first, last - first))


def through(size: int, **metadata: object) -> Callable[[int, int], None]:
    def run(start: int, stop: int) -> None:
        source = Noise(start_timestamp=start, **metadata)
        adapter = PullSource(source, "noise", source.metadata)
        adapter.open()
        windows(start, stop, size, adapter.read)
        adapter.close()

    return run


def live(start: int, stop: int) -> None:
    sink = LiveDataSink(start)
    frames = np.zeros((25, 64), np.int16)

    def emit() -> None:
        for first in range(start, stop, 25):
            sink.emit_batch(DataSourceBatch(frames, [DataSourceSpike(first, 8)]))

    producer = Thread(target=emit)
    producer.start()
    windows(start, stop, 25, lambda first, last: sink.read(first, last, 30))
    producer.join()


def main() -> None:
    os.environ["CL_SDK_VISUALISATION"] = "0"
    seconds = next((int(argument) for argument in sys.argv[1:] if argument.isdigit()), 0)
    parts = {"sources": (sources, 20), "device": (device, 5), "latency": (latency, 5)}
    for name in [argument for argument in sys.argv[1:] if argument in parts] or parts:
        part, usual = parts[name]
        print(f"-- {name}; load {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores")
        part(seconds or usual)


def sources(seconds: int) -> None:
    begun = time.perf_counter()
    random = RandomSource(1)
    print(f"{'RandomSource(seed)':58s} {(time.perf_counter() - begun) * 1e3:9.2f} ms")
    measure(
        "random: spikes in windows of 1 s", seconds, lambda a, b: windows(a, b, SECOND, random.spikes), 1e6
    )
    measure("random: spikes in windows of 25 frames", seconds, lambda a, b: windows(a, b, 25, random.spikes))
    measure("random: frames in windows of 25", seconds, lambda a, b: windows(a, b, 25, random.frames))
    measure("random: frames in windows of 25 000", seconds, lambda a, b: windows(a, b, SECOND, random.frames))
    if REFERENCE.exists():
        replay = ReplaySource(REFERENCE, 0)
        replay.open()
        measure(
            "replay: spikes in windows of 1 s",
            seconds,
            lambda a, b: windows(a, b, SECOND, replay.spikes),
            1e6,
        )
        measure("replay: frames in windows of 25", seconds, lambda a, b: windows(a, b, 25, replay.frames))
        replay.close()
    floor = measure("own source, bare, 1 kHz", seconds, bare)
    for what, size, metadata in (
        ("own source, not reactive (2 500 frames at a time)", 2_500, {}),
        ("own source, reactive, 1 kHz, no timeout", 25, {"read_timeout_seconds": None}),
        ("own source, reactive, 1 kHz", 25, {}),
    ):
        cost = measure(what, seconds, through(size, **metadata))
        print(f"{'':58s} {cost / floor - 1:+9.0%} over the bare source")
    measure("live sink, emitted and read at 1 kHz by two threads", seconds, live)


# -- through the device, in accelerated time -------------------------------------------------


class Reactive(Noise):
    """The same, but stims may change it."""

    def on_stim(self, stim: DataSourceStim) -> None:
        pass


class Model(Reactive):
    """A source that has something to calculate: a small network's currents, and noise drawn anew."""

    def __init__(self, **metadata: object) -> None:
        super().__init__(**metadata)
        self._rng = np.random.default_rng(1)
        self._weights = self._rng.normal(0, 1, (300, 300))
        self._state = np.zeros(300)

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        self._state = np.tanh(self._weights @ self._state + 1)
        frames = (self._rng.standard_normal((frame_count, 64), np.float32) * 12).astype(np.int16)
        return DataSourceBatch(frames, [DataSourceSpike(from_timestamp, 8)])


def loop_seconds(make: Callable[[], SimulatorDataSource], ticks: int) -> float:
    set_simulator_data_source(make)
    with cl.open() as neurons:
        begun = time.perf_counter()
        for _ in neurons.loop(1_000, stop_after_ticks=ticks):
            pass
        taken = time.perf_counter() - begun
    clear_simulator_data_source()
    return taken


def aloop_seconds(make: Callable[[], SimulatorDataSource], ticks: int) -> float:
    async def run() -> float:
        async with cl.aopen() as neurons:
            begun = time.perf_counter()
            async for _ in neurons.aloop(1_000, stop_after_ticks=ticks):
                pass
            return time.perf_counter() - begun

    set_simulator_data_source(make)
    taken = asyncio.run(run())
    clear_simulator_data_source()
    return taken


def bare_seconds(make: Callable[[], SimulatorDataSource], ticks: int) -> float:
    source = make()
    begun = time.perf_counter()
    windows(0, ticks * 25, 25, lambda first, last: source.read(first, last - first))
    return time.perf_counter() - begun


def hop_seconds(hops: int) -> float:
    """Let two threads wake each other and do nothing else: what asking in another thread costs anybody."""
    there, back = allocate_lock(), allocate_lock()
    there.acquire()
    back.acquire()

    def answer() -> None:
        for _ in range(hops):
            there.acquire()
            back.release()

    thread = Thread(target=answer)
    thread.start()
    begun = time.perf_counter()
    for _ in range(hops):
        there.release()
        back.acquire()
    taken = time.perf_counter() - begun
    thread.join()
    return taken


def device(seconds: int) -> None:
    os.environ["CL_SDK_ACCELERATED_TIME"] = "1"
    ticks = seconds * 1_000
    hops = sorted(hop_seconds(ticks) / ticks * 1e6 for _ in range(5))
    print(f"{'two threads that wake each other, there and back':58s} {hops[2]:9.1f} µs")
    for what, run, make in (
        ("bare", bare_seconds, Noise),
        ("not reactive, loop", loop_seconds, Noise),
        ("reactive, loop", loop_seconds, Reactive),
        ("reactive without a timeout, loop", loop_seconds, lambda: Reactive(read_timeout_seconds=None)),
        ("not reactive, aloop", aloop_seconds, Noise),
        ("reactive, aloop", aloop_seconds, Reactive),
        ("with a model, bare", bare_seconds, Model),
        ("with a model, reactive, loop", loop_seconds, Model),
        (
            "with a model, reactive without a timeout, loop",
            loop_seconds,
            lambda: Model(read_timeout_seconds=None),
        ),
    ):
        times = sorted(run(make, ticks) / ticks * 1e6 for _ in range(5))
        print(f"{'own source, ' + what:58s} {times[2]:9.1f} µs a tick ({times[0]:.1f} to {times[-1]:.1f})")


# -- the latency of live sources, in real time -----------------------------------------------


class Paced(LiveSimulatorDataSource):
    """Emits a block of frames in its time, and answers a pulse as early as it can."""

    block = 25

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[float, int]] = []
        self.stopping = Event()

    def start(self, sink: LiveDataSink) -> None:
        self.sink = sink
        frames = np.zeros((self.block, 64), np.int16)
        due = time.perf_counter()
        while not self.stopping.is_set():
            due += self.block / SECOND
            time.sleep(max(0.0, due - time.perf_counter()))
            sink.emit_frames(frames)

    def stop(self) -> None:
        self.stopping.set()

    def on_stim(self, stim: DataSourceStim) -> None:
        self.told.append((time.perf_counter(), stim.timestamp))
        at = max(stim.timestamp, self.sink.read_timestamp)
        self.sink.emit_spikes([DataSourceSpike(at, stim.channel)])


class Coarse(Paced):
    """The same in blocks of 20 ms: its frames are there later than they should be."""

    block = 500


class OnlySpikes(Paced):
    """Gives nothing but the answers."""

    def start(self, sink: LiveDataSink) -> None:
        self.sink = sink
        sink.emit_spikes([DataSourceSpike(0, 1)])


def watch(kind: type[Paced], seconds: int, rate: int, busy: float) -> None:
    made: list[Paced] = []

    def make() -> Paced:
        made.append(kind())
        return made[-1]

    set_simulator_data_source(make)
    called: list[float] = []
    seen: list[float] = []
    lags: list[int] = []
    stims: list[int] = []
    with cl.open() as neurons:
        for tick in neurons.loop(rate, stop_after_seconds=seconds):
            stims += [stim.timestamp for stim in tick.analysis.stims]
            for spike in tick.analysis.spikes:
                if spike.channel == 20:
                    seen.append(time.perf_counter() - called[len(lags)])
                    lags.append(spike.timestamp - stims[len(lags)])
            if tick.iteration % (rate // 50 or 1) == 0:
                called.append(time.perf_counter())
                neurons.stim(20, 1.0)
            until = time.perf_counter() + busy
            while time.perf_counter() < until:
                pass
    clear_simulator_data_source()
    print(f"{kind.__name__}, loop at {rate}/s, body of {busy * 1e3:g} ms")
    told = [when - call for (when, _), call in zip(made[0].told, called, strict=False)]
    show("stim to on_stim", told)
    show("timestamp of the stim to that of the spike", [lag / SECOND for lag in lags])
    show("stim to the tick in which the spike is", seen)


def show(what: str, found: list[float]) -> None:
    values = sorted(value * 1e3 for value in found)
    if values:
        p99 = values[int(len(values) * 0.99)]
        median = statistics.median(values)
        print(
            f"    {what:50s} median {median:6.2f}  p99 {p99:6.2f}  max {values[-1]:6.2f} ms ({len(values)})"
        )


def latency(seconds: int) -> None:
    os.environ["CL_SDK_ACCELERATED_TIME"] = "0"
    watch(Paced, seconds, 1_000, 0.0)
    watch(Paced, seconds, 100, 0.008)
    watch(Coarse, seconds, 1_000, 0.0)
    watch(OnlySpikes, seconds, 1_000, 0.0)
    watch(OnlySpikes, seconds, 5_000, 0.0)


if __name__ == "__main__":
    main()
