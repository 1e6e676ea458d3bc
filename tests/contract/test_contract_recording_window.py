"""Recordings: which window they are asked to hold (contract, section 7)."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recording_tools import (
    CULTURE,
    Window,
    check_same,
    duration,
    files,
    still,
)

import cl
from cl._recording.capture import Capture
from cl._wait import threads

SECOND = 25_000
accelerated = pytest.mark.usefixtures("accelerated")


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
    clock = cl._core.host_clock.WallClock
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
    may_write, write = threading.Event(), Capture._write_block

    def write_late(capture: Capture, stop: int) -> None:
        may_write.wait()
        write(capture, stop)

    monkeypatch.setattr(Capture, "_write_block", write_late)
    clock = cl._core.host_clock.WallClock
    monkeypatch.setattr(
        clock, "restart", lambda self: setattr(self, "origin_ns", clock(0).origin_ns - 6 * 10**9)
    )
    with cl.open() as neurons, still(neurons) as now:
        threads.catch_up(neurons._engine)
        recording = neurons.record(from_seconds_ago=20)
        start = recording.start_timestamp
        window = Window(neurons, start, now)
        with pytest.MonkeyPatch.context() as later:
            later.setattr(clock, "now", lambda self: now + SECOND * 9 // 10)
            threads.catch_up(neurons._engine)
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
