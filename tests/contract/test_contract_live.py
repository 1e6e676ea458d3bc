"""Live sources through the public API (contract, section 8): data that come by themselves."""

from __future__ import annotations

import asyncio
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
from source_tools import causes, events, hang, numbered, works

import cl
from cl.error import DeviceDisconnectedError
from cl.sim import (
    DataSourceBatch,
    DataSourceError,
    DataSourceSpike,
    DataSourceStim,
    LiveDataSink,
    LiveSimulatorDataSource,
    SimulatorDataSourceMetadata,
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


class Blocks(LiveSimulatorDataSource):
    """Emits numbered frames, 40 at a time, with a spike in each block, up to an end."""

    def __init__(self, end: int = 1 << 40, **limits: Any) -> None:
        super().__init__(**{"max_buffer_frames": 300, "supports_accelerated": True, **limits})
        self.end = end
        self.calls: list[str] = []
        self.refused: BaseException | None = None

    def open(self) -> None:
        self.calls.append("open")

    def stop(self) -> None:
        self.calls.append("stop")

    def close(self) -> None:
        self.calls.append("close")

    def block(self, sink: LiveDataSink) -> DataSourceBatch:
        start = sink.next_timestamp
        return DataSourceBatch(
            numbered(start, min(40, self.end - start)), [DataSourceSpike(start + 7, start // 40 % 60)]
        )

    def emit_all(self, sink: LiveDataSink) -> None:
        try:
            while sink.next_timestamp < self.end:
                sink.emit_batch(self.block(sink))
        except SinkClosedError as error:
            self.refused = error
            return
        sink.close()


class InStart(Blocks):
    """Emits in `start` itself."""

    def start(self, sink: LiveDataSink) -> None:
        self.emit_all(sink)


class OwnThread(Blocks):
    """Emits from a thread of its own."""

    def start(self, sink: LiveDataSink) -> None:
        self.thread = threading.Thread(target=self.emit_all, args=(sink,))
        self.thread.start()

    def close(self) -> None:
        # Its emissions have been refused by now.
        super().close()
        self.thread.join()


class Task(Blocks):
    """Emits from an asyncio task."""

    async def start(self, sink: LiveDataSink) -> None:
        while sink.next_timestamp < self.end:
            await sink.aemit_batch(self.block(sink))


def left_since(before: set[threading.Thread]) -> list[threading.Thread]:
    """Return the threads that were left behind; those of anyio's pool end by themselves, a moment later."""
    return [t for t in threading.enumerate() if t not in before and not t.name.startswith("AnyIO worker")]


KINDS: list[type[Blocks]] = [InStart, OwnThread, Task]


def expected_spikes(start: int, stop: int) -> list[tuple[int, int]]:
    blocks = range(0, stop, 40)
    return [(b + 7, b // 40 % 60) for b in blocks if start <= b + 7 < stop]


@pytest.mark.parametrize("kind", KINDS)
def test_a_loop_over_live_data(kind: type[Blocks], time: str) -> None:
    before = set(threading.enumerate())
    source = kind()
    set_simulator_data_source(lambda: source)
    with cl.open() as neurons:
        spikes = []
        loop = neurons.loop(500, stop_after_ticks=40)
        for tick in loop:
            stop = tick.iteration_timestamp
            assert (tick.frames == numbered(stop - 50, 50)).all()
            spikes += events(tick.analysis.spikes)
        assert spikes == expected_spikes(loop.start_timestamp, stop)
    assert source.calls == ["open", "stop", "close"]
    assert left_since(before) == []


@pytest.mark.anyio
@pytest.mark.parametrize("kind", KINDS)
async def test_an_async_loop_over_live_data(kind: type[Blocks], time: str) -> None:
    source = kind()
    set_simulator_data_source(lambda: source)
    async with cl.aopen() as neurons:
        loop = neurons.aloop(500, stop_after_ticks=20)
        spikes = []
        async for tick in loop:
            stop = tick.iteration_timestamp
            assert (tick.frames == numbered(stop - 50, 50)).all()
            spikes += events(tick.analysis.spikes)
        assert spikes == expected_spikes(loop.start_timestamp, stop)
        frames = await neurons.aread(1_000, loop.start_timestamp)
        assert (frames == numbered(loop.start_timestamp, 1_000)).all()
    assert source.calls == ["open", "stop", "close"]


def test_a_source_runs_in_a_task_of_the_program_itself() -> None:
    # The program's own event loop feeds the device that it reads.
    class Handed(LiveSimulatorDataSource):
        sink: LiveDataSink

        def start(self, sink: LiveDataSink) -> None:
            self.sink = sink

    async def feed(sink: LiveDataSink) -> None:
        for start in range(0, 1_000_000, 50):
            await sink.aemit_frames(numbered(start, 50))

    async def main() -> None:
        source = Handed(max_buffer_frames=200)
        set_simulator_data_source(lambda: source)
        async with cl.aopen() as neurons:
            feeding = asyncio.create_task(feed(source.sink))
            assert (await neurons.aread(2_000, 0) == numbered(0, 2_000)).all()
            feeding.cancel()
            with pytest.raises(asyncio.CancelledError):
                await feeding

    asyncio.run(main())


@pytest.mark.usefixtures("accelerated")
@pytest.mark.parametrize(
    ("limits", "metadata"),
    [({"supports_accelerated": False}, {}), ({}, {"realtime_only": True})],
)
def test_what_cannot_be_accelerated_says_so(limits: dict[str, Any], metadata: dict[str, Any]) -> None:
    set_simulator_data_source(lambda: InStart(**limits), metadata=metadata)
    with pytest.raises(ValueError, match="does not support accelerated time"), cl.open():
        pass
    works()


# -- ends ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", [100, 1_000])
def test_everything_before_the_end_is_given(kind: type[Blocks], rate: int, time: str) -> None:
    set_simulator_data_source(lambda: kind(2_030))
    period = 25_000 // rate
    stop = 0
    with cl.open() as neurons:
        recording = neurons.record()
        loop = neurons.loop(rate)
        with pytest.raises(DeviceDisconnectedError, match=r"simulator \(.*\) has ended at frame 2030"):
            for tick in loop:
                stop = tick.iteration_timestamp
                assert (tick.frames == numbered(stop - period, period)).all()
        start = loop.start_timestamp
    # In real time a machine that stands still for 80 ms may have come too late for all of it.
    assert stop == (start + (2_030 - start) // period * period if start + period <= 2_030 else 0)
    first = recording.start_timestamp
    if first < 2_030:
        with recording.open() as view:
            assert (view.samples[:] == numbered(first, 2_030 - first)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_in_real_time_a_source_that_has_ended_can_still_be_read(kind: type[Blocks]) -> None:
    set_simulator_data_source(lambda: kind(2_030))
    pause = threading.Event()
    with cl.open() as neurons:
        # Until the device has been brought up to the present, and found that there is no more.
        while neurons.timestamp() < 8_000:
            pause.wait(0.01)
        assert (neurons.read(2_030, 0) == numbered(0, 2_030)).all()
        with pytest.raises(DeviceDisconnectedError, match="has ended at frame 2030"):
            neurons.read(10, 2_030)


class Failing(Blocks):
    """Emits so many frames, and fails."""

    def start(self, sink: LiveDataSink) -> None:
        while sink.next_timestamp < self.end:
            sink.emit_batch(self.block(sink))
        self.fail()

    def fail(self) -> None:
        raise ConnectionError("lost")


class FailingTask(Failing):
    async def start(self, sink: LiveDataSink) -> None:  # type: ignore[override]
        while sink.next_timestamp < self.end:
            await sink.aemit_batch(self.block(sink))
        self.fail()


class Closing(Blocks):
    """Hands its own error to the sink."""

    def start(self, sink: LiveDataSink) -> None:
        while sink.next_timestamp < self.end:
            sink.emit_batch(self.block(sink))
        sink.close(ConnectionError("lost"))


@pytest.mark.parametrize("kind", [Failing, FailingTask, Closing])
def test_what_a_source_fails_with_is_told_after_its_data(kind: type[Blocks], time: str) -> None:
    set_simulator_data_source(lambda: kind(1_010))
    with cl.open() as neurons:
        assert (neurons.read(1_010, 0) == numbered(0, 1_010)).all()
        text = r"data source '.*', frames .*10.*: it raised ConnectionError: lost"
        with pytest.raises(DeviceDisconnectedError, match=text) as caught:
            neurons.read(20, 1_000)
        chain = causes(caught.value)
        assert isinstance(chain[-1], ConnectionError)
        assert sum(isinstance(error, DataSourceError) for error in chain) == 1
        if kind is not Closing:
            assert chain[-1].__traceback__ is not None
    works()


def test_a_start_that_fails_is_an_error_of_opening(time: str) -> None:
    class Shut(Blocks):
        def start(self, sink: LiveDataSink) -> None:
            raise OSError("no such device")

    source = Shut()
    set_simulator_data_source(lambda: source)
    with pytest.raises(DataSourceError, match="start: it raised OSError: no such device"), cl.open():
        pass
    assert source.calls[-1] == "close"
    works()


class Silent(Blocks):
    """Emits what it is told to."""

    sink: LiveDataSink

    def start(self, sink: LiveDataSink) -> None:
        self.sink = sink


@pytest.mark.parametrize("reactive", [False, True])
def test_a_silent_source_times_out(reactive: bool, time: str) -> None:
    set_simulator_data_source(
        lambda: Silent(read_timeout_seconds=0.05),
        metadata=SimulatorDataSourceMetadata(seekable=False, reactive=reactive),
    )
    text = r"data source '.*', frames 0 to \d+: its frames came up to 0 only, waited for 0.05 s"
    with cl.open() as neurons, pytest.raises(DeviceDisconnectedError, match=text):
        neurons.read(100)
    works()


def test_leaving_while_the_device_waits_for_a_silent_source(time: str) -> None:
    failures: list[BaseException] = []

    def wait(neurons: cl.Neurons) -> None:
        try:
            neurons.read(100)
        except DeviceDisconnectedError as error:
            failures.append(error)

    source = Silent()
    set_simulator_data_source(lambda: source)
    with cl.open() as neurons:
        waiting = threading.Thread(target=wait, args=(neurons,))
        waiting.start()
    waiting.join()
    assert len(failures) == 1
    assert source.calls == ["open", "stop", "close"]


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
    source = Hearing()
    set_simulator_data_source(lambda: source)
    with cl.open() as neurons:
        neurons.stim(20, 1.0, cl.BurstDesign(3, 200))
        for _ in range(3):
            assert source.told.acquire(timeout=60)
        first = source.stims[0].timestamp
        assert [stim.timestamp - first for stim in source.stims] == [0, 125, 250]
        source.sink.emit_frames(np.zeros((200, 64), np.int16))
        # It waits for frames now, and still hears of pulses, in their own time.
        reading = threading.Thread(target=neurons.read, args=(2_000, 0))
        reading.start()
        neurons.stim(21, 1.0)
        assert source.told.acquire(timeout=60)
        for _ in range(10):
            source.sink.emit_frames(np.zeros((200, 64), np.int16))
        reading.join()
        found = neurons.read(2_000, 0, analysis=True)
        assert (first, 20) in events(found.stims)
        assert (first, 20) in events(found.spikes)


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
        for tick in neurons.loop(1_000, stop_after_ticks=100):
            if tick.iteration % 10 == 0:
                neurons.stim(cl.ChannelSet(20, 30), 1.0)
            stims += events(tick.analysis.stims)
            spikes += [spike for spike in tick.analysis.spikes if spike.channel == 60]
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

        class Hanging(InStart):
            on_stim = staticmethod(hanging)  # type: ignore[assignment]

        set_simulator_data_source(lambda: Hanging(read_timeout_seconds=0.2))
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
                    sink.emit_batch(DataSourceBatch(np.full((size, 64), number * 1_000 + turn, np.int16)))
                    sink.emit_spikes([DataSourceSpike(sink.read_timestamp + 20, number)])
            except SinkClosedError:
                return

        def close(self) -> None:
            for thread in self.threads:
                thread.join()

    before = set(threading.enumerate())
    set_simulator_data_source(lambda: Crowd(max_buffer_frames=64))
    with cl.open() as neurons:
        column = neurons.read(5_000, 0)[:, 0]
    # Leaving was in the middle of their emissions; still nobody waits for ever.
    assert left_since(before) == []
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
    before = set(threading.enumerate())
    for _ in range(5):
        source = kind(max_buffer_frames=41)
        set_simulator_data_source(lambda: source)  # noqa: B023
        with cl.open():
            pass
        cl.sim.clear_simulator_data_source()
    assert left_since(before) == []


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
