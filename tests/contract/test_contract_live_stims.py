"""Live sources through the public API: told of stims in time, pushed by many threads, left at any moment."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import numpy as np
import pytest
from leak_tools import threads
from live_tools import KINDS, Blocks, InStart, Silent
from source_tools import events, hang, numbered, works

import cl
from cl.error import DeviceDisconnectedError
from cl.sim import (
    DataSourceBatch,
    DataSourceSpike,
    DataSourceStim,
    LiveDataSink,
    SinkClosedError,
    set_simulator_data_source,
)


@pytest.fixture(autouse=True)
def _no_source_stays() -> Iterator[None]:
    yield
    cl.sim.clear_simulator_data_source()


@pytest.fixture(params=["1", "0"], ids=["accelerated", "real time"])
def time(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", request.param)
    return str(request.param)


# -- stims ---------------------------------------------------------------------------------


class Hearing(Silent):
    """Answers every pulse with a spike, as early as it can."""

    def __init__(self, **limits: Any) -> None:
        super().__init__(**limits)
        self.stims: list[DataSourceStim] = []
        self.told = threading.Semaphore(0)

    def on_stim(self, stim: DataSourceStim) -> None:
        self.stims.append(stim)
        at = max(stim.timestamp, self.sink.read_timestamp)
        self.sink.emit_spikes([DataSourceSpike(at, stim.channel)])
        self.told.release()


def test_a_source_hears_of_a_stim_though_nobody_reads_and_no_frames_come() -> None:
    source = Hearing(max_buffer_frames=1 << 24)
    set_simulator_data_source(lambda: source)
    with cl.open() as neurons:
        source.sink.emit_frames(np.zeros((50, 64), np.int16))
        neurons.stim(20, 1.0, cl.BurstDesign(3, 200))
        for _ in range(3):
            assert source.told.acquire(timeout=60)
        first = source.stims[0].timestamp
        assert [stim.timestamp - first for stim in source.stims] == [0, 125, 250]
        # It waits for frames now, and still hears of pulses, in their own time.
        reading = threading.Thread(target=neurons.read, args=(1_000, first))
        reading.start()
        neurons.stim(21, 1.0)
        assert source.told.acquire(timeout=60)
        last = source.stims[3].timestamp
        source.sink.emit_frames(np.zeros((last + 1_000, 64), np.int16))
        reading.join()
        found = neurons.read(last + 1 - first, first, analysis=True)
        pulses = [(first, 20), (first + 125, 20), (first + 250, 20), (last, 21)]
        assert events(found.stims) == pulses
        assert events(found.spikes) == pulses


def test_every_stim_is_told_once_and_answered(time: str) -> None:
    class Reacting(InStart):
        def __init__(self) -> None:
            super().__init__()
            self.stims: list[DataSourceStim] = []

        def start(self, sink: LiveDataSink) -> None:
            self.sink = sink
            super().start(sink)

        def on_stim(self, stim: DataSourceStim) -> None:
            self.stims.append(stim)
            at = max(stim.timestamp, self.sink.read_timestamp)
            self.sink.emit_spikes([DataSourceSpike(at, 60)])

    source = Reacting()
    set_simulator_data_source(lambda: source)
    stims, spikes = [], []
    with cl.open() as neurons:
        # In real time the pulses of a loop that was late come one behind the other, their answers later.
        for tick in neurons.loop(1_000, stop_after_ticks=10_000):
            if tick.iteration % 10 == 0 and tick.iteration < 100:
                neurons.stim(cl.ChannelSet(20, 30), 1.0)
            stims += events(tick.analysis.stims)
            spikes += [spike for spike in tick.analysis.spikes if spike.channel == 60]
            if tick.iteration >= 100 and min(len(stims), len(spikes)) >= 20:
                break
    assert len(stims) == 20
    assert [(stim.timestamp, stim.channel) for stim in source.stims] == stims
    assert len(spikes) == 20


def test_a_stim_that_the_source_cannot_take_ends_the_device(time: str) -> None:
    class Refusing(InStart):
        def on_stim(self, stim: DataSourceStim) -> None:
            raise ValueError("not that one")

    set_simulator_data_source(lambda: Refusing())
    text = r"stims at \d+: it raised ValueError: not that one"
    with cl.open() as neurons, pytest.raises(DeviceDisconnectedError, match=text):
        neurons.stim(20, 1.0)
        neurons.read(1_000)
    works()


def test_a_source_that_hangs_when_it_is_told_of_a_stim(time: str) -> None:
    with hang() as hanging:

        class Hanging(Silent):
            on_stim = staticmethod(hanging)  # type: ignore[assignment]

            def start(self, sink: LiveDataSink) -> None:
                # All frames are there when it is open: they are not what is waited for.
                sink.emit_frames(numbered(0, 25_000))

        set_simulator_data_source(lambda: Hanging(max_buffer_frames=25_000, read_timeout_seconds=0.2))
        text = r"stims at \d+: no answer within 0.2 s"
        with cl.open() as neurons, pytest.raises(DeviceDisconnectedError, match=text):
            neurons.stim(20, 1.0)
            neurons.read(1_000)
        works()


def test_the_switch_interval_is_put_back() -> None:
    before = sys.getswitchinterval()
    set_simulator_data_source(lambda: Hearing())
    with cl.open():
        assert sys.getswitchinterval() < before
    assert sys.getswitchinterval() == before


# -- many threads --------------------------------------------------------------------------


def test_many_producers_and_a_slow_consumer(time: str) -> None:
    class Crowd(Blocks):
        def start(self, sink: LiveDataSink) -> None:
            self.sink = sink
            self.threads = [threading.Thread(target=self.produce, args=(n, sink)) for n in range(6)]
            for thread in self.threads:
                thread.start()

        def produce(self, number: int, sink: LiveDataSink) -> None:
            try:
                for turn in range(1_000_000):
                    size = 1 + (number * 31 + turn * 17) % 90
                    # Those of many turns are discarded while the device closes.
                    value = number * 1_000 + min(turn, 999)
                    sink.emit_batch(DataSourceBatch(np.full((size, 64), value, np.int16)))
                    sink.emit_spikes([DataSourceSpike(sink.read_timestamp + 20, number)])
            except SinkClosedError:
                return

        def close(self) -> None:
            for thread in self.threads:
                thread.join()

    before = threads()
    set_simulator_data_source(lambda: Crowd(max_buffer_frames=64))
    with cl.open() as neurons:
        column = neurons.read(5_000, 0)[:, 0]
    # Leaving was in the middle of their emissions; still nobody waits for ever.
    assert threads() <= before
    edges = np.flatnonzero(np.diff(column)) + 1
    runs = [int(run[0]) for run in np.split(column, edges)]
    assert len(set(runs)) == len(runs), "an emission is in one piece"
    for number in range(6):
        mine = [run % 1_000 for run in runs if run // 1_000 == number]
        assert mine == sorted(mine)


def test_late_spikes_are_dropped_and_counted(time: str) -> None:
    source = Silent()
    set_simulator_data_source(lambda: source)
    with cl.open() as neurons:
        source.sink.emit_frames(numbered(0, 250))
        neurons.read(100, 0)
        read = source.sink.read_timestamp
        assert 100 <= read <= 250
        source.sink.emit_spikes([DataSourceSpike(10, 1), DataSourceSpike(read - 1, 2)])
        assert source.sink.dropped_spikes == 2
        assert neurons.read(100, 0, analysis=True).spikes == []


@pytest.mark.parametrize("kind", KINDS)
def test_opening_and_leaving_at_once(kind: type[Blocks], time: str) -> None:
    before = threads()
    for _ in range(5):
        source = kind(max_buffer_frames=41)
        set_simulator_data_source(lambda: source)  # noqa: B023
        with cl.open():
            pass
        cl.sim.clear_simulator_data_source()
    assert threads() <= before


def test_the_detector_finds_spikes_in_live_frames(monkeypatch: pytest.MonkeyPatch, time: str) -> None:
    class Trace(Silent):
        def start(self, sink: LiveDataSink) -> None:
            frames = np.random.default_rng(5).normal(0, 8, (20_000, 64)).astype(np.int16)
            frames[12_000:12_008, 9] -= 400
            sink.emit_frames(frames)

    monkeypatch.setenv("CL_SDK_DETECT_SPIKES", "1")
    set_simulator_data_source(lambda: Trace(max_buffer_frames=20_000))
    with cl.open() as neurons:
        found = neurons.read(20_000, 0, analysis=True)
    mine = [spike for spike in found.spikes if spike.channel == 9]
    assert any(11_990 <= spike.timestamp <= 12_010 for spike in mine)


EXIT = """
import sys, threading
import numpy as np, cl
from cl.sim import *

class InStart(LiveSimulatorDataSource):
    def start(self, sink):
        while True:
            sink.emit_frames(np.zeros((50, 64), np.int16))
    def on_stim(self, stim):
        pass

class OwnThread(InStart):
    def start(self, sink):
        threading.Thread(target=super().start, args=(sink,), daemon=True).start()

class Task(InStart):
    async def start(self, sink):
        while True:
            await sink.aemit_frames(np.zeros((50, 64), np.int16))

class Hanging(SimulatorDataSource):
    metadata = SimulatorDataSourceMetadata()
    def read(self, start, count):
        threading.Event().wait()

kind = globals()[sys.argv[1]]
limits = {} if kind is Hanging else {"max_buffer_frames": 100, "supports_accelerated": True}
set_simulator_data_source(lambda: kind(**limits))
opened = cl.open()
neurons = opened.__enter__()
if kind is Hanging:
    threading.Thread(target=neurons.read, args=(100,), daemon=True).start()
else:
    neurons.read(1000)
    neurons.stim(20, 1.0)
print("at the end", flush=True)
if sys.argv[2] == "raise":
    raise SystemExit(3)
"""


@pytest.mark.parametrize("how", ["end", "raise"])
@pytest.mark.parametrize("kind", ["InStart", "OwnThread", "Task", "Hanging"])
def test_an_interpreter_that_ends_with_a_device_open(kind: str, how: str, time: str) -> None:
    here = str(Path(cl.__file__).parents[1])
    command = [sys.executable, "-c", EXIT, kind, how]
    run = subprocess.run(command, capture_output=True, text=True, timeout=100, cwd=here)
    assert run.stdout == "at the end\n", run.stderr
    assert run.returncode == (3 if how == "raise" else 0), run.stderr
    if kind == "OwnThread":
        # Its thread is told, and heard out: what is cut off in the midst of that aborts the process.
        assert run.stderr.endswith("SinkClosedError: the sink is closed\n"), run.stderr


@pytest.mark.anyio
async def test_the_device_does_not_block_the_event_loop_of_a_silent_source(time: str) -> None:
    source = Silent()
    set_simulator_data_source(lambda: source)
    async with cl.aopen() as neurons, anyio.create_task_group() as group:
        read: list[Any] = []

        async def reader() -> None:
            read.append(await neurons.aread(100, 0))

        group.start_soon(reader)
        for _ in range(20):
            # Others run while the device waits for the source.
            await anyio.lowlevel.checkpoint()
        assert read == []
        await source.sink.aemit_frames(numbered(0, 300))
    assert (read[0] == numbered(0, 100)).all()
