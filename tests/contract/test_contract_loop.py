"""The closed loop (contract, section 5), in accelerated time."""

from __future__ import annotations

import gc
import itertools
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cl
import cl._loop.run

pytestmark = pytest.mark.usefixtures("accelerated")


@pytest.fixture
def neurons() -> Iterator[cl.Neurons]:
    with cl.open() as opened:
        yield opened


def test_ticks_follow_one_another(neurons: cl.Neurons) -> None:
    neurons.read(17)
    loop = neurons.loop(1000, stop_after_seconds=0.05)
    assert (loop.duration_ticks, loop.duration_frames, loop.frames_per_tick) == (50, 1250, 25)
    assert loop.approximate_duration_seconds() == 0.05
    for i, tick in enumerate(loop):
        assert tick.loop is loop
        assert tick.iteration == i
        assert tick.analysis.start_timestamp == 17 + i * 25
        assert tick.iteration_timestamp == tick.analysis.stop_timestamp == 17 + (i + 1) * 25
        assert tick.iteration_next_timestamp == tick.iteration_timestamp + 25
        assert neurons.timestamp() >= tick.iteration_timestamp
        assert tick.frames.shape == (25, 64)
        assert tick.frames.dtype == np.int16
    assert loop.start_timestamp == 17
    assert tick.iteration == 50
    assert neurons.timestamp() == 17 + 1250


def test_an_endless_loop_has_no_duration(neurons: cl.Neurons) -> None:
    loop = neurons.loop(100)
    assert (loop.duration_ticks, loop.duration_frames, loop.approximate_duration_seconds()) == (
        None,
        None,
        None,
    )
    with pytest.raises(RuntimeError, match="not started"):
        loop.start_timestamp  # noqa: B018


@pytest.mark.parametrize("rate", [25_000, 1000, 333, 10])
def test_no_event_is_lost_or_repeated_at_any_rate(neurons: cl.Neurons, rate: int) -> None:
    seen: list[cl.Spike] = []
    loop = neurons.loop(rate, stop_after_seconds=1)
    for tick in loop:
        found = tick.analysis.spikes
        assert all(tick.analysis.start_timestamp <= s.timestamp < tick.analysis.stop_timestamp for s in found)
        seen += found
    keys = [(s.timestamp, s.channel) for s in seen]
    assert keys == sorted(set(keys))
    duration = loop.duration_frames
    assert duration is not None
    assert seen == neurons.read(duration, loop.start_timestamp, analysis=True).spikes


def test_what_a_tick_hands_out_stays_valid(neurons: cl.Neurons) -> None:
    kept = [(t.analysis, t.analysis.spikes, t.frames) for t in neurons.loop(100, stop_after_ticks=50)]
    for i, (analysis, spikes, frames) in enumerate(kept):
        assert analysis.start_timestamp == i * 250
        assert analysis.spikes is spikes
        assert np.array_equal(frames, neurons.read(250, i * 250))


def test_the_spikes_of_a_loop_are_the_crossings_in_its_frames(neurons: cl.Neurons) -> None:
    spikes = [
        (s.timestamp, s.channel) for t in neurons.loop(1000, stop_after_seconds=2) for s in t.analysis.spikes
    ]
    frames = neurons.read(50_000, 0)
    threshold = min(abs(int(frames[t, c])) for t, c in spikes)
    frames[:, 4] = 0
    crossings = np.argwhere(np.abs(frames) >= threshold)
    assert [(int(t), int(c)) for t, c in crossings] == spikes


def test_run_calls_back_and_stop_ends(neurons: cl.Neurons) -> None:
    seen: list[int] = []

    def body(tick: cl.LoopTick) -> None:
        seen.append(tick.iteration)
        if tick.iteration == 4:
            tick.loop.stop()

    loop = neurons.loop(100)
    for _ in range(2):
        seen.clear()
        loop.run(loop_body_callback=body)
        assert seen == [0, 1, 2, 3, 4]


def test_a_stop_before_the_first_tick_is_not_forgotten(neurons: cl.Neurons) -> None:
    loop = neurons.loop(100, stop_after_ticks=3)
    ticks = iter(loop)
    loop.stop()
    assert list(ticks) == []
    assert neurons.timestamp() == 0
    assert [tick.iteration for tick in loop] == [0, 1, 2]


def test_a_stop_ends_every_iterator_of_the_loop(neurons: cl.Neurons) -> None:
    loop = neurons.loop(100)
    first, second = iter(loop), iter(loop)
    next(first)
    next(second)
    loop.stop()
    assert list(first) == list(second) == []
    assert next(iter(loop)).iteration == 0


def test_a_loop_can_be_run_again(neurons: cl.Neurons) -> None:
    loop = neurons.loop(100, stop_after_ticks=3)
    starts = []
    for _ in range(2):
        assert [t.iteration for t in loop] == [0, 1, 2]
        starts.append(loop.start_timestamp)
    assert starts == [0, 750]


def test_an_iterator_may_be_driven_from_anywhere(neurons: cl.Neurons) -> None:
    ticks = iter(neurons.loop(100, stop_after_ticks=3))
    got = [next(ticks).iteration]
    thread = threading.Thread(target=lambda: got.append(next(ticks).iteration))
    thread.start()
    thread.join()
    got.append(next(ticks).iteration)
    assert got == [0, 1, 2]
    assert next(ticks, None) is None


@pytest.mark.parametrize("how", ["break", "raise", "close", "drop"])
def test_a_loop_that_stops_early_leaves_the_device_ready(neurons: cl.Neurons, how: str) -> None:
    if how == "break":
        for _ in neurons.loop(100):
            break
    elif how == "raise":
        with pytest.raises(ZeroDivisionError):
            for _ in neurons.loop(100):
                1 / 0  # noqa: B018
    else:
        ticks = iter(neurons.loop(100))
        next(ticks)
        if how == "close":
            ticks.close()  # type: ignore[attr-defined]
        del ticks
        gc.collect()
    assert neurons.timestamp() == 250
    assert [t.iteration_timestamp for t in neurons.loop(100, stop_after_ticks=2)] == [500, 750]


def test_two_iterators_in_one_thread_share_time(neurons: cl.Neurons) -> None:
    slow, fast = iter(neurons.loop(100)), iter(neurons.loop(1000))
    assert next(slow).iteration_timestamp == 250
    assert [next(fast).iteration_timestamp for _ in range(3)] == [275, 300, 325]
    assert next(slow).iteration_timestamp == 500


def test_a_window_that_has_left_the_history_is_refused() -> None:
    """Rather than shown without the spikes that were in it."""
    with cl.open() as neurons:
        for tick in neurons.loop(10):
            neurons.read(400_000)
            with pytest.raises(ValueError, match="timestamp 0 is no longer readable: the oldest is"):
                _ = tick.analysis
            with pytest.raises(ValueError, match="timestamp 0 is no longer readable: the oldest is"):
                _ = tick.frames
            break


def test_a_read_in_the_body_moves_time_and_nothing_is_lost(neurons: cl.Neurons) -> None:
    windows = []
    for tick in neurons.loop(1000, stop_after_ticks=20):
        windows.append((tick.analysis.start_timestamp, tick.analysis.stop_timestamp))
        if tick.iteration == 5:
            neurons.read(200)
    assert windows == [(i * 25, (i + 1) * 25) for i in range(20)]


def test_timestamps_rise_from_tick_to_tick_while_the_loop_catches_up(neurons: cl.Neurons) -> None:
    got = []
    for tick in neurons.loop(1000, stop_after_ticks=20):
        got.append(neurons.timestamp())
        assert got[-1] >= tick.iteration_timestamp
        if tick.iteration == 5:
            neurons.read(200)
    assert all(a < b for a, b in itertools.pairwise(got))
    assert got[6:14] == list(range(350, 358))


def test_timestamps_rise_around_a_loop_in_the_body(neurons: cl.Neurons) -> None:
    stamps = []
    for tick in neurons.loop(1000, stop_after_ticks=10):
        if tick.iteration == 0:
            neurons.read(300)
        stamps.append(neurons.timestamp())
        if tick.iteration == 5:
            for _ in neurons.loop(25_000, stop_after_ticks=1):
                pass
            stamps.append(neurons.timestamp())
    assert stamps == [325, 326, 327, 328, 329, 330, 330, 331, 332, 333, 334]


def test_very_slow_ticks_see_all_their_spikes(neurons: cl.Neurons) -> None:
    loop = neurons.loop(0.1, stop_after_ticks=2)
    counts = [len(t.analysis.spikes) for t in loop]
    assert loop.duration_frames == 500_000
    with cl.open():
        pass
    assert min(counts) > 500


def test_three_rates_see_the_same_spikes() -> None:
    def spikes(rate: int) -> list[cl.Spike]:
        with cl.open() as neurons:
            return [s for t in neurons.loop(rate, stop_after_seconds=1) for s in t.analysis.spikes]

    assert spikes(25_000) == spikes(1000) == spikes(20)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 4000), min_size=1, max_size=8))
def test_chunking_changes_nothing(chunks: list[int]) -> None:
    with cl.open() as neurons:
        parts = [neurons.read(n) for n in chunks]
        whole = neurons.read(sum(chunks), 0)
    assert np.array_equal(np.concatenate(parts), whole)


def test_a_rate_that_does_not_divide_is_noted_once(
    neurons: cl.Neurons, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cl._loop.run, "_said", set())
    for _ in range(2):
        assert neurons.loop(30).frames_per_tick == 833
    text = capsys.readouterr().err
    assert text.count("Note") == 1
    assert "30.012" in text
    neurons.loop(1000)
    assert capsys.readouterr().err == ""
    neurons.loop(24_999)
    assert "24999 does not divide 25000: the loop runs at 25000 ticks" in capsys.readouterr().err


def test_the_jitter_warning_is_given_once(
    neurons: cl.Neurons, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cl._loop.run, "_said", set())
    for _ in range(2):
        for _ in neurons.loop(100, stop_after_ticks=1):
            pass
    text = capsys.readouterr().err
    assert text == (
        "Warning: Jitter detection is currently not supported in cl-sdk. This may lead to unexpected\n"
        "loop timing behaviour if your loop body takes a long time to execute.\n"
        "It is off on the simulator unless it is asked for: CL_SDK_JITTER_DETECTION=1 switches it on.\n"
    )


def test_statistics_count_the_ticks(neurons: cl.Neurons) -> None:
    loop = neurons.loop(1000, stop_after_ticks=100)
    for tick in loop:
        if tick.iteration == 50:
            neurons.read(100)
    found = loop.statistics()
    assert found.count == 100
    assert found.max_us == 75 * 40
    assert found.p50_us == 0


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"ticks_per_second": 0}, ValueError),
        ({"ticks_per_second": 25_001}, ValueError),
        ({"ticks_per_second": "fast"}, TypeError),
        ({"ticks_per_second": 100, "stop_after_seconds": 1, "stop_after_ticks": 1}, ValueError),
        ({"ticks_per_second": 100, "stop_after_seconds": 0}, ValueError),
        ({"ticks_per_second": 100, "stop_after_ticks": -1}, ValueError),
        ({"ticks_per_second": 100, "jitter_tolerance_frames": -1}, ValueError),
        ({"ticks_per_second": 100, "jitter_tolerance_frames": 0.5}, TypeError),
    ],
)
def test_bad_arguments(neurons: cl.Neurons, arguments: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        neurons.loop(**arguments)  # type: ignore[arg-type]
    with pytest.raises(error):
        neurons.aloop(**arguments)  # type: ignore[arg-type]


def test_deprecated_aliases_warn(neurons: cl.Neurons) -> None:
    for tick in neurons.loop(100, stop_after_ticks=1):
        with pytest.warns(DeprecationWarning, match="analysis.start_timestamp"):
            assert tick.timestamp == tick.analysis.start_timestamp == 0
        with pytest.warns(DeprecationWarning, match="start_timestamp"):
            assert tick.analysis.timestamp == 0
