"""Live sources behind their adapter: starting, reading, answering stims, failing, ending."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from leak_tools import threads
from patience import unhurried

from cl._stim.sequencer import Pulse
from cl.sim import (
    DataSourceBatch,
    DataSourceError,
    DataSourceSpike,
    DataSourceStim,
    LiveDataSink,
    LiveSimulatorDataSource,
    SimulatorDataSourceMetadata,
    SinkClosedError,
)
from cl.sim.user import live_source
from cl.sim.user.live_source import LiveSource
from cl.stim import StimDesign

SILENCE = np.zeros((50, 64), np.int16)


def adapted(source: LiveSimulatorDataSource, realtime: bool = True) -> LiveSource:
    return LiveSource(source, "'tests:live'", source.metadata, realtime)


class Threaded(LiveSimulatorDataSource):
    """Emits blocks of frames with a spike each from a thread of its own, until it is stopped."""

    def __init__(self, **limits: Any) -> None:
        super().__init__(**limits)
        self.stopping = threading.Event()
        self.calls: list[str] = []
        self.thread: threading.Thread | None = None

    def open(self) -> None:
        self.calls.append("open")

    def start(self, sink: LiveDataSink) -> None:
        self.calls.append("start")
        self.sink = sink
        self.thread = threading.Thread(target=self.run, args=(sink,))
        self.thread.start()

    def run(self, sink: LiveDataSink) -> None:
        while not self.stopping.is_set():
            sink.emit_batch(DataSourceBatch(SILENCE, [DataSourceSpike(sink.next_timestamp + 7, 3)]))

    def stop(self) -> None:
        self.calls.append("stop")
        self.stopping.set()
        assert self.thread is not None
        self.thread.join()

    def close(self) -> None:
        self.calls.append("close")


def test_a_thread_of_the_sources_own() -> None:
    before = threads()
    source = Threaded(max_buffer_frames=100)
    adapter = adapted(source)
    assert adapter.blocking
    assert not adapter.reactive
    assert not adapter.supports_accelerated
    adapter.open()
    for start in range(0, 5_000, 125):
        frames, timestamps, channels, _ = adapter.read(start, start + 125)
        assert frames.shape == (125, 64)
        assert timestamps == [t for t in range(start, start + 125) if t % 50 == 7]
        assert set(channels) == {3}
    assert adapter.available >= 5_000
    adapter.close()
    adapter.close()
    assert source.calls == ["open", "start", "stop", "close"]
    assert threads() <= before
    with pytest.raises(SinkClosedError):
        source.sink.emit_frames(SILENCE)


def test_closing_at_once_and_with_a_full_buffer() -> None:
    for _ in range(20):
        source = Threaded(max_buffer_frames=60)
        adapter = adapted(source)
        adapter.open()
        adapter.close()
        assert source.calls == ["open", "start", "stop", "close"]


def test_a_start_that_emits_itself_until_the_end() -> None:
    class Blocking(LiveSimulatorDataSource):
        def start(self, sink: LiveDataSink) -> None:
            while True:
                sink.emit_frames(SILENCE)

    before = threads()
    adapter = adapted(Blocking(max_buffer_frames=100))
    adapter.open()
    assert len(adapter.read(0, 1_000)[0]) == 1_000
    adapter.close()
    assert threads() <= before


class Task(LiveSimulatorDataSource):
    """Emits from an asyncio task; cancelled at the close."""

    def __init__(self, blocks: int | None = None, **limits: Any) -> None:
        super().__init__(**limits)
        self.blocks = blocks
        self.ended = ""

    async def start(self, sink: LiveDataSink) -> None:
        try:
            block = 0
            while self.blocks is None or block < self.blocks:
                spikes = [DataSourceSpike(sink.next_timestamp + 7, 3)]
                await sink.aemit_batch(DataSourceBatch(SILENCE, spikes))
                await asyncio.sleep(0)
                block += 1
            self.ended = "returned"
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise


def test_an_async_start() -> None:
    before = threads()
    source = Task(max_buffer_frames=200)
    adapter = adapted(source)
    adapter.open()
    for start in range(0, 2_000, 80):
        assert adapter.read(start, start + 80)[1] == [t for t in range(start, start + 80) if t % 50 == 7]
    adapter.close()
    assert source.ended == "cancelled"
    assert threads() <= before


def test_an_async_start_that_returns_has_ended_the_source() -> None:
    adapter = adapted(Task(4))
    adapter.open()
    assert len(adapter.read(0, 200)[0]) == 200
    with pytest.raises(
        DataSourceError, match="data source 'tests:live', frames 200 to 225: it has ended at frame 200"
    ):
        adapter.read(200, 225)
    assert adapter.end_timestamp == 200
    adapter.close()


def test_an_async_start_that_fails_later() -> None:
    class Failing(Task):
        async def start(self, sink: LiveDataSink) -> None:
            await super().start(sink)
            raise ConnectionError("lost")

    adapter = adapted(Failing(2))
    adapter.open()
    adapter.read(0, 100)
    with pytest.raises(DataSourceError, match="frames 100 to 125: it raised ConnectionError: lost") as caught:
        adapter.read(100, 125)
    assert isinstance(caught.value.__cause__, ConnectionError)
    adapter.close()


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_start_that_yields_is_an_error_of_opening(asynchronous: bool) -> None:
    class Yielding(LiveSimulatorDataSource):
        def start(self, sink: LiveDataSink) -> Any:
            return self.later() if asynchronous else iter(number for number in range(3))

        async def later(self) -> Any:
            yield

    adapter = adapted(Yielding())
    with pytest.raises(DataSourceError, match="start: it raised TypeError: it returned (async_)?generator"):
        adapter.open()


def test_what_else_a_start_returns_is_nobodys_business() -> None:
    class Returning(Threaded):
        def start(self, sink: LiveDataSink) -> Any:
            super().start(sink)
            return self.thread

    adapter = adapted(Returning())
    adapter.open()
    assert len(adapter.read(0, 100)[0]) == 100
    adapter.close()


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_start_that_fails_is_an_error_of_opening(
    asynchronous: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_source, "_FIRST_SIGN", 60)

    class Failing(LiveSimulatorDataSource):
        closed = False

        def start(self, sink: LiveDataSink) -> Any:
            if asynchronous:
                return self.later()
            raise OSError("no such device")

        async def later(self) -> None:
            raise OSError("no such device")

        def close(self) -> None:
            self.closed = True

    before = threads()
    source = Failing()
    with pytest.raises(
        DataSourceError, match="data source 'tests:live', start: it raised OSError: no such"
    ) as caught:
        adapted(source).open()
    assert isinstance(caught.value.__cause__, OSError)
    assert source.closed
    assert threads() <= before


def test_an_open_that_fails() -> None:
    class Failing(Threaded):
        def open(self) -> None:
            raise OSError("busy")

    before = threads()
    source = Failing()
    with pytest.raises(DataSourceError, match="open: it raised OSError: busy"):
        adapted(source).open()
    assert source.calls == []
    assert threads() <= before


def test_a_producer_that_closes_its_sink_with_an_error() -> None:
    class Unplugged(LiveSimulatorDataSource):
        def start(self, sink: LiveDataSink) -> None:
            sink.emit_frames(SILENCE)
            sink.close(OSError("unplugged"))

    adapter = adapted(Unplugged())
    adapter.open()
    adapter.read(0, 50)
    with pytest.raises(DataSourceError, match="frames 50 to 75: it raised OSError: unplugged"):
        adapter.read(50, 75)
    adapter.close()


class Silent(LiveSimulatorDataSource):
    """Emits nothing but what it is told to."""

    def start(self, sink: LiveDataSink) -> None:
        self.sink = sink


def test_a_silent_source_times_out() -> None:
    adapter = adapted(Silent(read_timeout_seconds=0.01))
    with unhurried():
        adapter.open()
        with pytest.raises(
            DataSourceError, match=r"frames 0 to 25: its frames came up to 0 only, waited for 0\.01 s"
        ):
            adapter.read(0, 25)
        adapter.close()


def test_spikes_alone() -> None:
    class Packets(LiveSimulatorDataSource):
        def start(self, sink: LiveDataSink) -> None:
            sink.emit_spikes([DataSourceSpike(40, 8)])

    adapter = adapted(Packets())
    adapter.open()
    frames, timestamps, channels, _ = adapter.read(0, 50)
    assert not frames.any()
    assert (timestamps, channels) == ([40], [8])
    assert adapter.read(50, 5_000)[1] == []
    adapter.close()


def test_a_bounded_live_source_ends() -> None:
    class Bounded(Threaded):
        metadata = SimulatorDataSourceMetadata(start_timestamp=10, duration_frames=100)  # type: ignore[assignment]

    adapter = adapted(Bounded())
    assert adapter.end_timestamp == 110
    adapter.open()
    adapter.read(10, 110)
    with pytest.raises(DataSourceError, match="frames 110 to 120: it has ended at frame 110"):
        adapter.read(110, 120)
    adapter.close()


class Answering(Silent):
    """Answers each stim with a spike one frame later, on the next channel."""

    def __init__(self, **limits: Any) -> None:
        super().__init__(**limits)
        self.heard: list[DataSourceStim] = []

    def on_stim(self, stim: DataSourceStim) -> None:
        self.heard.append(stim)
        self.sink.emit_spikes(
            [DataSourceSpike(max(stim.timestamp + 1, self.sink.read_timestamp), stim.channel + 1)]
        )


def test_a_source_that_answers_stims() -> None:
    source = Answering(max_buffer_frames=100)
    adapter = adapted(source)
    adapter.open()
    assert adapter.reactive
    source.sink.emit_frames(np.zeros((100, 64), np.int16))
    adapter.read(0, 20)
    adapter.on_stims([Pulse(40, 8, StimDesign(160, -1.0), 38), Pulse(40, 20, StimDesign(160, -1.0), 40)])
    assert adapter.read(20, 40)[1:3] == ([21, 21], [9, 21])
    assert [(s.timestamp, s.channel, s.intended_timestamp) for s in source.heard] == [
        (20, 8, 19),
        (20, 20, 20),
    ]
    adapter.close()


def test_an_answer_that_would_wait_for_the_device() -> None:
    class Flooding(Answering):
        def on_stim(self, stim: DataSourceStim) -> None:
            self.sink.emit_frames(SILENCE)

    source = Flooding(max_buffer_frames=40)
    adapter = adapted(source)
    adapter.open()
    with pytest.raises(DataSourceError, match=r"stims at 0: it raised BufferError: the buffer is full"):
        adapter.on_stims([Pulse(0, 8, StimDesign(160, -1.0), 0)])
    adapter.close()


def until_refused(sink: LiveDataSink) -> None:
    with pytest.raises(SinkClosedError):
        while True:
            sink.emit_frames(SILENCE)


def until_closed(sink: LiveDataSink) -> None:
    while not sink.closed:
        try:
            sink.emit_frames(SILENCE)
        except SinkClosedError:
            return


def of_spikes(sink: LiveDataSink) -> None:
    with pytest.raises(SinkClosedError):
        while True:
            sink.emit_spikes([DataSourceSpike(10**9, 3)])


@pytest.mark.parametrize("in_start", [False, True])
@pytest.mark.parametrize("emit", [until_refused, until_closed, of_spikes])
def test_a_stop_that_waits_for_what_emits_until_it_is_refused(
    emit: Callable[[LiveDataSink], None], in_start: bool
) -> None:
    """As sources for cl-sdk do, where the sink is closed before `stop` is called."""

    class Joining(LiveSimulatorDataSource):
        def start(self, sink: LiveDataSink) -> None:
            self.ended = threading.Event()
            if in_start:
                self.run(sink)
            else:
                threading.Thread(target=self.run, args=(sink,)).start()

        def run(self, sink: LiveDataSink) -> None:
            emit(sink)
            self.ended.set()

        def stop(self) -> None:
            self.ended.wait()

    before = threads()
    source = Joining(max_buffer_frames=60, read_timeout_seconds=20)
    adapter = adapted(source)
    adapter.open()
    adapter.close()
    assert source.ended.is_set()
    assert threads() <= before


def test_a_stop_that_raises_still_closes_everything() -> None:
    class Stubborn(Threaded):
        def stop(self) -> None:
            super().stop()
            raise RuntimeError("will not")

    before = threads()
    source = Stubborn()
    adapter = adapted(source)
    adapter.open()
    with pytest.raises(DataSourceError, match="stop: it raised RuntimeError: will not"):
        adapter.close()
    assert source.calls[-1] == "close"
    assert threads() <= before


def test_a_stop_that_hangs(caplog: pytest.LogCaptureFixture) -> None:
    hangs, go_on = threading.Event(), threading.Event()

    class Hanging(Silent):
        def stop(self) -> None:
            hangs.set()
            go_on.wait()

    before = threads()
    adapter = adapted(Hanging(read_timeout_seconds=0.01))
    with (
        unhurried(hangs.is_set),
        caplog.at_level(logging.WARNING, "cl"),
        pytest.raises(DataSourceError, match="stop: no answer within"),
    ):
        adapter.open()
        adapter.close()
    assert "hung and was left behind; its close: done" in caplog.text
    go_on.set()
    for thread in threads() - before:
        thread.join()


def test_a_reader_that_waits_is_woken_by_the_close() -> None:
    adapter = adapted(Silent())
    adapter.open()
    fault: list[BaseException] = []

    def read() -> None:
        try:
            adapter.read(0, 25)
        except DataSourceError as error:
            fault.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    adapter.close()
    reader.join()
    assert "it has ended at frame 0" in str(fault[0])


def test_accelerated_is_what_the_keyword_says() -> None:
    class Quick(Threaded):
        metadata = SimulatorDataSourceMetadata(supports_accelerated=True)  # type: ignore[assignment]

    assert not adapted(Quick()).supports_accelerated
    assert adapted(Quick(supports_accelerated=True)).supports_accelerated
