"""Recordings in several files, and compressed ones: that together they hold what one file holds, once."""

from __future__ import annotations

import errno
import os
import random
import signal
import struct
import time
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from recording_tools import files
from vendor import need_vendor, run_vendor

import cl
from cl.analysis import open_many
from cl.sim import Simulator

SECOND = 25_000
KILLS = int(os.environ.get("CL_ROTATION_KILLS", "4"))
"""How many processes are killed in the midst of their files."""


def paths(recording: cl.Recording) -> list[str]:
    return [file["path"] for file in recording.files]


def joined(parts: list[str]) -> dict[str, Any]:
    """Return what files hold together, in frames of the first, and check that they follow one another."""
    found: dict[str, Any] = {"samples": [], "spikes": [], "stims": [], "designs": [], "entries": []}
    begin = end = None
    for number, path in enumerate(parts, 1):
        with cl.RecordingView(path) as view:
            start, frames = view.attributes["start_timestamp"], view.attributes["duration_frames"]
            if len(parts) > 1:
                previous = Path(parts[number - 2]).name if number > 1 else ""
                assert view.attributes["part"] == {"number": number, "previous": previous}
            assert end in (None, start), "a gap, or the same twice"
            begin, end = start if begin is None else begin, start + frames
            shift = start - begin
            assert view.samples.shape == (frames, 64)
            found["samples"].append(view.samples[:])
            for name in ("spikes", "stims"):
                rows = getattr(view, name)[:]
                assert len(rows) == 0 or 0 <= rows["timestamp"].min() <= rows["timestamp"].max() < frames
                rows["timestamp"] += shift
                found[name].append(rows)
            found["designs"].append(view.stim_designs[:])
            for name, stream in view.data_streams.items():
                found["entries"] += [(name, key + shift, value) for key, value in stream.items()]
    return {name: sorted(part) if name == "entries" else np.concatenate(part) for name, part in found.items()}


def program(neurons: cl.Neurons, seconds: float) -> None:
    """Answer spikes, publish, and append what is of later and of earlier frames, too."""
    ticks = neurons.create_data_stream("ticks")
    early, late = neurons.create_data_stream("early"), neurons.create_data_stream("late")
    for tick in neurons.loop(100, stop_after_seconds=seconds, ignore_jitter=True):
        now = tick.iteration_timestamp
        ticks.append(now, tick.iteration)
        early.append(now + 300, {"i": tick.iteration})
        late.append(now - 700, "x" * (tick.iteration % 7))
        for spike in tick.analysis.spikes[:2]:
            neurons.stim(spike.channel, cl.StimDesign(160, -1.0, 160, 1.0))


@pytest.mark.parametrize("source", [None, "cl.sim.culture:create"])
def test_files_hold_together_what_one_holds(tmp_path: Path, source: str | None) -> None:
    with cl.open(device=Simulator(source, seed=3, accelerated=True)) as neurons:
        neurons.read(1_021)
        whole = neurons.record("whole", from_frames_ago=200)
        parts = neurons.record("parts", from_frames_ago=200, new_file_every_seconds=1, compression="gzip")
        program(neurons, 3.2)
        assert len(parts.files) == 4 and parts.file == parts.files[-1]
        assert parts.attributes["part"]["number"] == 4
        parts.set_attribute("late", True)
        whole.stop()
        parts.stop()
    assert [file["name"][20:] for file in parts.files] == [f"parts_part000{i}.h5" for i in (1, 2, 3, 4)]
    with pytest.raises(RuntimeError, match="has 4 files: cl.analysis.open_many"):
        parts.open()
    one, many = joined(paths(whole)), joined(paths(parts))
    assert len(one["spikes"]) > 100 and len(one["stims"]) > 50 and len(one["entries"]) == 960
    for name, rows in one.items():
        assert len(many[name]) == len(rows), name
        assert (many[name] == rows).all() if isinstance(rows, np.ndarray) else many[name] == rows, name
    with open_many(reversed(paths(parts))) as view, whole.open() as single:
        assert view.attributes["duration_frames"] == single.attributes["duration_frames"]
        assert view.spans() == [(0, SECOND), (SECOND, SECOND), (2 * SECOND, SECOND), (3 * SECOND, 5200)]
    for path in paths(parts):
        with cl.RecordingView(path) as view:
            assert view.complete
            assert view.attributes["application"] == ({"late": True} if path == paths(parts)[-1] else {})
            samples = view.file.root.samples  # PyTables'
            assert (samples.filters.complib, samples.filters.shuffle) == ("zlib", True)
            assert np.array_equal(samples[:], view.samples[:])
        assert os.stat(path).st_size < 0.75 * os.stat(whole.file["path"]).st_size / 3


@pytest.mark.parametrize("length", [1, 2 * SECOND, 2 * SECOND + 1])
def test_no_file_is_empty(accelerated: None, tmp_path: Path, length: int) -> None:
    with cl.open() as neurons:
        recording = neurons.record(stop_after_frames=length, new_file_every_seconds=1.0)
        recording.wait_until_stopped()
        stopped = neurons.record(new_file_every_seconds=1.0)
        neurons.read(length)
        stopped.stop()
    for each in (recording, stopped):
        found = joined(paths(each))
        assert len(found["samples"]) == length and len(each.files) == -(-length // SECOND)


def test_bad_requests_begin_nothing(accelerated: None, tmp_path: Path) -> None:
    with cl.open() as neurons:
        for bad, error, match in (
            ({"compression": "lzf"}, ValueError, "'gzip-1' to 'gzip-9', not 'lzf'"),
            ({"compression": "gzip-0"}, ValueError, "gzip-0"),
            ({"compression": 4}, TypeError, "not 4"),
            ({"new_file_every_seconds": 0.5}, ValueError, "at least 1, not 0.5"),
            ({"new_file_every_seconds": "1"}, TypeError, "new_file_every_seconds"),
        ):
            with pytest.raises(error, match=match):
                neurons.record(**bad)
    assert files(tmp_path) == []


def test_a_file_that_cannot_be_made_ends_nothing(
    accelerated: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import cl._recording.files as recording_files

    made = recording_files.create_next
    refused = [True, False, True, False]

    def create(*arguments: Any) -> Any:
        if refused.pop(0):
            raise OSError(errno.EMFILE, "Too many open files")
        return made(*arguments)

    monkeypatch.setattr(recording_files, "create_next", create)
    with cl.open() as neurons:
        recording = neurons.record(stop_after_seconds=4.5, new_file_every_seconds=1)
        recording.wait_until_stopped()
    assert len(joined(paths(recording))["samples"]) == 4.5 * SECOND
    assert [len(joined([path])["samples"]) / SECOND for path in paths(recording)] == [2, 2, 0.5]
    assert caplog.text.count("goes on in this file, no new one can be made") == 2


def test_time_that_stands_still_is_on_the_disk(accelerated: None, tmp_path: Path) -> None:
    """Also the frames that do not fill a chunk; the ones that follow come behind them."""
    with cl.open() as neurons:
        recording = neurons.record(compression="gzip")
        for frames in (700, 100, 5_000):
            neurons.read(frames)
            now = neurons.timestamp()
            until = time.monotonic() + 20
            while cl.RecordingView(recording.file["path"]).attributes["duration_frames"] < now:
                assert time.monotonic() < until
                time.sleep(0.02)
        expected = neurons.read(5_800, 0)
        recording.stop()
    with recording.open() as view:
        np.testing.assert_array_equal(view.samples[:], expected)


@pytest.fixture
def device() -> Iterator[str]:
    if not hasattr(os, "eventfd"):
        pytest.skip("devices need Linux")
    from cl.hw.emulator import EmulatorProcess

    with EmulatorProcess("--seed", "7", "--liveness-ms", "1000") as emulator:
        yield emulator.address


def test_on_a_device(device: str, tmp_path: Path) -> None:
    with cl.open(device=device) as neurons:
        recording = neurons.record(stop_after_seconds=1.3, new_file_every_seconds=1, compression="gzip-1")
        whole = neurons.record(from_timestamp=recording.start_timestamp, stop_after_seconds=1.3)
        neurons.read(1_000)  # the program has entries of 700 frames ago
        program(neurons, 0.5)
        recording.wait_until_stopped()
        whole.wait_until_stopped()
    one, many = joined(paths(whole)), joined(paths(recording))
    assert len(recording.files) == 2 and len(one["spikes"]) > 20
    for name in ("samples", "spikes", "stims"):
        assert np.array_equal(one[name], many[name]), name
    with open_many(paths(recording)) as view:
        assert view.attributes["recorded_frames"] == 1.3 * SECOND


# -- killed --------------------------------------------------------------------------------------

_MARK = struct.Struct("<Qd")


def record_until_killed(folder: Path, seed: int, pipe: int) -> None:
    """Record, and tell which frames were there when."""
    signal.alarm(60)  # Whatever happens, it does not stay.
    device = Simulator(seed=seed, accelerated=True)
    with cl.open(device=device) as neurons:
        stream = neurons.create_data_stream("ticks")
        neurons.record(file_location=folder, new_file_every_seconds=1, compression="gzip-1")
        os.write(pipe, b"begun")
        for tick in neurons.loop(200):
            neurons.stim(8 + tick.iteration % 16, 1.0)
            stream.append(tick.iteration_timestamp, tick.iteration)
            os.write(pipe, _MARK.pack(tick.iteration_timestamp, time.monotonic()))


def kill_one(folder: Path, seed: int) -> int:
    """Kill a process that records; return up to which frame everything has to be there."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            record_until_killed(folder, seed, writing)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read(5) == b"begun"
        # Behind one of the first turns to another file: the moments are around them.
        for frame, _ in iter(lambda: _MARK.unpack(pipe.read(_MARK.size)), None):
            if frame >= (1 + seed % 3) * SECOND:
                break
        time.sleep(random.Random(seed).random() * 0.02)
        killed = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        rest = pipe.read()
    marks = list(_MARK.iter_unpack(rest[: len(rest) // _MARK.size * _MARK.size]))
    # What is older than a second is promised of a process that runs: between two ticks it stood still.
    gaps = [later - when for when, later in pairwise([*(when for _, when in marks), killed])]
    second = 1.0 + sum(gap for gap in gaps if gap > 0.05)
    return max((given for given, when in marks if when < killed - second), default=0)


@pytest.mark.parametrize("seed", range(KILLS))
def test_killed_around_a_turn(tmp_path: Path, seed: int) -> None:
    promised = kill_one(tmp_path, seed)
    parts = [str(tmp_path / name) for name in files(tmp_path)]
    for path in parts:
        with h5py.File(path) as file:
            # The samples are told of first, and the attribute a moment later.
            assert len(file["samples"][:]) >= file.attrs["duration_frames"]
    found = joined(parts)
    frames = len(found["samples"])
    assert frames >= max(promised, 1) and len(parts) in (frames // SECOND, frames // SECOND + 1)
    with cl.open(device=Simulator(seed=seed, accelerated=True)) as neurons:
        first = max(0, frames - 4 * SECOND)
        neurons.read(1)
        expected = [neurons.read(min(1_000, frames - at), at) for at in range(first, frames, 1_000)]
    assert np.array_equal(found["samples"][first:], np.concatenate(expected))
    ticks = [value for _, _, value in found["entries"]]
    assert ticks == list(range(len(ticks))) and len(ticks) >= frames // 125 - 1


def test_a_power_cut_around_a_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file gets its name when the one before is on the disk with its end, and so is its own begin."""
    import cl._store.write.ordered_file as ordered_file

    write, sync, link = ordered_file._write_at, ordered_file._to_disk, os.link
    unsynced: dict[int, int] = {}
    named: list[tuple[dict[int, int], bool]] = []

    def written(descriptor: int, data: Any, address: int) -> int:
        unsynced[descriptor] = unsynced.get(descriptor, 0) + len(data)
        return write(descriptor, data, address)

    def synced(descriptor: int) -> None:
        sync(descriptor)
        unsynced.pop(descriptor, None)

    def linked(source: Any, target: Any, **more: Any) -> None:
        before = [path for path in tmp_path.iterdir() if path.suffix == ".h5"]
        ended = all(cl.RecordingView(path).complete for path in before)
        named.append((dict(unsynced), ended))
        link(source, target, **more)

    monkeypatch.setenv("CL_SDK_SYNC_SECONDS", "2")
    monkeypatch.setattr(ordered_file, "_write_at", written)
    monkeypatch.setattr(ordered_file, "_to_disk", synced)
    monkeypatch.setattr(os, "link", linked)
    with cl.open(device=Simulator(seed=1, accelerated=True)) as neurons:
        recording = neurons.record(stop_after_seconds=2.2, new_file_every_seconds=1)
        recording.wait_until_stopped()
    if not named:
        pytest.skip("the system has no files without a name")
    assert len(recording.files) == 1 + len(named) == 3
    assert named == [({}, True), ({}, True)]
    assert unsynced == {}


def test_cl_sdk_reads_them(tmp_path: Path) -> None:
    need_vendor()
    with cl.open(device=Simulator(seed=1, accelerated=True), culture={"species": "Rattus"}) as neurons:
        neurons.read(1_000)
        recording = neurons.record(stop_after_seconds=1.5, new_file_every_seconds=1, compression="gzip")
        program(neurons, 1.5)
        recording.wait_until_stopped()
    one = joined(paths(recording))
    code = (
        "import sys, zlib; from cl import RecordingView\n"
        "for path in sys.argv[1:]:\n"
        "    with RecordingView(path) as view:\n"
        "        print(zlib.crc32(view.samples[:].tobytes()), len(view.spikes), len(view.stims),\n"
        "              view.attributes['culture']['species'], view.attributes['part']['number'])\n"
    )
    output, errors, status = run_vendor("-c", code, *paths(recording), cwd=tmp_path)
    assert status == 0, errors
    rows = [line.split() for line in output.splitlines() if line.endswith(("Rattus 1", "Rattus 2"))]
    assert [int(row[0]) for row in rows] == [
        zlib.crc32(one["samples"][:SECOND].tobytes()),
        zlib.crc32(one["samples"][SECOND:].tobytes()),
    ]
    assert sum(int(row[1]) for row in rows) == len(one["spikes"])
