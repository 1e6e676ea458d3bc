"""The bounded buffer of live sources: order, back-pressure, late spikes, ends, and many threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interrupting import Calling, Interruption, moments
from numpy.typing import NDArray

from cl._core.reentry_lock import ReentryLock
from cl.sim import DataSourceBatch, DataSourceSpike, LiveDataSink, SinkClosedError
from cl.sim.user.checks import Fault


def counted(start: int, count: int) -> NDArray[np.int16]:
    return np.repeat((np.arange(start, start + count) % 30_000).astype(np.int16)[:, None], 64, axis=1)


@contextmanager
def threads(count: int = 1) -> Iterator[Callable[..., Future[None]]]:
    with ThreadPoolExecutor(count) as pool:
        yield pool.submit


class Waiting(threading.Condition):
    """Tells when somebody has begun to wait for room."""

    def __init__(self, lock: ReentryLock) -> None:
        super().__init__(lock)
        self.begun = threading.Semaphore(0)

    def wait(self, timeout: float | None = None) -> bool:
        self.begun.release()
        return super().wait(timeout)


def watched(**arguments: int) -> tuple[LiveDataSink, threading.Semaphore]:
    sink = LiveDataSink(**arguments)
    waiting = Waiting(sink._lock)
    sink._room = waiting
    return sink, waiting.begun


def test_frames_and_spikes_come_out_as_they_went_in() -> None:
    sink = LiveDataSink(start_timestamp=100)
    assert (sink.read_timestamp, sink.next_timestamp) == (100, 100)
    wave = np.arange(75, dtype=np.float32)
    sink.emit_batch(
        DataSourceBatch(counted(100, 10), [DataSourceSpike(105, 3, wave, 2.5), DataSourceSpike(101, 9)])
    )
    sink.emit_frames(counted(110, 20))
    sink.emit_spikes([DataSourceSpike(129, 1), DataSourceSpike(105, 2)])
    assert (sink.read_timestamp, sink.next_timestamp) == (100, 130)
    frames, timestamps, channels, waveforms = sink.read(100, 115, 0)
    assert (frames == counted(100, 15)).all()
    assert (timestamps, channels) == ([101, 105, 105], [9, 2, 3])
    assert waveforms[:2] == [None, None]
    assert waveforms[2] is not None
    assert waveforms[2][1] == 2.5
    assert sink.read_timestamp == 115
    frames, timestamps, channels, _ = sink.read(115, 130, 0)
    assert (frames == counted(115, 15)).all()
    assert (timestamps, channels) == ([129], [1])
    assert sink.dropped_spikes == 0


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(0, 70), min_size=1, max_size=12),
    st.lists(st.integers(1, 90), min_size=1, max_size=12),
    st.integers(1, 40),
    st.lists(st.integers(0, 400), max_size=30),
)
def test_any_pieces_in_any_pieces_out(
    emitted: list[int], asked: list[int], limit: int, marks: list[int]
) -> None:
    total = min(sum(emitted), sum(asked))
    sink = LiveDataSink(0, limit)
    spikes = [DataSourceSpike(mark, number % 64) for number, mark in enumerate(marks) if mark < total]

    def emit() -> None:
        for start, stop in pairwise(accumulate(emitted, initial=0)):
            mine = [spike for spike in spikes if start <= spike.timestamp < stop]
            sink.emit_batch(DataSourceBatch(counted(start, stop - start), mine))

    with threads() as begin:
        emitting = begin(emit)
        got: list[tuple[int, int]] = []
        for start, stop in pairwise(accumulate(asked, initial=0)):
            if stop > total:
                break
            frames, timestamps, channels, _ = sink.read(start, stop, 30)
            assert (frames == counted(start, stop - start)).all()
            assert all(start <= t < stop for t in timestamps)
            got += zip(timestamps, channels, strict=True)
        sink.drain()
        emitting.result()
    assert got == sorted((s.timestamp, s.channel) for s in spikes if s.timestamp < sink.read_timestamp)
    assert sink.dropped_spikes == 0


def test_the_producer_may_use_its_array_again() -> None:
    sink = LiveDataSink()
    shared = counted(0, 10)
    sink.emit_frames(shared)
    shared[:] = -1
    assert (sink.read(0, 10, 0)[0] == counted(0, 10)).all()


def test_emitting_waits_while_the_buffer_is_full() -> None:
    sink, begun = watched(max_buffer_frames=100)
    sink.emit_frames(counted(0, 60))
    with threads() as begin:
        emitting = begin(sink.emit_frames, counted(60, 100))
        begun.acquire()
        assert (sink.next_timestamp, emitting.done()) == (100, False)
        assert (sink.read(0, 50, 0)[0] == counted(0, 50)).all()
        begun.acquire()
        assert (sink.next_timestamp, emitting.done()) == (150, False)
        sink.read(50, 60, 0)
        emitting.result()
    assert sink.next_timestamp == 160
    assert (sink.read(60, 160, 0)[0] == counted(60, 100)).all()


def test_a_window_larger_than_the_buffer() -> None:
    sink = LiveDataSink(max_buffer_frames=10)
    spikes = [DataSourceSpike(t, 1) for t in range(0, 95, 7)]
    with threads() as begin:
        emitting = begin(sink.emit_batch, DataSourceBatch(counted(0, 95), spikes))
        frames, timestamps, _, _ = sink.read(0, 95, 30)
        emitting.result()
    assert (frames == counted(0, 95)).all()
    assert timestamps == list(range(0, 95, 7))


def test_spikes_beyond_the_buffer_wait_for_the_device() -> None:
    sink, begun = watched(max_buffer_frames=100)
    sink.emit_frames(counted(0, 100))
    with threads() as begin:
        emitting = begin(sink.emit_spikes, [DataSourceSpike(10, 1), DataSourceSpike(100, 2)])
        begun.acquire()
        assert sink.read(0, 1, 0)[1] == []
        emitting.result()
    assert sink.read(1, 100, 0)[1] == [10]


def test_spikes_go_past_an_emission_that_waits() -> None:
    # A source answers a stim while its frames are ahead of the device as far as they may.
    sink, begun = watched(max_buffer_frames=100)
    with threads() as begin:
        emitting = begin(sink.emit_frames, counted(0, 150))
        begun.acquire()
        sink.emit_spikes([DataSourceSpike(5, 7)])
        assert sink.read(0, 50, 0)[1:3] == ([5], [7])
        emitting.result()


def test_late_spikes_are_dropped_and_counted() -> None:
    sink = LiveDataSink()
    sink.emit_frames(counted(0, 100))
    sink.read(0, 50, 0)
    sink.emit_spikes([DataSourceSpike(49, 1), DataSourceSpike(50, 2), DataSourceSpike(3, 3)])
    sink.emit_batch(DataSourceBatch(counted(100, 10), [DataSourceSpike(0, 4), DataSourceSpike(105, 5)]))
    assert sink.dropped_spikes == 3
    assert sink.read(50, 110, 0)[1:3] == ([50, 105], [2, 5])


def test_spikes_wait_for_their_frames() -> None:
    sink = LiveDataSink(realtime=False)
    sink.emit_spikes([DataSourceSpike(5, 1)])
    with pytest.raises(Fault, match=r"its frames came up to 0 only, waited for 0\.01 s"):
        sink.read(0, 10, 0.01)
    sink.emit_frames(counted(0, 10))
    assert sink.read(0, 10, 0)[1] == [5]


def test_in_real_time_a_source_may_give_spikes_only() -> None:
    sink = LiveDataSink()
    sink.emit_batch(DataSourceBatch(spikes=[DataSourceSpike(5, 1)]))
    frames, timestamps, _, _ = sink.read(0, 10, 5)
    assert not frames.any()
    assert timestamps == [5]
    assert sink.read(10, 60_000, 0)[1] == []
    assert sink.next_timestamp == sink.read_timestamp == 60_000
    # Frames that come after all are put where the device is, and waited for from then on.
    sink.emit_frames(counted(60_000, 10))
    assert (sink.read(60_000, 60_010, 0)[0] == counted(60_000, 10)).all()
    with pytest.raises(Fault, match="60010"):
        sink.read(60_010, 60_020, 0.01)


def test_a_silent_source_times_out() -> None:
    with pytest.raises(Fault, match=r"its frames came up to 0 only, waited for 0\.01 s"):
        LiveDataSink().read(0, 10, 0.01)


def test_what_is_there_is_told_of() -> None:
    sink = LiveDataSink(max_buffer_frames=100)
    assert sink.await_frames(10, 50, 0, None) == 0
    sink.emit_frames(counted(0, 30))
    assert sink.await_frames(10, 50, None, None) == 30
    assert sink.await_frames(10, 20, None, None) == 20
    assert sink.await_frames(40, 50, 0, None) == 30
    with threads() as begin:
        waiting = begin(sink.await_frames, 40, 50, None, None)
        sink.emit_frames(counted(30, 15))
        assert waiting.result() == 45
        sink.poke()
        assert sink.await_frames(60, 70, None, None) == 45
        waiting = begin(sink.await_frames, 60, 70, None, None)
        sink.close()
        # Up to the end: there `read` does not wait, either.
        assert waiting.result() == 70


def test_a_silent_source_times_out_over_several_waits() -> None:
    sink = LiveDataSink()
    began = time.monotonic()
    with pytest.raises(Fault, match=r"its frames came up to 0 only, waited for 0\.05 s"):
        while True:
            sink.poke()
            assert sink.await_frames(10, 10, 0.001, 0.05) == 0
    assert time.monotonic() - began >= 0.05


def test_the_end_comes_after_what_is_in_the_buffer() -> None:
    sink = LiveDataSink()
    sink.emit_frames(counted(0, 30))
    sink.close()
    sink.close(ValueError("later"))
    assert sink.closed
    assert sink.error is None
    assert len(sink.read(0, 20, None)[0]) == 20
    rest, _, _, _ = sink.read(20, 40, None)
    assert (rest == counted(20, 10)).all()
    assert len(sink.read(30, 40, None)[0]) == 0


def test_the_end_within_a_window_larger_than_the_buffer() -> None:
    sink = LiveDataSink(max_buffer_frames=10)
    with threads() as begin:
        reading = begin(sink.read, 0, 100, None)
        sink.emit_batch(DataSourceBatch(counted(0, 37), [DataSourceSpike(2, 1), DataSourceSpike(36, 1)]))
        sink.close()
        frames, timestamps, _, _ = reading.result()
    assert (frames == counted(0, 37)).all()
    assert timestamps == [2, 36]


def test_spikes_alone_end_with_the_last_one() -> None:
    sink = LiveDataSink()
    sink.emit_spikes([DataSourceSpike(40, 8), DataSourceSpike(12, 3)])
    sink.close()
    frames, timestamps, _, _ = sink.read(0, 100, None)
    assert frames.shape == (41, 64)
    assert not frames.any()
    assert timestamps == [12, 40]
    assert len(sink.read(41, 100, None)[0]) == 0


def test_a_failure_is_remembered() -> None:
    sink = LiveDataSink()
    error = OSError("unplugged")
    sink.close(error)
    assert len(sink.read(0, 10, None)[0]) == 0
    assert sink.error is error
    with pytest.raises(SinkClosedError) as refused:
        sink.emit_frames(counted(0, 1))
    assert refused.value.__cause__ is error


@pytest.mark.parametrize(
    "emit",
    [
        lambda sink: sink.emit_frames(counted(0, 5)),
        lambda sink: sink.emit_spikes([DataSourceSpike(10, 1)]),
        lambda sink: sink.emit_batch(DataSourceBatch(counted(0, 5), [DataSourceSpike(2, 1)])),
    ],
)
def test_emitting_after_the_close_raises(emit: Callable[[LiveDataSink], None]) -> None:
    sink = LiveDataSink()
    sink.close()
    with pytest.raises(SinkClosedError, match="the sink is closed"):
        emit(sink)
    assert issubclass(SinkClosedError, RuntimeError)


def test_closing_in_mid_emission() -> None:
    sink, begun = watched(max_buffer_frames=10)
    with threads(3) as begin:
        emitting = [
            begin(sink.emit_frames, counted(0, 50)),
            begin(sink.emit_frames, counted(0, 50)),
            begin(sink.emit_spikes, [DataSourceSpike(500, 1)]),
        ]
        begun.acquire()
        begun.acquire()
        sink.close()
        for emission in emitting:
            with pytest.raises(SinkClosedError):
                emission.result()


def test_draining_lets_emissions_return() -> None:
    sink, begun = watched(max_buffer_frames=10)
    with threads() as begin:
        emitting = begin(sink.emit_frames, counted(0, 50))
        begun.acquire()
        sink.drain()
        emitting.result()
    sink.emit_frames(counted(0, 1_000))
    sink.emit_spikes([DataSourceSpike(10**9, 1)])
    sink.close()
    with pytest.raises(SinkClosedError):
        sink.emit_frames(counted(0, 1))


def test_closing_wakes_the_device() -> None:
    sink = LiveDataSink()
    with threads() as begin:
        reading = begin(sink.read, 0, 10, None)
        sink.emit_frames(counted(0, 5))
        sink.close()
        assert len(reading.result()[0]) == 5


@pytest.mark.parametrize(
    ("emit", "error", "message"),
    [
        (lambda s: s.emit_frames([[0] * 64]), TypeError, "the frames are list"),
        (lambda s: s.emit_frames(np.zeros((5, 64))), TypeError, "the frames are float64, not int16"),
        (lambda s: s.emit_frames(np.zeros((5, 63), np.int16)), ValueError, r"the shape \(5, 63\)"),
        (lambda s: s.emit_spikes(5), TypeError, "the spikes are int"),
        (lambda s: s.emit_spikes([(5, 3)]), TypeError, "there is tuple"),
        (lambda s: s.emit_batch(DataSourceBatch(counted(0, 5), [None])), TypeError, "there is None"),  # type: ignore[list-item]
        (lambda s: s.emit_batch(None), TypeError, "batch is NoneType, it must be a DataSourceBatch"),  # type: ignore[arg-type]
        (lambda s: s.emit_batch(counted(0, 5)), TypeError, "batch is ndarray"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_emitted(
    emit: Callable[[LiveDataSink], None], error: type[Exception], message: str
) -> None:
    sink = LiveDataSink()
    with pytest.raises(error, match=message):
        emit(sink)
    assert sink.next_timestamp == 0


@pytest.mark.parametrize("error", ["lost", ConnectionError, 5])
def test_a_failure_must_be_an_exception(error: Any) -> None:
    sink = LiveDataSink()
    with pytest.raises(TypeError, match="it must be an exception"):
        sink.close(error)
    assert not sink.closed


def test_what_the_device_waits_for_does_not_wait_for_the_device() -> None:
    sink, begun = watched(max_buffer_frames=10)
    with threads() as begin:
        emitting = begin(sink.emit_frames, counted(0, 20))
        begun.acquire()
        with pytest.raises(BufferError, match="the device waits for this very call"):
            sink.called_by_device(lambda: sink.emit_frames(counted(0, 1)))
        # Spikes may be of any time.
        spikes = [DataSourceSpike(time, 1) for time in (9, 10, 19)]
        sink.called_by_device(lambda: sink.emit_spikes(spikes))
        assert sink.read(0, 10, 0)[1] == [9]
        emitting.result()
        assert sink.read(10, 20, 0)[1] == [10, 19]


def test_many_producers_and_a_slow_consumer() -> None:
    sink = LiveDataSink(max_buffer_frames=40)
    producers, each = 8, 20
    values = threading.Lock()
    sent: list[int] = []

    def emit(number: int) -> None:
        rng = np.random.default_rng(number)
        for turn in range(each):
            frames = np.full((int(rng.integers(1, 90)), 64), number * each + turn, np.int16)
            with values:
                sent.append(len(frames))
            sink.emit_batch(DataSourceBatch(frames))
            sink.emit_spikes([DataSourceSpike(sink.read_timestamp + 5, number)])

    spikes = 0
    parts: list[NDArray[np.int16]] = []
    with threads(producers) as begin:
        emitting = [begin(emit, number) for number in range(producers)]
        while not all(emission.done() for emission in emitting):
            assert sink.next_timestamp - sink.read_timestamp <= 40
            if (ready := min(sink.next_timestamp - sink.read_timestamp, 7)) > 0:
                at = sink.read_timestamp
                frames, timestamps, _, _ = sink.read(at, at + ready, 30)
                parts.append(frames)
                spikes += len(timestamps)
        for emission in emitting:
            emission.result()
    if (left := sink.next_timestamp - sink.read_timestamp) > 0:
        frames, timestamps, _, _ = sink.read(sink.read_timestamp, sink.next_timestamp, 0)
        parts.append(frames)
        spikes += len(timestamps)
        assert left <= 40
    column = np.concatenate(parts)[:, 0]
    assert len(column) == sum(sent)
    # Every emission is there once and in one piece, and each producer's are in its own order.
    edges = np.flatnonzero(np.diff(column)) + 1
    runs = [int(run[0]) for run in np.split(column, edges)]
    assert sorted(runs) == list(range(producers * each))
    for number in range(producers):
        mine = [run for run in runs if run // each == number]
        assert mine == sorted(mine)
    assert spikes + sink.dropped_spikes + sink._buffer.unread_spikes == producers * each


@pytest.mark.anyio
async def test_async_emissions_do_not_block_the_loop() -> None:
    import anyio

    sink, begun = watched(max_buffer_frames=10)
    async with anyio.create_task_group() as group:
        group.start_soon(sink.aemit_batch, DataSourceBatch(counted(0, 25), [DataSourceSpike(20, 2)]))
        await anyio.to_thread.run_sync(begun.acquire)
        frames, timestamps, _, _ = await anyio.to_thread.run_sync(sink.read, 0, 25, 30)
        assert (frames == counted(0, 25)).all()
        assert timestamps == [20]
    await sink.aemit_frames(counted(25, 5))
    await sink.aemit_spikes([DataSourceSpike(26, 1)])
    assert sink.read(25, 30, 0)[1] == [26]


@pytest.mark.anyio
async def test_a_cancelled_emission_is_let_go() -> None:
    import anyio

    sink, begun = watched(max_buffer_frames=10)
    async with anyio.create_task_group() as group:
        group.start_soon(sink.aemit_frames, counted(0, 25))
        await anyio.to_thread.run_sync(begun.acquire)
        group.cancel_scope.cancel()
    sink.drain()


def emissions(sink: LiveDataSink) -> None:
    sink.emit_batch(DataSourceBatch(counted(0, 10), [DataSourceSpike(sink.next_timestamp + 3, 9)]))
    sink.called_by_device(lambda: sink.emit_frames(counted(0, 5)))
    sink._emit_at_once(counted(0, 5), [])


def test_an_emission_that_is_interrupted_keeps_no_other_waiting() -> None:
    below = "sim/user/live_sink.py"
    looked = Interruption(below=below)
    with looked.watching():
        emissions(LiveDataSink(0, 100))
    for moment in moments(looked.count, 300):
        sink, interruption = LiveDataSink(0, 100), Interruption(moment, below)
        with interruption.watching():
            emissions(sink)
        before = sink.next_timestamp
        thread = threading.Thread(target=sink.emit_frames, args=(counted(0, 7),), daemon=True)
        thread.start()
        thread.join(10)
        assert not thread.is_alive(), interruption.place
        assert sink.next_timestamp == before + 7


def test_an_emission_in_the_midst_of_another_in_its_thread_is_refused_or_served() -> None:
    below = "sim/user/live_sink.py"
    looked = Interruption(below=below)
    with looked.watching():
        emissions(LiveDataSink(0, 100))
    refused = 0
    for moment in moments(looked.count, 300):
        sink = LiveDataSink(0, 100)

        def emit(sink: LiveDataSink = sink) -> bool:
            try:
                sink.emit_frames(counted(0, 7))
                sink.emit_spikes([DataSourceSpike(sink.next_timestamp, 8)])
            except RuntimeError as error:
                return "set a flag" not in str(error)
            return True

        calling = Calling(moment, emit, below)
        with calling.watching():
            emissions(sink)
        assert sink.next_timestamp == 20 + 7 * (calling.result is True)
        refused += calling.result is False
    assert 10 < refused < looked.count
