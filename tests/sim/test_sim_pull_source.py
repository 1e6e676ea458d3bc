"""A user's source behind its adapter: every answer checked, every fault named."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from leak_tools import threads
from numpy.typing import NDArray
from patience import unhurried

from cl._stim.sequencer import Pulse
from cl.error import DeviceDisconnectedError
from cl.sim import (
    DataSourceBatch,
    DataSourceError,
    DataSourceSpike,
    DataSourceStim,
    SimulatorDataSource,
    SimulatorDataSourceMetadata,
)
from cl.sim.user.pull import PullSource
from cl.stim import StimDesign


def counted(start: int, count: int) -> NDArray[np.int16]:
    return np.repeat((np.arange(start, start + count) % 30_000).astype(np.int16)[:, None], 64, axis=1)


class Counting(SimulatorDataSource):
    """Frames that hold their timestamps, a spike at every hundredth; it writes down what it is asked."""

    def __init__(self, answer: Callable[[int, int], Any] | None = None, **metadata: Any) -> None:
        self._metadata = SimulatorDataSourceMetadata(**metadata)
        self._answer = answer
        self.calls: list[Any] = []
        self.threads: set[int] = set()

    @property
    def metadata(self) -> SimulatorDataSourceMetadata:
        return self._metadata

    def open(self) -> None:
        self._note("open")

    def close(self) -> None:
        self._note("close")

    def on_stim(self, stim: DataSourceStim) -> None:
        self._note(stim)

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        self._note((from_timestamp, frame_count))
        if self._answer is not None:
            return self._answer(from_timestamp, frame_count)  # type: ignore[no-any-return]
        hundreds = range(-(-from_timestamp // 100) * 100, from_timestamp + frame_count, 100)
        return DataSourceBatch(
            counted(from_timestamp, frame_count), [DataSourceSpike(t, t // 100 % 64) for t in hundreds]
        )

    def _note(self, call: Any) -> None:
        self.calls.append(call)
        self.threads.add(threading.get_ident())


def adapted(source: SimulatorDataSource) -> PullSource:
    adapter = PullSource(source, "'tests:source'", source.metadata)
    adapter.open()
    return adapter


@pytest.fixture(params=[30.0, None], ids=["watched", "inline"])
def timeout(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_a_source_is_asked_and_heard(timeout: float | None) -> None:
    source = Counting(read_timeout_seconds=timeout, start_timestamp=950, uV_per_sample_unit=0.5)
    adapter = adapted(source)
    assert (adapter.start_timestamp, adapter.uV_per_sample_unit) == (950, 0.5)
    assert adapter.reactive
    assert not adapter.blocking
    assert adapter.supports_accelerated
    assert adapter.end_timestamp is None
    frames, timestamps, channels, waveforms = adapter.read(950, 1_250)
    assert (frames == counted(950, 300)).all()
    assert (timestamps, channels, waveforms) == ([1_000, 1_100, 1_200], [10, 11, 12], [None] * 3)
    design = StimDesign(160, -1.0, 200, 0.5)
    adapter.on_stims([Pulse(2_501, 8, design, 2_490), Pulse(2_501, 9, design, 2_501)])
    adapter.close()
    adapter.close()
    stims = [DataSourceStim(1_250, c, i, (160, 200), (-1.0, 0.5)) for c, i in ((8, 1_245), (9, 1_250))]
    assert source.calls == ["open", (950, 300), *stims, "close"]
    inline = {threading.get_ident()}
    assert (
        (source.threads == inline)
        if timeout is None
        else (len(source.threads) == 1 != source.threads & inline)
    )


def test_no_frames_are_zeros() -> None:
    adapter = adapted(Counting(lambda start, count: DataSourceBatch(spikes=[DataSourceSpike(start, 5)])))
    frames, timestamps, _, _ = adapter.read(0, 25)
    assert frames.shape == (25, 64)
    assert frames.dtype == np.int16
    assert not frames.any()
    assert timestamps == [0]
    adapter.close()


def test_spikes_are_sorted_and_keep_their_samples() -> None:
    wave = np.linspace(-1, 1, 75)
    spikes = [
        DataSourceSpike(9, 3),
        DataSourceSpike(2, 60, wave, 7.5),
        DataSourceSpike(2, 1, wave),
        DataSourceSpike(0, 63),
    ]
    adapter = adapted(Counting(lambda start, count: DataSourceBatch(None, (spike for spike in spikes))))
    _, timestamps, channels, waveforms = adapter.read(0, 10)
    assert (timestamps, channels) == ([0, 2, 2, 9], [63, 1, 60, 3])
    assert waveforms[0] is waveforms[3] is None
    assert waveforms[1] is not None
    assert waveforms[2] is not None
    assert (waveforms[1][1], waveforms[2][1]) == (0.0, 7.5)
    np.testing.assert_array_equal(waveforms[2][0], wave.astype(np.float32))
    adapter.close()


def test_a_source_may_use_its_array_again() -> None:
    shared = np.zeros((25, 64), np.int16)

    def answer(start: int, count: int) -> DataSourceBatch:
        shared[:] = start
        return DataSourceBatch(shared)

    adapter = adapted(Counting(answer))
    first, second = adapter.read(0, 25)[0], adapter.read(25, 50)[0]
    assert (first == 0).all()
    assert (second == 25).all()
    adapter.close()


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 700),
    st.integers(0, 600),
    st.lists(st.integers(1, 500), min_size=1, max_size=6),
)
def test_a_bounded_seekable_source_loops(duration: int, start: int, gaps: list[int]) -> None:
    source = Counting(duration_frames=duration, start_timestamp=start, read_timeout_seconds=None)
    adapter = adapted(source)
    assert adapter.end_timestamp is None
    for low, high in pairwise(accumulate(gaps, initial=start)):
        frames, timestamps, channels, _ = adapter.read(low, high)
        inner = [start + (t - start) % duration for t in range(low, high)]
        assert frames[:, 0].tolist() == [t % 30_000 for t in inner]
        wanted = [(t, i // 100 % 64) for t, i in zip(range(low, high), inner, strict=True) if i % 100 == 0]
        assert list(zip(timestamps, channels, strict=True)) == wanted
    asked = [call for call in source.calls if isinstance(call, tuple)]
    assert all(start <= first and first + count <= start + duration for first, count in asked)


def test_stims_of_a_looping_source_are_in_its_own_time() -> None:
    source = Counting(duration_frames=100, start_timestamp=10)
    adapter = adapted(source)
    adapter.on_stims([Pulse(2 * 345, 8, StimDesign(160, 1.0), 2 * 340)])
    adapter.close()
    assert source.calls[1] == DataSourceStim(45, 8, 40, (160,), (1.0,))


def test_a_bounded_sequential_source_ends() -> None:
    adapter = adapted(Counting(duration_frames=100, start_timestamp=10, seekable=False))
    assert adapter.end_timestamp == 110
    assert len(adapter.read(10, 110)[0]) == 100
    with pytest.raises(
        DataSourceError, match=r"data source 'tests:source', frames 110 to 120: it has ended at frame 110"
    ):
        adapter.read(110, 120)
    adapter.close()


def test_nothing_is_told_to_those_who_do_not_listen() -> None:
    class Deaf(SimulatorDataSource):
        metadata = SimulatorDataSourceMetadata(realtime_only=True)  # type: ignore[assignment]

        def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
            return DataSourceBatch()

    adapter = adapted(Deaf())
    assert not adapter.reactive
    assert adapter.blocking
    assert not adapter.supports_accelerated
    adapter.on_stims([Pulse(0, 8, StimDesign(160, 1.0), 0)])
    adapter.close()


FAULTS: list[tuple[Any, str]] = [
    (None, "it returned None, not a DataSourceBatch"),
    (np.zeros((25, 64), np.int16), "it returned ndarray .*, not a DataSourceBatch"),
    (DataSourceBatch(np.zeros((24, 64), np.int16)), "it returned 24 frames, not 25"),
    (DataSourceBatch(np.zeros((25, 63), np.int16)), r"the frames have the shape \(25, 63\), not \(n, 64\)"),
    (DataSourceBatch(np.zeros(25, np.int16)), r"the frames have the shape \(25,\)"),
    (DataSourceBatch(np.zeros((25, 64))), "the frames are float64, not int16"),
    (DataSourceBatch(np.zeros((25, 64), np.uint16)), "the frames are uint16, not int16"),
    (DataSourceBatch([[0] * 64] * 25), "the frames are list .*, not a numpy array"),  # type: ignore[arg-type]
    (DataSourceBatch(None, [DataSourceSpike(99, 3)]), "it returned a spike at 99, outside of the window"),
    (
        DataSourceBatch(None, [DataSourceSpike(100, 3), DataSourceSpike(125, 3)]),
        "it returned a spike at 125, outside",
    ),
    (DataSourceBatch(None, [(100, 3)]), "there is tuple .* among the spikes"),  # type: ignore[list-item]
    (DataSourceBatch(None, 7), "the spikes are int '7', not a sequence"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("answer", "fault"), FAULTS, ids=[fault[:40] for _, fault in FAULTS])
def test_wrong_answers(answer: Any, fault: str, timeout: float | None) -> None:
    adapter = adapted(Counting(lambda start, count: answer, read_timeout_seconds=timeout))
    with pytest.raises(DataSourceError, match=rf"^data source 'tests:source', frames 100 to 125: {fault}"):
        adapter.read(100, 125)
    adapter.close()


class Unprintable(Exception):
    def __str__(self) -> str:
        raise AttributeError("no text")


class Broken(Counting):
    def __init__(self, method: str, error: BaseException, timeout: float | None) -> None:
        super().__init__(read_timeout_seconds=timeout)
        self._broken = method, error

    def _note(self, call: Any) -> None:
        method, error = self._broken
        if (method == "read" and isinstance(call, tuple)) or call == method:
            self._raise_it(error)
        if method == "stim" and isinstance(call, DataSourceStim):
            self._raise_it(error)

    def _raise_it(self, error: BaseException) -> None:
        raise error


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (RuntimeError("no dish"), "it raised RuntimeError: no dish"),
        (TimeoutError("socket"), "it raised TimeoutError: socket"),
        (KeyError("x"), "it raised KeyError: 'x'"),
        (AssertionError(), "it raised AssertionError$"),
        (Unprintable(), "it raised Unprintable$"),
    ],
)
def test_what_a_source_raises(error: Exception, text: str, timeout: float | None) -> None:
    adapter = adapted(Broken("read", error, timeout))
    with pytest.raises(
        DataSourceError, match=rf"data source 'tests:source', frames 0 to 25: {text}"
    ) as caught:
        adapter.read(0, 25)
    assert caught.value.__cause__ is error
    assert "in _raise_it" in "".join(traceback.format_exception(caught.value))
    assert isinstance(caught.value, DeviceDisconnectedError)
    adapter.close()


def test_what_its_other_methods_raise(timeout: float | None) -> None:
    source = Broken("open", OSError("busy"), timeout)
    with pytest.raises(DataSourceError, match="data source 'tests:source', open: it raised OSError: busy"):
        adapted(source)
    adapter = adapted(Broken("stim", ValueError("odd"), timeout))
    with pytest.raises(DataSourceError, match="stims at 7: it raised ValueError: odd"):
        adapter.on_stims([Pulse(14, 8, StimDesign(160, 1.0), 14)])
    adapter.close()
    adapter = adapted(Broken("close", ValueError("stays"), timeout))
    with pytest.raises(DataSourceError, match="close: it raised ValueError: stays"):
        adapter.close()
    adapter.close()


def test_a_generator_of_spikes_that_raises(timeout: float | None) -> None:
    def spikes() -> Iterator[DataSourceSpike]:
        yield DataSourceSpike(0, 1)
        raise ZeroDivisionError("in the generator")

    adapter = adapted(
        Counting(lambda start, count: DataSourceBatch(None, spikes()), read_timeout_seconds=timeout)
    )
    with pytest.raises(DataSourceError, match="it raised ZeroDivisionError"):
        adapter.read(0, 25)
    adapter.close()


def test_an_exit_in_the_source_is_an_error_of_the_source() -> None:
    adapter = adapted(Broken("read", SystemExit(3), 30.0))
    with pytest.raises(DataSourceError, match="it raised SystemExit: 3"):
        adapter.read(0, 25)
    adapter.close()


def test_a_source_that_hangs(caplog: pytest.LogCaptureFixture) -> None:
    go_on, hanging = threading.Event(), threading.Event()

    class Hanging(Counting):
        def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
            hanging.set()
            go_on.wait()
            return DataSourceBatch()

        def close(self) -> None:
            super().close()
            go_on.set()

    before = threads()
    source = Hanging(read_timeout_seconds=0.05)
    with unhurried(hanging.is_set):
        adapter = adapted(source)
        with pytest.raises(DataSourceError, match=r"frames 0 to 25: no answer within 0\.05 s"):
            adapter.read(0, 25)
    with pytest.raises(DataSourceError, match="frames 25 to 50: an earlier call has not returned yet"):
        adapter.read(25, 50)
    with caplog.at_level(logging.WARNING, "cl"):
        adapter.close()
    # Closing it from another thread woke it up.
    assert source.calls == ["open", "close"]
    assert "'tests:source' hung and was left behind; its close: done" in caplog.text
    for thread in threads() - before:
        thread.join()


def test_no_thread_is_left() -> None:
    before = threads()
    adapter = adapted(Counting())
    assert len(threads() - before) == 1
    adapter.close()
    assert threads() <= before
    with pytest.raises(DataSourceError):
        adapted(Broken("open", OSError("busy"), 30.0))
    assert threads() <= before
