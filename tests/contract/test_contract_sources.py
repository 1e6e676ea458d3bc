"""Users' own sources through the public API (contract, section 8): the same data however they are asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import anyio
import numpy as np
import pytest
from source_tools import Answering, Events, Source, events, numbered

import cl
from cl.error import DeviceDisconnectedError
from cl.sim import set_simulator_data_source

pytestmark = pytest.mark.usefixtures("accelerated")

PULSES = (403, 404, 1_000, 1_007, 2_512, 5_119)
"""When pulses are wanted, on two channels each; most of them fall inside of ticks."""
END = 7_500
Result = tuple[Events, Events, bytes]


@pytest.fixture(autouse=True)
def _no_source_stays() -> Iterator[None]:
    yield
    cl.sim.clear_simulator_data_source()


def plan(neurons: cl.Neurons, pulses: tuple[int, ...]) -> None:
    for timestamp in pulses:
        wanted = neurons.create_stim_plan()
        wanted.stim(cl.ChannelSet(20, 30), 1.0)
        wanted.run(at_timestamp=timestamp)


def looped(ticks_per_second: int, pulses: tuple[int, ...] = PULSES, end: int = END) -> Result:
    spikes, stims, frames = [], [], []
    with cl.open() as neurons:
        plan(neurons, pulses)
        for tick in neurons.loop(ticks_per_second, stop_after_ticks=end * ticks_per_second // 25_000):
            spikes += events(tick.analysis.spikes)
            stims += events(tick.analysis.stims)
            frames.append(tick.frames)
    return spikes, stims, np.concatenate(frames).tobytes()


def read_in(pieces: list[int], pulses: tuple[int, ...] = PULSES, end: int = END) -> Result:
    spikes, stims, frames = [], [], []
    with cl.open() as neurons:
        plan(neurons, pulses)
        at = 0
        while at < end:
            size = min(pieces[len(frames) % len(pieces)], end - at)
            frames.append(neurons.read(size, at))
            found = neurons.read(size, at, analysis=True)
            spikes += events(found.spikes)
            stims += events(found.stims)
            at += size
    return spikes, stims, np.concatenate(frames).tobytes()


async def alooped(rates: tuple[int, ...], pulses: tuple[int, ...] = PULSES, end: int = END) -> list[Result]:
    """Run several loops at once; return what each of them saw."""

    async def consume(rate: int) -> None:
        spikes, stims, frames = [], [], []
        async for tick in neurons.aloop(rate, stop_after_ticks=end * rate // 25_000):
            spikes += events(tick.analysis.spikes)
            stims += events(tick.analysis.stims)
            frames.append(tick.frames)
        results.append((spikes, stims, np.concatenate(frames).tobytes()))

    results: list[Result] = []
    async with cl.aopen() as neurons, anyio.create_task_group() as group:
        plan(neurons, pulses)
        for rate in rates:
            group.start_soon(consume, rate)
    return results


def expected(answering: bool, pulses: tuple[int, ...] = PULSES, end: int = END) -> Result:
    """Return what the source has to give, by its definition."""
    frames = numbered(0, end)
    spikes = [(t, t // 100 % 64) for t in range(0, end, 100)]
    stims = [(t, channel) for t in delivered(pulses) for channel in (20, 30)]
    if answering:
        for timestamp, channel in stims:
            frames[timestamp : timestamp + 20, channel] = 1_000
            spikes.append((timestamp + 30, channel))
    return sorted(spikes), stims, frames.tobytes()


def delivered(pulses: tuple[int, ...]) -> list[int]:
    """Return when pulses begin: 2 frames of notice, at the earliest, and 125 frames after the last one."""
    times: list[int] = []
    for wanted in pulses:
        times.append(max(wanted + 2, times[-1] + 125 if times else 0))
    return times


def inline(**metadata: Any) -> Answering:
    """A source that answers, asked by whoever waits."""
    return Answering(read_timeout_seconds=None, **metadata)


KINDS: list[Callable[..., Source]] = [Source, Answering, inline]


@pytest.mark.parametrize("rate", [10, 100, 1_000, 12_500])
@pytest.mark.parametrize("kind", KINDS)
def test_the_tick_rate_does_not_matter(kind: Callable[..., Source], rate: int) -> None:
    source = kind()
    set_simulator_data_source(lambda: source)
    assert looped(rate) == expected(kind is not Source)
    check_calls(source)


@pytest.mark.parametrize("pieces", [[END], [1], [7, 300, 1_201]])
@pytest.mark.parametrize("kind", KINDS)
def test_the_size_of_reads_does_not_matter(kind: Callable[..., Source], pieces: list[int]) -> None:
    end = 2_600 if pieces == [1] else END
    pulses = tuple(pulse for pulse in PULSES if pulse < end - 300)
    source = kind()
    set_simulator_data_source(lambda: source)
    assert read_in(pieces, pulses, end) == expected(kind is not Source, pulses, end)
    check_calls(source)


@pytest.mark.anyio
@pytest.mark.parametrize("kind", KINDS)
async def test_nor_does_it_in_an_async_program(kind: Callable[..., Source]) -> None:
    source = kind()
    set_simulator_data_source(lambda: source)
    results = await alooped((1_000, 100, 250))
    assert results == [expected(kind is not Source)] * 3
    check_calls(source)


def check_calls(source: Source) -> None:
    """Check that windows follow one another, and that stims came before their frames, each once."""
    assert (source.calls[0], source.calls[-1]) == ("open", "close")
    position, heard = 0, []
    for call in source.calls[1:-1]:
        if isinstance(call, int):
            heard.append(call)
            assert position == call, "told of a pulse exactly before its frame is asked for"
        else:
            assert call[0] == position
            position += call[1]
    if isinstance(source, Answering):
        stims = [(stim.timestamp, stim.channel) for stim in source.stims]
        assert heard == sorted(set(heard)) == [t for t, _ in stims[::2]]
        assert stims == sorted(set(stims))


def test_a_stim_of_a_body_is_answered_behind_it() -> None:
    source = Answering()
    set_simulator_data_source(lambda: source)
    with cl.open() as neurons:
        for tick in neurons.loop(1_000, stop_after_ticks=40):
            if tick.iteration == 9:
                neurons.stim(20, 1.0)
            if tick.iteration == 10:
                assert events(tick.analysis.stims) == [(252, 20)]
                assert (tick.frames[2:22, 20] == 1_000).all()
                assert not (tick.frames[:2, 20] == 1_000).any()
            if tick.iteration == 11:
                assert (282, 20) in events(tick.analysis.spikes)
    (stim,) = source.stims
    assert (stim.timestamp, stim.intended_timestamp) == (252, 252)
    assert (stim.phase_durations_us, stim.phase_currents_uA) == ((160, 160), (-1.0, 1.0))
    assert stim.stim_design == cl.StimDesign(160, -1.0, 160, 1.0)


@pytest.mark.parametrize("kind", [Answering, inline])
def test_pulses_that_have_begun_at_the_end_are_told(kind: Callable[..., Answering]) -> None:
    source = kind()
    set_simulator_data_source(lambda: source)
    with cl.open() as neurons:
        recording = neurons.record()
        neurons.read(100)
        neurons.stim(20, 1.0, cl.BurstDesign(5, 100))
        neurons.read(1)
    assert [stim.timestamp for stim in source.stims] == [102]
    with recording.open() as view:
        assert [int(t) for t in view.stims.col("timestamp")] == [102]


def test_a_source_without_answers_is_asked_in_blocks() -> None:
    source = Source()
    set_simulator_data_source(lambda: source)
    with cl.open() as neurons:
        for _ in neurons.loop(1_000, stop_after_ticks=250):
            pass
    sizes = [count for _, count in (call for call in source.calls if isinstance(call, tuple))]
    assert len(sizes) <= 4
    # One that answers is asked for what is needed, and no more.
    source = Answering()
    set_simulator_data_source(lambda: source)
    with cl.open() as neurons:
        for _ in neurons.loop(1_000, stop_after_ticks=250):
            pass
    assert source.calls[1:-1] == [(start, 25) for start in range(0, 6_250, 25)]


@pytest.mark.parametrize("before", [0, 300_000])
def test_ticks_may_be_longer_than_the_history(before: int) -> None:
    set_simulator_data_source(lambda: Source(start_timestamp=50))
    with cl.open() as neurons:
        neurons.read(before)
        for tick in neurons.loop(0.1, stop_after_ticks=2):
            start = tick.analysis.start_timestamp
            assert np.array_equal(tick.frames, numbered(start, 250_000))
            assert events(tick.analysis.spikes) == [
                (t, t // 100 % 64) for t in range(start + 50, start + 250_000, 100)
            ]
            assert tick.analysis.spikes[0].samples.shape == (75,)
            oldest = neurons._engine.oldest
            assert np.array_equal(neurons.read(10, oldest), numbered(oldest, 10))
            with pytest.raises(ValueError, match=f"oldest is {oldest}"):
                neurons.read(10, oldest - 1)


def test_what_can_be_told_of_a_source() -> None:
    metadata = {"start_timestamp": 12_345, "uV_per_sample_unit": 0.5}
    set_simulator_data_source(lambda: Source(), metadata=metadata)
    with cl.open() as neurons:
        assert neurons.timestamp() == 12_345
        assert (neurons.read(10) == numbered(12_345, 10)).all()
        recording = neurons.record(stop_after_frames=100)
        spike = neurons.read(100, 12_355, analysis=True).spikes[0]
        column = numbered(12_400 - 25, 75)[:, spike.channel].astype(float)
        np.testing.assert_allclose(spike.samples, (column - column.mean()) * 0.5, rtol=1e-5)
    with recording.open() as view:
        assert view.attributes["uV_per_sample_unit"] == 0.5
        assert view.attributes["start_timestamp"] == 12_355


def test_the_environment_names_a_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_DATA_SOURCE", "source_tools:Source")
    monkeypatch.setenv("CL_SDK_DATA_SOURCE_METADATA", json.dumps({"start_timestamp": 500}))
    with cl.open() as neurons:
        assert (neurons.read(10) == numbered(500, 10)).all()


# -- bounded sources -----------------------------------------------------------------------


def test_a_bounded_seekable_source_begins_anew() -> None:
    set_simulator_data_source(lambda: Source(duration_frames=1_030))
    with cl.open() as neurons:
        frames = neurons.read(3_000)
        spikes = events(neurons.read(3_000, 0, analysis=True).spikes)
    assert (frames == numbered(0, 1_030)[np.arange(3_000) % 1_030]).all()
    inner = [(t, t % 1_030) for t in range(3_000)]
    assert spikes == [(t, i // 100 % 64) for t, i in inner if i % 100 == 0]


def run_to_the_end(neurons: cl.Neurons, rate: int) -> list[int]:
    """Run a loop to the end of the data; return where its ticks ended."""
    stops = []
    with pytest.raises(DeviceDisconnectedError, match=r"simulator \('.*'\) has ended at frame 1030"):
        for tick in neurons.loop(rate):
            assert (
                tick.frames == numbered(tick.iteration_timestamp - len(tick.frames), len(tick.frames))
            ).all()
            stops.append(tick.iteration_timestamp)
    return stops


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", [100, 1_000, 2_500])
def test_a_bounded_sequential_source_ends(kind: Any, rate: int) -> None:
    set_simulator_data_source(lambda: kind(duration_frames=1_030, seekable=False))
    with cl.open() as neurons:
        recording = neurons.record()
        period = 25_000 // rate
        assert run_to_the_end(neurons, rate) == list(range(period, 1_031, period))
        with pytest.raises(DeviceDisconnectedError, match="has ended at frame 1030"):
            neurons.read(1)
    with recording.open() as view:
        assert (view.samples[:] == numbered(0, 1_030)).all()
        assert len(view.spikes) == 11


@pytest.mark.parametrize("kind", KINDS)
def test_reads_up_to_the_end(kind: Any) -> None:
    set_simulator_data_source(lambda: kind(duration_frames=1_030, seekable=False))
    with cl.open() as neurons:
        assert (neurons.read(1_030) == numbered(0, 1_030)).all()
        assert neurons.read(30, 1_000).shape == (30, 64)
        with pytest.raises(DeviceDisconnectedError, match="has ended at frame 1030"):
            neurons.read(31, 1_000)


@pytest.mark.anyio
@pytest.mark.parametrize("kind", KINDS)
async def test_many_loops_up_to_the_end(kind: Any) -> None:
    set_simulator_data_source(lambda: kind(duration_frames=1_030, seekable=False))
    stops: dict[int, list[int]] = {}

    async def consume(neurons: cl.Neurons, rate: int) -> None:
        with pytest.raises(DeviceDisconnectedError, match="has ended at frame 1030"):
            async for tick in neurons.aloop(rate):
                stops.setdefault(rate, []).append(tick.iteration_timestamp)

    async with cl.aopen() as neurons, anyio.create_task_group() as group:
        for rate in (100, 1_000, 2_500):
            group.start_soon(consume, neurons, rate)
    assert stops == {rate: list(range(25_000 // rate, 1_031, 25_000 // rate)) for rate in (100, 1_000, 2_500)}


@pytest.mark.parametrize("kind", KINDS)
def test_in_real_time_a_source_that_has_ended_can_still_be_read(
    kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", "0")
    set_simulator_data_source(lambda: kind(duration_frames=1_030, seekable=False))
    pause = threading.Event()
    with cl.open() as neurons:
        while neurons.timestamp() < 1_500:
            pause.wait(0.01)
        # At once, before anybody else has brought the device up to the present.
        assert (neurons.read(1_030, 0) == numbered(0, 1_030)).all()
        assert (neurons.read(30, 1_000) == numbered(1_000, 30)).all()
        with pytest.raises(DeviceDisconnectedError, match="has ended at frame 1030"):
            neurons.read(10, 1_030)


@pytest.mark.parametrize("kind", KINDS)
def test_in_real_time_too_everything_before_the_end_is_given(
    kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", "0")
    set_simulator_data_source(lambda: kind(duration_frames=1_030, seekable=False))
    with cl.open() as neurons:
        stops = run_to_the_end(neurons, 1_000)
    if stops:
        assert all(high - low == 25 for low, high in pairwise(stops))
        assert 1_030 - 25 < stops[-1] <= 1_030


# -- the culture ---------------------------------------------------------------------------


@pytest.fixture
def culture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_DATA_SOURCE", "cl.sim.culture:create")
    monkeypatch.setenv("CL_SDK_DATA_SOURCE_CONFIG", '{"seed": 3, "size": 200}')


@pytest.mark.anyio
@pytest.mark.usefixtures("culture")
async def test_the_culture_is_the_same_however_it_is_asked(anyio_backend_name: str) -> None:
    # Sync programs run in a thread: there they may block.
    one = await anyio.to_thread.run_sync(looped, 1_000)
    assert len(one[0]) > 10
    assert len(one[1]) == 2 * len(PULSES)
    assert await anyio.to_thread.run_sync(looped, 10) == one
    assert await anyio.to_thread.run_sync(read_in, [7, 300, 1_201]) == one
    assert await alooped((1_000, 100)) == [one] * 2


@pytest.mark.usefixtures("culture")
def test_a_longer_run_begins_like_a_shorter_one() -> None:
    short, long = looped(100, end=5_000), looped(250, end=END)
    assert long[2][: len(short[2])] == short[2]
    assert long[0][: len(short[0])] == short[0]
