"""Live sources through the public API (contract, section 8): data that come by themselves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from leak_tools import threads
from live_tools import KINDS, Blocks, InStart, Silent
from patience import unhurried
from source_tools import causes, events, numbered, works

import cl
from cl._wait import housekeeper
from cl.error import DeviceDisconnectedError
from cl.sim import (
    DataSourceError,
    LiveDataSink,
    LiveSimulatorDataSource,
    SimulatorDataSourceMetadata,
    SinkClosedError,
    set_simulator_data_source,
)
from cl.sim.user import live_source


@pytest.fixture(autouse=True)
def _no_source_stays() -> Iterator[None]:
    yield
    cl.sim.clear_simulator_data_source()


@pytest.fixture(params=["1", "0"], ids=["accelerated", "real time"])
def time(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", request.param)
    return str(request.param)


def expected_spikes(start: int, stop: int) -> list[tuple[int, int]]:
    blocks = range(0, stop, 40)
    return [(b + 7, b // 40 % 60) for b in blocks if start <= b + 7 < stop]


@pytest.mark.parametrize("kind", KINDS)
def test_a_loop_over_live_data(kind: type[Blocks], time: str) -> None:
    before = threads()
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
    assert threads() <= before


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


@pytest.mark.parametrize("placed", [False, True], ids=["by name", "by position"])
def test_metadata_are_handed_on_by_a_source(placed: bool, time: str) -> None:
    """As cl-sdk's documentation writes sources: the metadata come first, and are shown as the property."""
    metadata = SimulatorDataSourceMetadata(start_timestamp=1_000)

    class Handing(LiveSimulatorDataSource):
        def __init__(self) -> None:
            if placed:
                super().__init__(metadata, max_buffer_frames=200, supports_accelerated=True)
            else:
                super().__init__(metadata=metadata, max_buffer_frames=200, supports_accelerated=True)

        def start(self, sink: LiveDataSink) -> None:
            try:
                while True:
                    sink.emit_frames(numbered(sink.next_timestamp, 50))
            except SinkClosedError:
                pass

    source = Handing()
    assert source.metadata == metadata
    assert (source.current_read_timestamp, source.next_write_timestamp) == (1_000, 1_000)
    set_simulator_data_source(lambda: source)
    with cl.open() as neurons:
        assert (neurons.read(500, 1_000) == numbered(1_000, 500)).all()
        assert source.current_read_timestamp >= 1_500
        assert source.next_write_timestamp >= source.current_read_timestamp
        assert (source.next_write_timestamp - 1_000) % 50 == 0


def test_a_source_that_only_inherits_takes_metadata_from_everywhere() -> None:
    class Plain(LiveSimulatorDataSource):
        def start(self, sink: LiveDataSink) -> None: ...

    assert Plain({"duration_frames": 50}).metadata == SimulatorDataSourceMetadata(
        duration_frames=50, seekable=False
    )
    with pytest.raises(TypeError, match="metadata is 5, it must be SimulatorDataSourceMetadata or a mapping"):
        Plain(5)  # type: ignore[arg-type]
    set_simulator_data_source(Plain, metadata={"start_timestamp": 70})
    with cl.open() as neurons:
        assert neurons._engine.start == 70


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


def test_what_is_there_is_given_though_others_wait_for_more(time: str) -> None:
    failures: list[BaseException] = []

    def want_more(neurons: cl.Neurons) -> None:
        try:
            neurons.read(10_000, 0)
        except DeviceDisconnectedError as error:
            failures.append(error)

    source = Silent(max_buffer_frames=200)
    set_simulator_data_source(lambda: source)
    with cl.open() as neurons:
        waiting = threading.Thread(target=want_more, args=(neurons,))
        waiting.start()
        reading = threading.Thread(target=neurons.read, args=(500, 0))
        reading.start()
        # Before any time passes: accelerated time that is on its way further is not called back.
        engine, pause = neurons._engine, threading.Event()
        while len(engine.time.waiting()) + len(engine._arrivals) < 2:
            pause.wait(0.001)
        for start in range(0, 500, 100):
            source.sink.emit_frames(numbered(start, 100))
        reading.join()
        assert (neurons.read(500, 0) == numbered(0, 500)).all()
    waiting.join()
    assert len(failures) == 1


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
def test_what_a_source_fails_with_is_told_after_its_data(
    kind: type[Blocks], time: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In real time a device that is brought up to the present fails with its source: nobody does that here.
    monkeypatch.setattr(housekeeper, "_WALL_PERIOD_S", 3_600)
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


def test_a_start_that_fails_is_an_error_of_opening(time: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_source, "_FIRST_SIGN", 60)

    class Shut(Blocks):
        def start(self, sink: LiveDataSink) -> None:
            raise OSError("no such device")

    source = Shut()
    set_simulator_data_source(lambda: source)
    with pytest.raises(DataSourceError, match="start: it raised OSError: no such device"), cl.open():
        pass
    assert source.calls[-1] == "close"
    works()


@pytest.mark.parametrize("reactive", [False, True])
def test_a_silent_source_times_out(reactive: bool, time: str) -> None:
    set_simulator_data_source(
        lambda: Silent(read_timeout_seconds=0.05),
        metadata=SimulatorDataSourceMetadata(seekable=False, reactive=reactive),
    )
    text = r"data source '.*', frames 0 to \d+: its frames came up to 0 only, waited for 0.05 s"
    with unhurried(), cl.open() as neurons, pytest.raises(DeviceDisconnectedError, match=text):
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
