"""Recordings: what they are asked to hold, and that they hold it (contract, section 7)."""

from __future__ import annotations

import os
import re
import threading
import time
import warnings
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
import tables
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recording_tools import (
    CULTURE,
    Window,
    check_same,
    duration,
    entries,
    files,
    spike_rows,
    still,
    stim_rows,
)

import cl
from cl import _recording_file
from cl._scribe import Scribe
from cl.error import DeviceDisconnectedError

SECOND = 25_000
accelerated = pytest.mark.usefixtures("accelerated")


@pytest.fixture(params=["random", "culture"])
def source(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "culture":
        monkeypatch.setenv("CL_SDK_DATA_SOURCE", CULTURE)
        monkeypatch.setenv("CL_SDK_DATA_SOURCE_CONFIG", '{"seed": 3}')
    return str(request.param)


def closed_loop(neurons: cl.Neurons, seconds: float, rate: float = 1_000) -> None:
    """Answer spikes with stims, and read in between."""
    for tick in neurons.loop(rate, stop_after_seconds=seconds):
        for spike in tick.analysis.spikes[:3]:
            neurons.stim(spike.channel, 1.0)
        if tick.iteration % 100 == 99:
            neurons.read(40, tick.iteration_timestamp - 40)


# -- everything of its window, once -----------------------------------------------------------


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


def contents(recording: cl.Recording) -> tuple[bytes, bytes, bytes]:
    with recording.open() as view:
        return view.samples[:].tobytes(), view.spikes[:].tobytes(), view.stims[:].tobytes()


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


# -- the window -------------------------------------------------------------------------------


@accelerated
@pytest.mark.parametrize(
    ("arguments", "start", "stop"),
    [
        ({}, 30_000, 40_000),
        ({"from_seconds_ago": 0.4}, 20_000, 40_000),
        ({"from_frames_ago": 10_001}, 19_999, 40_000),
        ({"from_timestamp": 12_345}, 12_345, 40_000),
        ({"from_timestamp": 30_000}, 30_000, 40_000),
        ({"from_seconds_ago": 0}, 30_000, 40_000),
        ({"from_seconds_ago": 100}, 0, 40_000),
        ({"stop_after_frames": 1}, 30_000, 30_001),
        ({"stop_after_seconds": 0.07}, 30_000, 31_750),
        ({"from_frames_ago": 100, "stop_after_seconds": 0.1}, 29_900, 32_400),
        ({"from_timestamp": 1_000, "stop_after_frames": 500}, 1_000, 1_500),
        ({"from_frames_ago": np.int64(5), "stop_after_frames": np.uint16(10)}, 29_995, 30_005),
    ],
)
def test_the_window_of_a_recording(arguments: dict[str, Any], start: int, stop: int) -> None:
    with cl.open() as neurons:
        neurons.read(30_000)
        recording = neurons.record(**arguments)
        assert recording.start_timestamp == start
        neurons.read(10_000)
        if "stop_after_frames" not in arguments and "stop_after_seconds" not in arguments:
            assert not recording.has_stopped()
            assert recording.status == "started"
            recording.stop()
        assert recording.has_stopped()
        assert recording.status == "stopped"
        check_same(recording, Window(neurons, start, stop))
        assert type(recording.start_timestamp) is int


@accelerated
def test_the_past_reaches_as_far_as_the_history() -> None:
    with cl.open() as neurons:
        neurons.read(200_000)
        recording = neurons.record(from_timestamp=3, stop_after_frames=60_000)
        start = recording.start_timestamp
        assert start <= 200_000 - 5 * SECOND
        window = Window(neurons, start, start + 60_000)
        neurons.read(1)
        assert recording.has_stopped(), "the past is written when time moves at the latest"
    check_same(recording, window)


def test_the_past_reaches_back_five_seconds_in_wall_clock_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = cl._core.clock.WallClock
    monkeypatch.setattr(
        clock, "restart", lambda self: setattr(self, "origin_ns", clock(0).origin_ns - 6 * 10**9)
    )
    with cl.open() as neurons:
        assert neurons.timestamp() > 6 * SECOND
        # The history leaves a writer a moment to begin.
        with still(neurons) as now:
            recording = neurons.record(from_seconds_ago=20)
            start = recording.start_timestamp
            assert now - start > 5 * SECOND
            recording.stop()
            assert duration(recording) == now - start
            window = Window(neurons, start + SECOND, start + 2 * SECOND)
    with recording.open() as view:
        np.testing.assert_array_equal(view.samples[SECOND : 2 * SECOND], window.frames)


@pytest.mark.parametrize("source", ["", CULTURE])
def test_a_late_writer_still_finds_the_past(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes to write the oldest frames 0.9 s after they could be read."""
    if source:
        monkeypatch.setenv("CL_SDK_DATA_SOURCE", source)
    may_write, write = threading.Event(), Scribe._write_block

    def write_late(scribe: Scribe, stop: int) -> None:
        may_write.wait()
        write(scribe, stop)

    monkeypatch.setattr(Scribe, "_write_block", write_late)
    clock = cl._core.clock.WallClock
    monkeypatch.setattr(
        clock, "restart", lambda self: setattr(self, "origin_ns", clock(0).origin_ns - 6 * 10**9)
    )
    with cl.open() as neurons, still(neurons) as now:
        with neurons._engine.lock:
            neurons._engine.catch_up()
        recording = neurons.record(from_seconds_ago=20)
        start = recording.start_timestamp
        window = Window(neurons, start, now)
        with pytest.MonkeyPatch.context() as later:
            later.setattr(clock, "now", lambda self: now + SECOND * 9 // 10)
            with neurons._engine.lock:
                neurons._engine.catch_up()
            assert neurons._engine.oldest > start
            may_write.set()
            recording.stop()
    with recording.open() as view:
        np.testing.assert_array_equal(view.samples[: now - start], window.frames)


@accelerated
@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (
            {"from_seconds_ago": 1, "from_frames_ago": 2},
            ValueError,
            "from_seconds_ago=1 and from_frames_ago=2",
        ),
        ({"from_timestamp": 0, "from_frames_ago": 0}, ValueError, "only one of them"),
        ({"stop_after_seconds": 1, "stop_after_frames": 2}, ValueError, "only one of them"),
        ({"from_timestamp": 101}, ValueError, "from_timestamp=101 is in the future: now is 100"),
        ({"from_timestamp": -1}, ValueError, "from_timestamp must be at least 0, not -1"),
        ({"from_frames_ago": -1}, ValueError, "from_frames_ago must be at least 0"),
        ({"from_seconds_ago": -0.1}, ValueError, "from_seconds_ago must be at least 0"),
        ({"from_frames_ago": 1.5}, TypeError, "from_frames_ago must be"),
        ({"from_seconds_ago": "1"}, TypeError, "from_seconds_ago must be a number"),
        ({"stop_after_frames": 0}, ValueError, "stop_after_frames must be at least 1"),
        ({"stop_after_frames": 2.5}, TypeError, "stop_after_frames must be"),
        ({"stop_after_seconds": 0}, ValueError, "stop_after_seconds must be above 0"),
        ({"stop_after_seconds": float("nan")}, ValueError, "must be finite"),
        ({"file_suffix": 3}, TypeError, "file_suffix must be a string"),
        ({"file_suffix": "../x"}, ValueError, "cannot hold a path"),
        ({"file_suffix": "x" * 300}, OSError, "too long"),
        ({"file_location": "no/such/folder"}, FileNotFoundError, "no/such/folder' is not a folder"),
        ({"file_location": 7}, TypeError, "int"),
        ({"attributes": {"x": object()}}, TypeError, "attributes"),
        ({"attributes": {1: 2}}, TypeError, "should be a string"),
        ({"attributes": [1]}, TypeError, "should be a dict"),
        ({"attributes": {"x": bytes(17 << 20)}}, ValueError, "at most"),
        ({"include_data_streams": "name"}, TypeError, "a list of names, not 'name'"),
        ({"include_data_streams": 3}, TypeError, "a list of names, not 3"),
        ({"exclude_data_streams": [1]}, TypeError, "exclude_data_streams holds 1"),
    ],
)
def test_bad_arguments_start_nothing(
    arguments: dict[str, Any], error: type[Exception], text: str, tmp_path: Path
) -> None:
    with cl.open() as neurons:
        neurons.read(100)
        with pytest.raises(error, match=text):
            neurons.record(**arguments)
        assert files(tmp_path) == []
        assert [t for t in threading.enumerate() if t.name == "cl-recorder"] == []


@accelerated
def test_a_body_may_record_from_its_timestamp() -> None:
    with cl.open() as neurons:
        recordings = []
        for tick in neurons.loop(1_000, stop_after_ticks=20, ignore_jitter=True):
            if tick.iteration == 5:
                neurons.read(500)
            if tick.iteration < 10:
                recordings.append(neurons.record(from_timestamp=neurons.timestamp()))
        neurons.read(100)
        for recording in recordings:
            recording.stop()
        end = neurons.timestamp()
        starts = [recording.start_timestamp for recording in recordings]
        assert starts == sorted(set(starts))
        for recording in recordings:
            check_same(recording, Window(neurons, recording.start_timestamp, end))


# -- what is in it ----------------------------------------------------------------------------


@accelerated
@pytest.mark.parametrize(
    "left_out", ["include_spikes", "include_stims", "include_raw_samples", "include_data_streams"]
)
def test_a_part_that_is_left_out(left_out: str, source: str) -> None:
    with cl.open() as neurons:
        neurons.create_data_stream("scores").append(0, 1)
        without = neurons.record(stop_after_seconds=0.2, **{left_out: False})
        everything = neurons.record(stop_after_seconds=0.2)
        closed_loop(neurons, 0.21)
        without.wait_until_stopped()
        everything.wait_until_stopped()
    with without.open() as view, everything.open() as whole:
        parts = {
            "include_spikes": (view.spikes, whole.spikes),
            "include_stims": (view.stims, whole.stims),
            "include_raw_samples": (view.samples, whole.samples),
        }
        for name, (part, reference) in parts.items():
            assert (part is None) == (name == left_out)
            if part is not None:
                np.testing.assert_array_equal(part[:], reference[:])
        assert (view.data_streams is None) == (left_out == "include_data_streams")
        assert view.attributes["duration_frames"] == 5_000
        assert view.complete


@accelerated
def test_nothing_but_time_can_be_recorded() -> None:
    with cl.open() as neurons:
        recording = neurons.record(
            include_spikes=False, include_stims=False, include_raw_samples=False, include_data_streams=False
        )
        neurons.read(1_000)
        recording.stop()
    with recording.open() as view:
        assert (view.samples, view.spikes, view.stims, view.data_streams) == (None, None, None, None)
        assert view.attributes["duration_frames"] == 1_000


@accelerated
def test_the_attributes_of_the_file() -> None:
    with cl.open() as neurons:
        neurons.read(500)
        recording = neurons.record(attributes={"dish": 7, "tags": ["a", "b"], "nested": {"x": 1.5}})
        neurons.read(2_500)
        recording.stop()
        system = cl.get_system_attributes()
    with recording.open() as view:
        found = view.attributes
        assert found.application == {"dish": 7, "tags": ["a", "b"], "nested": {"x": 1.5}}
        for name in ("hostname", "project_id", "cell_batch_id"):
            assert found[name] == system[name]
        assert (found.channel_count, found.sampling_frequency, found.frames_per_second) == (
            64,
            25_000,
            25_000,
        )
        assert found.uV_per_sample_unit == pytest.approx(0.195)
        assert (found.start_timestamp, found.end_timestamp) == (500, 3_000)
        assert (found.duration_frames, found.duration_seconds) == (2_500, 0.1)
        assert found.created_utc < found.ended_utc
        assert found.file_format["version"] == "SDK"
        assert found.file_format["stim_and_spike_timestamps_relative_to_start"] is True
        names = (
            "application hostname created_localtime ended_localtime git_hash git_branch git_tags git_status"
        )
        assert set(names.split()) <= set(found)


@accelerated
def test_application_attributes_are_as_they_stand_at_the_end() -> None:
    with cl.open() as neurons:
        recording = neurons.record(attributes={"a": 1, "b": 2}, stop_after_frames=1_000)
        assert recording.attributes == {"a": 1, "b": 2}
        recording.set_attribute("a", 10)
        neurons.read(500)
        recording.update_attributes({"b": np.arange(3), "c": "x" * 5_000})
        with pytest.raises(TypeError, match="attributes"):
            recording.update_attributes({"a": 0, "d": object()})
        with pytest.raises(ValueError, match="at most"):
            recording.set_attribute("e", bytes(17 << 20))
        neurons.read(500)
        assert recording.has_stopped()
        with pytest.raises(RuntimeError, match="has stopped"):
            recording.set_attribute("a", 11)
        assert set(recording.attributes) == {"a", "b", "c"}
        assert recording.attributes["a"] == 10
    with recording.open() as view:
        found = view.attributes.application
        assert (found["a"], found["b"].tolist(), found["c"]) == (10, [0, 1, 2], "x" * 5_000)


@accelerated
def test_pytables_reads_what_was_recorded() -> None:
    with cl.open() as neurons:
        stream = neurons.create_data_stream("game", {"level": 3})
        recording = neurons.record(attributes={"dish": 7})
        for tick in neurons.loop(100, stop_after_ticks=50):
            stream.append(neurons.timestamp(), {"n": tick.iteration})
            neurons.stim(9, 1.0)
        recording.stop()
        window = Window(neurons, 0, 12_500)
    with tables.open_file(recording.file["path"]) as file:
        root = file.root
        assert isinstance(root.spikes, tables.Table) and isinstance(root.samples, tables.EArray)
        np.testing.assert_array_equal(root.samples[:], window.frames)
        assert root.spikes.col("timestamp").tolist() == [t for t, _, _ in window.spikes]
        assert root.stims.col("channel").tolist() == [c for _, c in window.stims]
        assert root._v_attrs.application == {"dish": 7}
        assert root.data_stream.game._v_attrs.application == {"level": 3}
        assert root.data_stream.game.index.nrows == 50


# -- ending it --------------------------------------------------------------------------------


@accelerated
def test_a_view_from_before_the_end_does_not_hide_it() -> None:
    with cl.open() as neurons:
        recording = neurons.record()
        neurons.read(5_000)
        with cl.RecordingView(recording.file["path"]) as early:
            count = len(early.samples)
            neurons.read(20_000)
            recording.stop()
            check_same(recording, Window(neurons, recording.start_timestamp, neurons.timestamp()))
            assert not early.complete
            assert len(early.samples[:]) == count <= 5_000


@accelerated
def test_stopping_twice_does_nothing() -> None:
    with cl.open() as neurons:
        recording = neurons.record()
        neurons.read(100)
        recording.stop()
        neurons.read(100)
        recording.stop()
        assert duration(recording) == 100
    recording.stop()
    assert duration(recording) == 100


@accelerated
def test_stop_does_not_move_time(source: str) -> None:
    with cl.open() as neurons:
        recording = neurons.record()
        neurons.read(100)
        recording.stop()
        assert recording.has_stopped()
        assert neurons.timestamp() == 100


@accelerated
def test_it_stops_by_itself_when_time_has_come_there(source: str) -> None:
    with cl.open() as neurons:
        recording = neurons.record(stop_after_frames=1_000)
        neurons.read(999)
        assert recording.status == "started"
        with pytest.raises(RuntimeError, match="still being recorded"):
            recording.open()
        # A source that cannot be foreseen tells the samples of the last spikes 50 frames later.
        neurons.read(1 if source == "random" else 51)
        assert recording.status == "stopped"
        check_same(recording, Window(neurons, 0, 1_000))


@accelerated
def test_stopping_before_the_end_that_was_set() -> None:
    with cl.open() as neurons:
        recording = neurons.record(stop_after_frames=1_000)
        neurons.read(300)
        recording.stop()
        neurons.read(1_000)
        recording.wait_until_stopped()
        assert neurons.timestamp() == 1_300
        check_same(recording, Window(neurons, 0, 300))


@accelerated
def test_waiting_needs_an_end() -> None:
    with cl.open() as neurons:
        recording = neurons.record()
        with pytest.raises(RuntimeError, match=r"no end to wait for.*stop_after_seconds"):
            recording.wait_until_stopped()
        assert not recording.has_stopped()
        assert neurons.timestamp() == 0


@accelerated
def test_waiting_moves_time(source: str) -> None:
    with cl.open() as neurons:
        recording = neurons.record(stop_after_seconds=0.2)
        neurons.create_data_stream("x")
        recording.wait_until_stopped()
        assert recording.has_stopped()
        assert neurons.timestamp() == (5_000 if source == "random" else 5_050)
        recording.wait_until_stopped()
        check_same(recording, Window(neurons, 0, 5_000))
    recording.wait_until_stopped()


@pytest.mark.anyio
@accelerated
async def test_the_async_ends(source: str) -> None:
    async with cl.aopen() as neurons:
        first = neurons.record()
        second = neurons.record(stop_after_frames=2_000)
        with pytest.raises(RuntimeError, match="no end"):
            await first.await_until_stopped()
        await second.await_until_stopped()
        assert second.has_stopped()
        stopped = neurons.timestamp()
        assert stopped == (2_000 if source == "random" else 2_050)
        await first.astop()
        assert neurons.timestamp() == stopped
        await first.astop()
        assert duration(first) == stopped
        check_same(second, Window(neurons, 0, 2_000))


@pytest.mark.anyio
async def test_the_async_ends_in_wall_clock_time(source: str) -> None:
    async with cl.aopen() as neurons:
        first = neurons.record()
        second = neurons.record(stop_after_seconds=0.1)
        await second.await_until_stopped()
        assert neurons.timestamp() >= second.start_timestamp + 2_500
        await first.astop()
        assert first.start_timestamp + duration(first) <= neurons.timestamp()
        assert duration(first) >= 2_500
        assert duration(second) == 2_500


@pytest.mark.anyio
@accelerated
async def test_who_waits_for_the_end_finds_an_early_stop() -> None:
    async def wait(recording: cl.Recording, found: list[int]) -> None:
        await recording.await_until_stopped()
        found.append(neurons.timestamp())

    found: list[int] = []
    async with cl.aopen() as neurons, anyio.create_task_group() as group:
        recording = neurons.record(stop_after_seconds=100)
        group.start_soon(wait, recording, found)
        async for tick in neurons.aloop(100, stop_after_ticks=20):
            if tick.iteration == 9:
                await recording.astop()
    assert found == [2_500]
    assert duration(recording) == 2_500


def test_who_waits_in_wall_clock_time_finds_an_early_stop() -> None:
    with cl.open() as neurons:
        recording = neurons.record(stop_after_seconds=100)
        thread = threading.Thread(target=recording.wait_until_stopped)
        thread.start()
        recording.stop()
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.parametrize("end", [{"stop_after_seconds": 1e300}, {"stop_after_frames": 10**400}])
@pytest.mark.parametrize("virtual", ["0", "1"])
def test_an_end_may_be_as_far_away_as_one_likes(
    end: dict[str, Any], virtual: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", virtual)
    with cl.open() as neurons:
        recording = neurons.record(**end)
        neurons.read(2_500)
        assert recording.status == "started"
        recording.stop()
    assert duration(recording) >= 2_500


@pytest.mark.anyio
@accelerated
async def test_cancelling_the_async_ends() -> None:
    async with cl.aopen() as neurons:
        recording = neurons.record(stop_after_frames=50_000)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await recording.await_until_stopped()
        assert scope.cancelled_caught
        assert not recording.has_stopped()
        await neurons.asleep_until(1_000)
        other = neurons.record()
        await neurons.asleep_until(2_000)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await other.astop()
        await neurons.asleep_until(3_000)
        await other.astop()
        assert duration(other) == 1_000, "it ended when it was told to"
        await recording.await_until_stopped()
        check_same(recording, Window(neurons, 0, 50_000))


@pytest.mark.anyio
async def test_cancelling_the_async_ends_in_wall_clock_time() -> None:
    async with cl.aopen() as neurons:
        endless, other = neurons.record(stop_after_seconds=1e6), neurons.record()
        with anyio.move_on_after(0.02) as scope:
            await endless.await_until_stopped()
        assert scope.cancelled_caught
        recording = neurons.record(stop_after_seconds=0.2)
        with anyio.move_on_after(0.02):
            await recording.await_until_stopped()
        with anyio.CancelScope() as scope:
            scope.cancel()
            await other.astop()
        await recording.await_until_stopped()
        await other.astop()
        await endless.astop()
        assert duration(recording) == 5_000


# -- ended by others --------------------------------------------------------------------------


@accelerated
def test_closing_the_device_finalises(source: str) -> None:
    with cl.open() as neurons:
        recording = neurons.record(attributes={"a": 1})
        stream = neurons.create_data_stream("s")
        recording.set_attribute("a", 2)
        neurons.read(1_000)
        stream.append(1_000, "last")
        neurons.stim(8, 1.0)
        neurons.read(250)
        neurons.stim(9, 1.0)
        neurons.read(1)
    assert recording.has_stopped()
    with recording.open() as view:
        assert view.complete
        assert view.attributes.application == {"a": 2}
        assert view.attributes.duration_frames >= 1_250
        # A stim whose notice had begun was delivered: closing is an interrupt.
        assert [channel for _, channel in stim_rows(view)] == [8, 9]
        assert len(view.samples) == view.attributes.duration_frames
    assert entries(recording, "s") == [(1_000, "last")]


def test_closing_the_device_finalises_in_wall_clock_time(source: str) -> None:
    with cl.open() as neurons:
        recording = neurons.record()
        threading.Event().wait(0.2)  # the user's own code, not a way of waiting for the device
        before = neurons.timestamp()
    assert recording.start_timestamp + duration(recording) >= before


@accelerated
def test_an_exception_finalises() -> None:
    with pytest.raises(ZeroDivisionError), cl.open() as neurons:
        recording = neurons.record(stop_after_seconds=10)
        neurons.read(1_000)
        1 / 0  # noqa: B018
    assert recording.has_stopped()
    assert duration(recording) == 1_000


@accelerated
def test_stopping_the_device_finalises() -> None:
    with cl.open() as neurons:
        first = neurons.record()
        neurons.read(1_000)
        neurons.stop()
        assert first.has_stopped()
        neurons.start()
        second = neurons.record()
        neurons.read(1_000)
    assert (duration(first), duration(second)) == (1_000, 1_000)


@accelerated
def test_a_closed_device_records_no_more() -> None:
    with cl.open() as neurons:
        stream = neurons.create_data_stream("s")
    for call in (neurons.record, lambda: neurons.create_data_stream("t"), lambda: stream.append(5, 1)):
        with pytest.raises(DeviceDisconnectedError, match="closed"):
            call()


def test_a_source_that_ends_with_the_recording(accelerated: None) -> None:
    """Then the samples of the last spikes never come: the recording is whole all the same."""
    from source_tools import Source, numbered

    cl.sim.set_simulator_data_source(lambda: Source(duration_frames=1_000, seekable=False))
    try:
        with cl.open() as neurons:
            recording = neurons.record(stop_after_frames=1_000)
            recording.wait_until_stopped()
            with recording.open() as view:
                assert view.complete
                np.testing.assert_array_equal(view.samples[:], numbered(0, 1_000))
                assert [t for t, _, _ in spike_rows(view)] == list(range(0, 1_000, 100))
    finally:
        cl.sim.clear_simulator_data_source()


def test_samples_beyond_both_ends_of_a_source(accelerated: None) -> None:
    """The first frame stands for those before it, the last one for those that never come."""
    from source_tools import Source, numbered

    cl.sim.set_simulator_data_source(lambda: Source(duration_frames=40, seekable=False))
    try:
        with cl.open() as neurons:
            recording = neurons.record(stop_after_frames=40)
            recording.wait_until_stopped()
            with recording.open() as view:
                raw = np.pad(numbered(0, 40)[:, 0], (25, 10), mode="edge").astype(float)
                wanted = (raw - raw.mean()) * 0.195
                np.testing.assert_allclose(view.spikes[0]["samples"], wanted, rtol=1e-5)
    finally:
        cl.sim.clear_simulator_data_source()


def test_waiting_for_more_than_the_source_has(accelerated: None) -> None:
    from source_tools import Source

    cl.sim.set_simulator_data_source(lambda: Source(duration_frames=1_000, seekable=False))
    try:
        with cl.open() as neurons:
            recording = neurons.record(stop_after_frames=2_000)
            with pytest.raises(DeviceDisconnectedError, match="1000"):
                recording.wait_until_stopped()
            assert recording.has_stopped()
            recording.stop()
            assert duration(recording) == 1_000
    finally:
        cl.sim.clear_simulator_data_source()


# -- names ------------------------------------------------------------------------------------


@accelerated
def test_names_of_files(tmp_path: Path) -> None:
    folder = tmp_path / "my data"
    folder.mkdir()
    with cl.open() as neurons:
        plain = neurons.record()
        suffixed = neurons.record(file_suffix="my_app", file_location=folder)
        as_text = neurons.record(file_suffix="", file_location=str(folder))
    assert re.fullmatch(r"\d{4}(_\d\d){5}_recording\.h5", plain.file["name"])
    assert re.fullmatch(r"\d{4}(_\d\d){5}_my_app\.h5", suffixed.file["name"])
    assert as_text.file["name"].endswith("_recording.h5")
    assert plain.file["path"] == str(tmp_path / plain.file["name"])
    assert suffixed.file["path"] == str(folder / suffixed.file["name"])
    assert suffixed.file["uri_path"].endswith("/my%20data/" + suffixed.file["name"])
    assert sorted(plain.file) == ["name", "path", "uri_path"]
    for recording in (plain, suffixed, as_text):
        assert Path(recording.file["path"]).is_file()


@accelerated
def test_names_and_times_are_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "XXX-9")
        time.tzset()
        with cl.open() as neurons:
            recording = neurons.record()
            neurons.read(100)
            recording.stop()
    time.tzset()
    with recording.open() as view:
        for when in ("created", "ended"):
            utc = datetime.fromisoformat(view.attributes[f"{when}_utc"])
            local = datetime.fromisoformat(view.attributes[f"{when}_localtime"])
            assert (utc.utcoffset(), local.utcoffset()) == (timedelta(0), timedelta(hours=9))
            assert utc == local
            stamp = datetime.strptime(recording.file["name"][:19] + "+0000", "%Y_%m_%d_%H_%M_%S%z")
            assert abs(utc - stamp) < timedelta(hours=1)


def test_the_usual_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "data" / "recordings"
    monkeypatch.setattr(_recording_file, "_DEVICE_FOLDER", folder)
    choose = _recording_file.choose_folder
    assert choose(None, False) == choose(None, True) == Path.cwd()
    folder.mkdir(parents=True)
    assert (choose(None, False), choose(None, True)) == (folder, Path.cwd())
    assert choose("elsewhere", False) == choose("elsewhere", True) == Path.cwd() / "elsewhere"
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    assert choose(None, False) == Path.cwd()


@pytest.fixture
def at_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cl._core.clock.time, "strftime", lambda *_: "2026_11_22_10_00_00")


@accelerated
@pytest.mark.usefixtures("at_ten")
def test_a_taken_name_gets_a_number(tmp_path: Path) -> None:
    (tmp_path / "2026_11_22_10_00_00_recording_2.h5").write_text("mine")
    (tmp_path / "2026_11_22_10_00_00_recording_4.h5").mkdir()
    with cl.open() as neurons:
        recordings = [neurons.record(stop_after_frames=100 + i) for i in range(3)]
        neurons.read(200)
    names = [recording.file["name"].removeprefix("2026_11_22_10_00_00_") for recording in recordings]
    assert names == ["recording.h5", "recording_3.h5", "recording_5.h5"]
    assert (tmp_path / "2026_11_22_10_00_00_recording_2.h5").read_text() == "mine"
    assert [duration(recording) for recording in recordings] == [100, 101, 102]


@accelerated
@pytest.mark.usefixtures("at_ten")
def test_many_at_once_from_many_threads() -> None:
    found: list[cl.Recording] = []
    with cl.open() as neurons:
        threads = [threading.Thread(target=lambda: found.append(neurons.record())) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        neurons.read(3_000)
        assert len(neurons._recordings.running()) == 8
    assert len({recording.file["name"] for recording in found}) == 8
    assert len({contents(recording) for recording in found}) == 1


@accelerated
def test_repr() -> None:
    with cl.open() as neurons:
        recording = neurons.record()
        assert repr(recording) == f"Recording({recording.file['name']!r}, started)"
        neurons.read(1)
        recording.stop()
        assert repr(recording) == f"Recording({recording.file['name']!r}, stopped)"


@accelerated
def test_recordings_come_and_go(tmp_path: Path) -> None:
    """None of them is kept: neither its thread nor its file."""
    with cl.open() as neurons:
        for _ in range(20):
            neurons.record(stop_after_frames=100)
            neurons.read(130)
            neurons.record()
            for running in neurons._recordings.running():
                running.stop()
        for thread in threading.enumerate():
            if thread.name == "cl-recorder":
                thread.join(60)  # its file is closed, but it may be on its way out
                assert not thread.is_alive()
        assert neurons._engine.taps == []
    assert len(files(tmp_path)) == 40
