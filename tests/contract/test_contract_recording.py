"""Recordings: that they hold all of their windows, once (contract, section 7)."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recording_tools import (
    CULTURE,
    Window,
    check_same,
    closed_loop,
    contents,
    duration,
    entries,
    spike_rows,
    still,
    stim_rows,
)

import cl

SECOND = 25_000
accelerated = pytest.mark.usefixtures("accelerated")


@accelerated
def test_overlapping_recordings_hold_their_windows(source: str) -> None:
    with cl.open() as neurons:
        neurons.read(1_000)
        first = neurons.record(file_suffix="first")
        closed_loop(neurons, 0.7)
        second = neurons.record(file_suffix="second", from_frames_ago=777, stop_after_frames=30_001)
        assert second.start_timestamp == 18_500 - 777
        closed_loop(neurons, 0.5, rate=333)
        first.stop()
        stopped = neurons.timestamp()
        assert not second.has_stopped()
        neurons.read(50)
        first_window = Window(neurons, 1_000, stopped)
        second.wait_until_stopped()
        second_window = Window(neurons, second.start_timestamp, second.start_timestamp + 30_001)
    assert len(first_window.spikes) > 50 and len(first_window.stims) > 30
    check_same(first, first_window, foreseen=source == "random")
    check_same(second, second_window)


def test_a_recording_in_wall_clock_time_holds_its_window(
    source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CL_SDK_RANDOM_SEED", "7")
    with cl.open() as neurons:
        first = neurons.record()
        second = neurons.record(stop_after_seconds=0.3)
        # So that the culture has something to say, whenever that is.
        neurons.stim(cl.ChannelSet(20, 37), 1.0, cl.BurstDesign(5, 20))
        closed_loop(neurons, 0.35, rate=200)
        second.wait_until_stopped()
        first.stop()
        end = first.start_timestamp + duration(first)
        with still(neurons):
            windows = (
                Window(neurons, first.start_timestamp, end),
                Window(neurons, second.start_timestamp, second.start_timestamp + 7_500),
            )
    assert len(windows[0].spikes) > 10
    check_same(first, windows[0])
    check_same(second, windows[1])


@accelerated
def test_time_that_passes_at_once_is_recorded(source: str) -> None:
    """More than the history holds, in one wait: the recorder holds time rather than lose anything."""
    with cl.open() as neurons:
        recording = neurons.record(stop_after_seconds=7)
        neurons.stim(8, 1.0, cl.BurstDesign(1_000, 200))
        windows = []
        for start in range(0, 7 * SECOND, SECOND):
            neurons.read(1, start + 4 * SECOND)
            windows.append(Window(neurons, start, start + SECOND))
        recording.wait_until_stopped()
    with recording.open() as view:
        assert view.samples is not None and view.spikes is not None and view.stims is not None
        np.testing.assert_array_equal(view.samples[:], np.concatenate([w.frames for w in windows]))
        expected = [(w.start + t, c, s) for w in windows for t, c, s in w.spikes]
        assert spike_rows(view) == expected
        assert stim_rows(view) == [(w.start + t, c) for w in windows for t, c in w.stims]
        assert len(view.stims) > 900


def test_samples_at_the_very_beginning_and_end(accelerated: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_SPIKE_PERCENTILE", "99")
    with cl.open() as neurons:
        recording = neurons.record(stop_after_frames=300)
        neurons.read(300)
        check_same(recording, Window(neurons, 0, 300))
    with recording.open() as view:
        times = view.spikes.col("timestamp")
        assert times[0] < 25 and times[-1] >= 275


@accelerated
def test_contents_do_not_depend_on_ticks_and_reads(source: str) -> None:
    found = set()
    for rate, reads in ((1_000, 0), (40, 0), (7, 333), (25_000, 25)):
        with cl.open() as neurons:
            recording = neurons.record(stop_after_seconds=0.5)
            plan = neurons.create_stim_plan()
            plan.stim(cl.ChannelSet(8, 9), 1.0, cl.BurstDesign(20, 100))
            plan.run(at_timestamp=5_000)
            loop = neurons.loop(rate)
            for tick in loop:
                if reads:
                    neurons.read(reads, tick.iteration_timestamp)
                if recording.has_stopped():
                    break
        found.add(contents(recording))
    assert len(found) == 1
    assert len(found.pop()[2]) > 0


@accelerated
@pytest.mark.parametrize("samples", [True, False])
def test_a_recording_of_a_replayed_recording(samples: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    with cl.open() as neurons:
        original = neurons.record(stop_after_frames=20_000, include_raw_samples=samples)
        original.wait_until_stopped()
    monkeypatch.setenv("CL_SDK_REPLAY_PATH", original.file["path"])
    monkeypatch.setenv("CL_SDK_REPLAY_START_OFFSET", "0")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?s).*has no samples", UserWarning)
        with cl.open() as neurons:
            again = neurons.record(stop_after_frames=20_000)
            again.wait_until_stopped()
    with original.open() as view, again.open() as other:
        np.testing.assert_array_equal(other.spikes[:], view.spikes[:])
        assert len(view.spikes) > 40
        assert other.samples.shape == (20_000, 64)
        assert not samples or (other.samples[:] == view.samples[:]).all()


class Running:
    """A recording, and the entries that it has to have."""

    def __init__(self, recording: cl.Recording, end: int | None) -> None:
        self.recording = recording
        self.end = end
        self.entries: list[tuple[int, int]] = []

    def publish(self, now: int, at: int, number: int, *, before: bool = False) -> None:
        """Take an entry that was appended at the time `now`, before or while the recording runs."""
        start = self.recording.start_timestamp
        if (at >= start or not before) and (self.end is None or now < self.end):
            self.entries.append((at - start, number))


frames = st.integers(1, 4_000)
steps = st.one_of(
    st.tuples(st.just("read"), frames),
    st.tuples(st.just("loop"), frames),
    st.tuples(st.just("record"), st.integers(0, 6_000), st.none() | frames),
    st.tuples(st.just("stop"), st.integers(0, 9)),
    st.tuples(st.just("stim"), st.integers(8, 20)),
    st.tuples(st.just("publish"), st.integers(-3_000, 3_000)),
)


@accelerated
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(steps, max_size=14), st.booleans())
def test_whatever_a_program_does_its_recordings_hold_their_windows(
    program: list[Any], cultured: bool
) -> None:
    runs: list[Running] = []
    published: list[tuple[int, int, int]] = []
    with pytest.MonkeyPatch.context() as patch:
        if cultured:
            patch.setenv("CL_SDK_DATA_SOURCE", CULTURE)
        with cl.open() as neurons:
            stream = neurons.create_data_stream("s")
            for step, *numbers in program:
                now = neurons.timestamp()
                match step, numbers:
                    case "read", [count]:
                        neurons.read(count)
                    case "loop", [count]:
                        for tick in neurons.loop(200, stop_after_ticks=max(1, count // 125)):
                            assert len(tick.frames) == 125
                    case "record", [back, length]:
                        recording = neurons.record(from_frames_ago=back, stop_after_frames=length)
                        end = None if length is None else recording.start_timestamp + length
                        runs.append(Running(recording, end))
                        for entry in published:
                            runs[-1].publish(*entry, before=True)
                    case "stop", [number] if number < len(runs):
                        run = runs[number]
                        run.recording.stop()
                        run.end = now if run.end is None else min(now, run.end)
                    case "stim", [channel]:
                        neurons.stim(channel, 1.0)
                    case "publish", [offset]:
                        at = max(now + offset, published[-1][1] + 1 if published else 0)
                        published.append((now, at, len(published)))
                        stream.append(at, published[-1][2])
                        for run in runs:
                            if not run.recording.has_stopped():
                                run.publish(*published[-1])
            now = neurons.timestamp()
            for run in runs:
                if run.end is not None and run.end > now:
                    neurons.read(run.end - now)
                    now = neurons.timestamp()
            for run in runs:
                run.recording.stop()
                run.end = now if run.end is None else run.end
            windows = [Window(neurons, run.recording.start_timestamp, run.end or 0) for run in runs]
    for run, window in zip(runs, windows, strict=True):
        check_same(run.recording, window, foreseen=not cultured)
        assert entries(run.recording, "s") == run.entries
        Path(run.recording.file["path"]).unlink()
