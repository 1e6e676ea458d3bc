"""What happens to recordings when things go wrong (contract, section 7)."""

from __future__ import annotations

import errno
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tables
from recording_tools import CULTURE, Window, check_same, duration, files, spike_rows, still, stim_rows

import cl
import cl._core.backlog as backlog
import cl._store.write.ordered_file as ordered_file
from cl._recording.capture import Capture
from cl._recording.recorder import Recorder
from cl._store.read import rest
from cl._store.read.design_rows import design_of
from cl.error import DeviceDisconnectedError, RecordingFailedError

REPOSITORY = Path(__file__).resolve().parents[2]
accelerated = pytest.mark.usefixtures("accelerated")


class Disk:
    """A disk with `room` bytes, or one that waits until it may write; a stand-in for the one that is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room = 1 << 60
        self.may_write = threading.Event()
        self.may_write.set()
        self.waits = threading.Event()
        self._write = ordered_file._write_at
        monkeypatch.setattr(ordered_file, "_write_at", self.write)

    def write(self, descriptor: int, data: bytes | memoryview, address: int) -> int:
        if not self.may_write.is_set():
            self.waits.set()
            assert self.may_write.wait(60)
        if len(data) > 512:  # what is small finds a place
            self.room -= len(data)
            if self.room < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self._write(descriptor, data, address)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def check_events(rows: list[Any], expected: list[Any], sure: int) -> None:
    """Check that rows are the expected ones, up to the frame `sure` at least."""
    assert rows == expected[: len(rows)]
    assert all(event[0] >= sure for event in expected[len(rows) :])


def check_readable(path: Path, window: Window, at_least: int = 0) -> int:
    """Check that all of a recording up to its end is there, in both libraries; return its length."""
    with cl.RecordingView(path) as view:
        frames: int = view.attributes["duration_frames"]
        assert at_least <= frames <= window.stop - window.start
        assert len(view.samples) == frames
        assert view.attributes["end_timestamp"] == view.attributes["start_timestamp"] + frames
        np.testing.assert_array_equal(view.samples[:frames], window.frames[:frames])
        check_events(spike_rows(view), window.spikes, frames)
        check_events(stim_rows(view), window.stims, frames)
        assert all(event[0] < frames for event in [*spike_rows(view), *stim_rows(view)]), "nor beyond its end"
        found = list(view.data_streams["ticks"].items()) if "ticks" in view.data_streams else []
        if "ticks" in view.data_streams:
            check_events(found, [(t, t // 125 - 1) for t in range(125, window.stop + 1, 125)], frames)
        with tables.open_file(str(path)) as file:
            assert isinstance(file.root._v_attrs.application, dict)
            np.testing.assert_array_equal(file.root.samples[:], view.samples[:])
            assert file.root.spikes.nrows == len(view.spikes)
            assert file.root.stims.nrows == len(view.stims)
            if found:
                assert file.root.data_stream.ticks.index.nrows == len(found)
    return frames


def frames_on_disk(recording: cl.Recording) -> int:
    while True:
        try:
            with cl.RecordingView(recording.file["path"]) as view:
                return len(view.samples)
        except ValueError as error:
            if "open it again" not in str(error):
                raise


def expected(ticks: int) -> Window:
    """Return what the driver's recordings hold of so many ticks, rounded up to seconds."""
    ticks = -(-ticks // 200) * 200
    with cl.open() as neurons:
        parts = []
        for tick in neurons.loop(200, stop_after_ticks=ticks):
            neurons.stim(8 + tick.iteration % 16, 1.0)
            if tick.iteration % 200 == 199:
                parts.append(Window(neurons, neurons.timestamp() - 25_000, neurons.timestamp()))
    whole = parts[0]
    whole.stop = parts[-1].stop
    for part in parts[1:]:
        whole.spikes += [(t + part.start, c, s) for t, c, s in part.spikes]
        whole.stims += [(t + part.start, c) for t, c in part.stims]
    whole.frames = np.concatenate([part.frames for part in parts])
    return whole


# -- the disk ---------------------------------------------------------------------------------


CALLS: dict[str, Callable[[cl.Recording], object]] = {
    "stop": lambda recording: recording.stop(),
    "wait_until_stopped": lambda recording: recording.wait_until_stopped(),
    "open": lambda recording: recording.open(),
    "set_attribute": lambda recording: recording.set_attribute("a", 1),
    "update_attributes": lambda recording: recording.update_attributes({"a": 1}),
}


@accelerated
def test_a_full_disk_ends_the_recording_and_nothing_else(
    disk: Disk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    window = expected(400)
    (tmp_path / "other").mkdir()
    with cl.open() as neurons:
        recording = neurons.record(stop_after_seconds=2)
        stream = neurons.create_data_stream("ticks")
        disk.room = 2_000_000
        for tick in neurons.loop(200, stop_after_ticks=300):
            neurons.stim(8 + tick.iteration % 16, 1.0)
            stream.append(tick.iteration_timestamp, tick.iteration)
        assert tick.iteration == 300, "the loop goes on"
        assert recording.has_stopped()
        assert recording.status == "stopped"
        for call in CALLS.values():
            with pytest.raises(
                RecordingFailedError, match=f"{recording.file['name']}.*No space left"
            ) as caught:
                call(recording)
            assert isinstance(caught.value.__cause__, OSError)
        disk.room = 1 << 60
        other = neurons.record(stop_after_frames=1_000)
        other.wait_until_stopped()
        assert duration(other) == 1_000
    failures = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.name for record in failures] == ["cl"]
    assert recording.file["path"] in failures[0].getMessage()
    assert 10_000 < check_readable(Path(recording.file["path"]), window) < 16_000


@pytest.mark.anyio
@accelerated
async def test_a_full_disk_and_the_async_ends(disk: Disk) -> None:
    async with cl.aopen() as neurons:
        recording = neurons.record(stop_after_seconds=2)
        disk.room = 2_000_000
        with pytest.raises(RecordingFailedError, match="No space left"):
            await recording.await_until_stopped()
        with pytest.raises(RecordingFailedError, match="No space left"):
            await recording.astop()
        assert neurons.timestamp() <= 50_000
        assert (await neurons.aread(100)).shape == (100, 64)


def test_a_full_disk_in_wall_clock_time(disk: Disk) -> None:
    with cl.open() as neurons:
        disk.room = 100_000
        recording = neurons.record(stop_after_seconds=0.3)
        with pytest.raises(RecordingFailedError, match="No space left"):
            recording.wait_until_stopped()
        neurons.read(7_500, recording.start_timestamp)
        with still(neurons):
            window = Window(neurons, recording.start_timestamp, recording.start_timestamp + 7_500)
    check_readable(Path(recording.file["path"]), window)


@accelerated
@pytest.mark.parametrize("room", range(0, 300_000, 37_000))
def test_a_disk_that_is_full_at_any_moment(disk: Disk, room: int) -> None:
    """Also while the file is closed: whatever was not reported lost is there."""
    window = expected(200)
    with cl.open() as neurons:
        recording = neurons.record(stop_after_frames=2_000)
        stream = neurons.create_data_stream("ticks")
        disk.room = room
        for tick in neurons.loop(200, stop_after_ticks=17):
            neurons.stim(8 + tick.iteration % 16, 1.0)
            stream.append(tick.iteration_timestamp, tick.iteration)
        try:
            recording.stop()
            failed = False
        except RecordingFailedError:
            failed = True
        assert failed == (disk.room < 0)
    disk.room = 1 << 60
    frames = check_readable(Path(recording.file["path"]), window)
    if not failed:
        assert frames == 2_000


def stand_still(neurons: cl.Neurons, disk: Disk, seconds: float) -> cl.Recording:
    """Return a recording whose disk stood still for so long, as device time goes, and works again."""
    clock = neurons._engine.time.clock
    assert clock is not None
    recording = neurons.record()
    while not frames_on_disk(recording):
        neurons.read(500)
    disk.may_write.clear()
    assert disk.waits.wait(60), "the writer is served by itself"
    clock.origin_ns -= int(seconds * 10**9)
    neurons.read(1)
    disk.may_write.set()
    return recording


def test_a_disk_that_stands_still_for_longer_than_the_history(disk: Disk) -> None:
    """As a program that was stopped for a while: what was not written is kept for it."""
    with cl.open() as neurons:
        recording = stand_still(neurons, disk, 15)
        neurons.read(1_000)
        recording.stop()
        start, frames = recording.start_timestamp, duration(recording)
        assert frames > 15 * 25_000
        device: Any = neurons._engine.device
        expected = device.acquisition.frames(start, start + frames)
        times, channels, *_ = device._source.spikes(start, start + frames)
    with recording.open() as view:
        assert view.complete and "frames_lost" not in view.attributes
        np.testing.assert_array_equal(view.samples[:], expected)
        assert [row[:2] for row in spike_rows(view)] == [
            (t - start, c) for t, c in zip(times, channels, strict=True)
        ]


def test_a_source_whose_frames_are_made_once(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are kept for the recording, too."""
    monkeypatch.setenv("CL_SDK_DATA_SOURCE", CULTURE)
    with cl.open() as neurons:
        recording = stand_still(neurons, disk, 9)
        recording.stop()
        assert duration(recording) > 9 * 25_000
    with recording.open() as view:
        assert "frames_lost" not in view.attributes
        assert view.samples[:].any(axis=1).all(), "no frame is all zeros"


def test_a_disk_that_stands_still_for_too_long_leaves_a_gap(
    disk: Disk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The recording goes on; what was lost is counted, and zeros stand for it."""
    monkeypatch.setattr(backlog, "LONGEST", 150_000)
    with cl.open() as neurons:
        recording = stand_still(neurons, disk, 20)
        neurons.read(30_000)
        recording.stop()
        start, frames = recording.start_timestamp, duration(recording)
        device: Any = neurons._engine.device
        expected = device.acquisition.frames(start, start + frames)
    with recording.open() as view:
        samples = view.samples[:]
        missing = ~samples.any(axis=1)
        assert view.attributes["frames_lost"] == missing.sum() > 0
        np.testing.assert_array_equal(samples[~missing], expected[~missing])
        assert not missing[-25_000:].any(), "it goes on"
        first = int(missing.argmax())
        assert missing[first : first + missing.sum()].all(), "in one piece"
    said = [r.getMessage() for r in caplog.records if "cannot keep up" in r.getMessage()]
    assert len(said) == 1 and f"frames from {start + first} on" in said[0]


def test_a_file_that_was_cut_or_replaced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with cl.open() as neurons:
        recordings = [neurons.record() for _ in range(3)]
        while not all(frames_on_disk(recording) for recording in recordings):
            neurons.read(500)
        other = tmp_path / "other.h5"
        other.write_bytes(b"precious")
        other.replace(recordings[1].file["path"])

        def said() -> list[str]:
            texts = [record.getMessage() for record in caplog.records]  # others are of a machine that is busy
            return [text for text in texts if "was cut" in text or "is another file" in text]

        while len(said()) < 2:
            if "was cut" not in caplog.text:  # One between a look and what is written after it is not seen.
                os.truncate(recordings[0].file["path"], 10_000)
            neurons.read(500)
        for recording, text in zip(
            recordings, (r"was cut .* 10000 of \d+ bytes", "is another file"), strict=False
        ):
            with pytest.raises(RecordingFailedError, match=f"{recording.file['name']}.*{text}"):
                recording.stop()
        recordings[2].stop()
    assert Path(recordings[1].file["path"]).read_bytes() == b"precious"
    assert len(said()) == 4, "each is warned of, and fails"


def test_a_slow_disk_does_not_delay_a_loop(disk: Disk) -> None:
    with cl.open() as neurons:
        recording = neurons.record()
        disk.may_write.clear()
        assert disk.waits.wait(60)
        for tick in neurons.loop(100, stop_after_ticks=20):
            tick.frames  # noqa: B018
        assert not recording.has_stopped()
        disk.may_write.set()
        recording.stop()
        with still(neurons):
            start = recording.start_timestamp
            window = Window(neurons, start, start + duration(recording))
    check_same(recording, window)


def test_a_recording_that_is_late_does_not_wait_for_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a busy host: what is older than a second has to be readable, that comes before a late tick."""
    late: list[float] = []
    with cl.open() as neurons:
        clock = neurons._engine.time.clock
        assert clock is not None
        recording = neurons.record()
        capture = recording._recorder._capture._capture
        monkeypatch.setattr(
            "cl._recording.capture.wait_for_tick_gap",
            lambda engine: late.append(-clock.seconds_until(capture._at)),
        )
        neurons.read(1)
        clock.origin_ns -= 4 * 10**9
        recording.stop()
        assert duration(recording) >= 100_000
    assert all(seconds < 2 for seconds in late)


@accelerated
def test_time_waits_for_a_slow_disk_that_writes_the_past(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is recorded from the far end of the history is not dropped before it is written."""
    may_write = threading.Event()
    write, take = Capture._write_until, Recorder.take

    def held(capture: Capture, *arguments: Any) -> None:
        assert may_write.wait(60)
        write(capture, *arguments)

    def release(recorder: Recorder, position: int) -> None:
        may_write.set()
        take(recorder, position)

    monkeypatch.setattr(Capture, "_write_until", held)
    monkeypatch.setattr(Recorder, "take", release)
    with cl.open() as neurons:
        for tick in neurons.loop(1_000, stop_after_seconds=6):
            neurons.stim(8 + tick.iteration % 16, 1.0)
        # The history is cut in the midst of the read that follows the start.
        neurons.read(neurons._engine._next_trim - 100 - neurons.timestamp())
        now, oldest = neurons.timestamp(), neurons._oldest()
        window = Window(neurons, oldest, now)
        recording = neurons.record(from_timestamp=0)
        assert recording.start_timestamp == oldest > 0
        neurons.read(4_900)
        may_write.set()
        recording.stop()
    with recording.open() as view:
        np.testing.assert_array_equal(view.samples[: now - oldest], window.frames)
        assert spike_rows(view)[: len(window.spikes)] == window.spikes
        assert stim_rows(view)[: len(window.stims)] == window.stims


_LIMITED = """
import resource, sys
import cl
with cl.open() as neurons:
    recording = neurons.record()
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
    for tick in neurons.loop(200, stop_after_seconds=2):
        neurons.stim(8 + tick.iteration % 16, 1.0)
    try:
        recording.stop()
    except cl.error.RecordingFailedError as error:
        print(error)
        print(recording.file["path"])
"""


def environment(**more: str) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), *sys.path]),
        "CL_SDK_VISUALISATION": "0",
        "CL_SDK_RANDOM_SEED": "7",
        **more,
    }


@accelerated
def test_a_real_limit_of_the_size_of_files() -> None:
    found = subprocess.run(
        [sys.executable, "-c", _LIMITED], capture_output=True, text=True, env=environment(), timeout=100
    )
    assert found.returncode == 0, found.stderr
    message, path = found.stdout.splitlines()
    assert "File too large" in message
    # 3 MB have 23 437 frames, and less with what else there is: a log in large pieces, stims, waveforms.
    assert check_readable(Path(path), expected(400), at_least=19_500) < 24_000


@accelerated
def test_places_that_cannot_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")
    with cl.open() as neurons:
        with pytest.raises(OSError, match="/proc/1"):
            neurons.record(file_location="/proc/1")
        with pytest.raises(OSError, match="file' is not a folder"):
            neurons.record(file_location=tmp_path / "file")
        gone = tmp_path / "gone"
        gone.mkdir()
        monkeypatch.chdir(gone)
        gone.rmdir()
        with pytest.raises(OSError):
            neurons.record()
        monkeypatch.chdir(tmp_path)
        neurons.read(10)
        assert neurons._recordings.running() == []
    assert files(tmp_path) == ["file"]


@accelerated
def test_a_folder_that_is_removed_meanwhile(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    with cl.open() as neurons:
        recording = neurons.record(file_location=folder)
        neurons.read(6_000)
        Path(recording.file["path"]).unlink()
        folder.rmdir()
        neurons.read(20_000)
        assert [r.getMessage() for r in caplog.records if "is no longer there" in r.getMessage()]
        with pytest.raises(RecordingFailedError, match="is no longer there"):
            recording.stop()


@accelerated
def test_a_file_that_is_renamed_meanwhile_is_written_on(tmp_path: Path) -> None:
    with cl.open() as neurons:
        recording = neurons.record()
        neurons.read(6_000)
        Path(recording.file["path"]).rename(tmp_path / "mine.h5")
        neurons.read(6_000)
        window = Window(neurons, 0, 12_000)
        with pytest.raises(RecordingFailedError, match="is no longer there"):
            recording.stop()
    with cl.RecordingView(tmp_path / "mine.h5") as view:
        assert view.complete
        np.testing.assert_array_equal(view.samples[:], window.frames)


@accelerated
def test_no_thread_to_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with cl.open() as neurons:
        neurons.read(10)
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            with pytest.raises(RuntimeError, match="can't start"):
                neurons.record()
        assert files(tmp_path) == []
        assert neurons._recordings.running() == []


# -- the source -------------------------------------------------------------------------------


@pytest.mark.parametrize("accelerated_time", ["0", "1"])
def test_a_device_that_fails_finalises(accelerated_time: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", accelerated_time)
    monkeypatch.setenv("CL_SDK_DATA_SOURCE", CULTURE)
    with cl.open() as neurons:
        recording = neurons.record(attributes={"a": 1})
        later = neurons.record(stop_after_seconds=100)
        stream = neurons.create_data_stream("ticks")
        neurons.read(5_000)
        stream.append(later.start_timestamp + 125, 0)
        with neurons._engine.lock:
            neurons._engine.fail(OSError("unplugged"))
        with pytest.raises(DeviceDisconnectedError, match="unplugged"):
            later.wait_until_stopped()
        recording.stop()
        with pytest.raises(DeviceDisconnectedError):
            neurons.record()
        for found in (recording, later):
            assert found.has_stopped()
            with found.open() as view:
                assert view.complete
                assert len(view.samples) == view.attributes.duration_frames >= 5_000
                assert len(view.data_streams["ticks"]) == 1


@pytest.mark.anyio
@accelerated
async def test_who_waits_when_the_device_fails() -> None:
    async with cl.aopen() as neurons:
        recording = neurons.record(stop_after_seconds=100)

        def fail() -> None:
            with neurons._engine.lock:
                neurons._engine.fail(OSError("unplugged"))

        timer = threading.Timer(0.01, fail)
        timer.start()
        with pytest.raises(DeviceDisconnectedError, match="unplugged"):
            await recording.await_until_stopped()
        timer.join()
        assert recording.has_stopped()


@accelerated
def test_a_recording_that_has_not_ended_has_no_events_beyond_its_length() -> None:
    """A process killed now leaves it like this; the last frames wait for their spikes' samples."""
    with cl.open() as neurons:
        recording = neurons.record()
        neurons.read(4_960)
        neurons.stim(8, 1.0)
        neurons.read(100)
        with cl.RecordingView(recording.file["path"]) as view:
            assert not view.complete
            frames = view.attributes.duration_frames
            assert 4_900 < frames <= 5_060
            assert all(t < frames for t, _ in stim_rows(view))
        recording.stop()
        with recording.open() as view:
            assert stim_rows(view) == [(4_962, 8)]


@accelerated
def test_a_running_file_lacks_at_most_half_a_second_and_less_at_its_beginning() -> None:
    missing = []
    with cl.open() as neurons:
        recording = neurons.record()
        for _ in range(75):
            neurons.read(2_000)
            with cl.RecordingView(recording.file["path"]) as view:
                missing.append(neurons.timestamp() - view.attributes.duration_frames)
        recording.stop()
    cut_later = 75
    assert max(missing[:10]) <= 5_000 + cut_later
    assert 5_000 + cut_later < max(missing) <= 12_500 + cut_later


# -- processes that end -----------------------------------------------------------------------


def drive(mode: str, folder: Path, count: int) -> Iterator[tuple[Path, int]]:
    driver = Path(__file__).with_name("recording_driver.py")
    result = subprocess.run(
        [sys.executable, str(driver), mode, str(folder), str(count), "3"],
        capture_output=True,
        text=True,
        timeout=100,
        env=environment(),
    )
    assert result.returncode == 0, result.stdout + result.stderr
    lines = result.stdout.splitlines()
    assert len(lines) == count
    for line in lines:
        name, frames = line.split()
        yield folder / name, int(frames)


KILLED = {"virtual": 4, "still": 1, "closing": 8, "closing-wall": 3, "wall": 2}


@accelerated
@pytest.mark.parametrize("mode", list(KILLED))
def test_a_killed_process_leaves_what_is_older_than_a_second(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = list(drive(mode, tmp_path, KILLED[mode]))
    window = expected(ticks_of(path for path, _ in killed))
    for path, frames in killed:
        if mode.endswith("wall"):
            check_wall(path, window, frames)
        else:
            check_readable(path, window, frames)
        with cl.RecordingView(path) as view:
            assert not view.complete or ("closing" in mode and "closing" in view.attributes.application)
            # What was told more than a second before the kill had been appended.
            assert frames == 0 or frames in view.data_streams["ticks"]
            derived = dict(view.attributes)
        check_recovery(path, derived, monkeypatch)
        check_companions(path, mode.endswith("wall"))


def ticks_of(paths: Iterable[Path]) -> int:
    """Return how many of the driver's ticks it takes to come to the ends of all files."""
    ends = []
    for path in paths:
        with cl.RecordingView(path) as view:
            ends.append(view.attributes["end_timestamp"])
    return max(ends) // 125 + 1


def check_wall(path: Path, window: Window, at_least: int) -> None:
    """In wall-clock time the window begins anywhere: the frames tell where."""
    with cl.RecordingView(path) as view:
        start = view.attributes["start_timestamp"]
        frames = view.attributes["duration_frames"]
        assert frames >= at_least
        np.testing.assert_array_equal(view.samples[:], window.frames[start : start + frames])
        spikes = [(t - start, c, s) for t, c, s in window.spikes if t >= start]
        check_events(spike_rows(view), spikes, frames)
        stims = stim_rows(view)
        assert stims == sorted(set(stims))
        # The channels took turns; in a loop that was late, two may have come at once.
        counts = [sum(channel == c for _, channel in stims) for c in range(8, 24)]
        assert max(counts) - min(counts) <= 2
        ticks = list(view.data_streams["ticks"].values()) if "ticks" in view.data_streams else []
        assert ticks == list(range(len(ticks)))


def check_companions(path: Path, in_wall_clock_time: bool) -> None:
    """Check that every stim has its design, and that only wall-clock time has a clock, from its start on."""
    with cl.RecordingView(path) as view, h5py.File(path) as file:
        assert len(file["stim_designs"]) == len(file["stims"])
        for stim, row in zip(view.stims, view.stim_designs, strict=True):
            current = 0.1 * (stim["channel"] - 7)
            assert design_of(row) == cl.StimDesign(160, -current, 160, current)
        assert (view.clock is not None) == in_wall_clock_time
        assert view.clock is None or not len(view.samples) or view.clock[0]["timestamp"] == 0


def check_recovery(path: Path, derived: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Check that the command recovers a file in place, once, and leaves nothing else behind."""
    monkeypatch.setattr(rest, "REST_S", 0)  # its process is gone
    before = files(path.parent)
    with cl.RecordingView(path) as view:
        was_complete = view.complete
    from cl.__main__ import main

    os.utime(path, (0, 0))  # as if it had been left alone for a while
    assert main(["recover", str(path)]) == 0
    with cl.RecordingView(path) as view:
        assert view.complete
        found = dict(view.attributes)
        assert was_complete or found.pop("recovered_utc")
        assert was_complete or found == derived
    assert files(path.parent) == before


@accelerated
@pytest.mark.parametrize(("mode", "count"), [("interrupted", 8), ("interrupted-wall", 3)])
def test_ctrl_c_at_any_moment_leaves_a_complete_file(mode: str, count: int, tmp_path: Path) -> None:
    interrupted = list(drive(mode, tmp_path, count))
    window = expected(ticks_of(path for path, _ in interrupted))
    for path, frames in interrupted:
        with cl.RecordingView(path) as view:
            assert view.complete
            assert frames == 0 or frames in view.data_streams["ticks"]
        check_companions(path, mode.endswith("wall"))
        if mode.endswith("wall"):
            check_wall(path, window, frames)
        else:
            check_readable(path, window, frames)
