"""Disks that fail and files that were damaged."""

from __future__ import annotations

import errno
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from store_files import SYSTEM, Filler, check_tables, check_view, frames

import cl._store.write.ordered_file as ordered_file
from cl import RecordingView
from cl._store.packing import pack
from cl._store.read.reader import open_replay
from cl._store.write.header import RecordingHeader
from cl._store.write.writer import RecordingWriter

_FILL_DISK = """
import json, resource, sys
from pathlib import Path
from store_files import SYSTEM, Filler
from cl._store.write.header import RecordingHeader
from cl._store.write.writer import RecordingWriter

path, limit, sync = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
header = RecordingHeader(application={"a": 1}, system=SYSTEM, sync_seconds=sync)
filler = Filler(RecordingWriter(path, header))
flushed = filler.counts
filler.add_stream("s", {"a": 1})
error = ended = None
try:
    while True:
        filler.add(300, 20, 30, 7)
        filler.writer.set_stream_attributes("s", {"pad": "x" * (filler.frames % 900)})
        filler.writer.flush()
        flushed = filler.counts
except OSError as caught:
    error = caught.errno
try:
    filler.writer.finish(application={"a": 2})
    ended = True
except OSError:
    ended = False
print(json.dumps([error, ended, flushed]))
"""


@pytest.mark.parametrize(
    ("limit", "sync_seconds"),
    [
        *((limit, 0) for limit in (60_000, 140_000, 333_333, 500_000, 1_234_567, 3_000_001)),
        *((limit, 2) for limit in (150_000, 444_444)),
    ],
)
def test_full_disk(tmp_path: Path, limit: int, sync_seconds: int) -> None:
    """A file that may not grow: all that was flushed is there, and the recording is ended properly."""
    path = tmp_path / "full.h5"
    result = subprocess.run(
        [sys.executable, "-c", _FILL_DISK, str(path), str(limit), str(sync_seconds)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert result.returncode == 0, result.stderr
    error, ended, flushed = json.loads(result.stdout)
    assert error == errno.EFBIG
    assert path.stat().st_size <= limit
    with check_view(path, flushed) as view:
        assert view.complete
        assert view.attributes["application"] == {"a": 2}
        assert view.attributes["duration_frames"] == len(view.samples)
    check_tables(path, flushed)
    assert ended in (True, False)


class FailingDisk:
    """Lets so many more writes through, then fails; every third of several pages is a short one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, budget: int) -> None:
        self.budget = budget
        write, truncate = ordered_file._write_at, os.ftruncate

        def limited_write(descriptor: int, data: Any, address: int) -> int:
            self.spend()
            page_end = -address % 4096 or 4096
            if len(data) > page_end and self.budget % 3 == 0:
                return write(descriptor, data[:page_end], address)
            return write(descriptor, data, address)

        def limited_truncate(descriptor: int, size: int) -> None:
            self.spend()
            truncate(descriptor, size)

        monkeypatch.setattr(ordered_file, "_write_at", limited_write)
        monkeypatch.setattr(os, "ftruncate", limited_truncate)

    def spend(self) -> None:
        self.budget -= 1
        if self.budget < 0:
            raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("recovers", "sync_seconds", "stride"),
    [(True, 0, 9), (False, 0, 11), (True, 2, 17), (False, 2, 19)],
    ids=["for a moment", "for good", "for a moment, with syncs", "for good, with syncs"],
)
def test_a_disk_that_fails_at_any_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recovers: bool, sync_seconds: float, stride: int
) -> None:
    """Whichever write fails, and whether or not the disk works again when the recording is ended."""
    path = tmp_path / "r.h5"
    header = RecordingHeader(application={"a": 1}, system=SYSTEM, sync_seconds=sync_seconds)
    descriptors = len(os.listdir("/proc/self/fd"))
    failures = 0
    for budget in range(60, 460, stride):
        with monkeypatch.context() as patch:
            filler = Filler(RecordingWriter(path, header))
            disk = FailingDisk(patch, budget)
            flushed = filler.counts
            try:
                for i in range(8):
                    if i % 2:
                        filler.add_stream(f"s{i}", {"i": i})
                    filler.add(200, 30, 200, 9)
                    for name in filler.streams:
                        filler.writer.set_stream_attributes(name, {"i": i, "pad": "x" * 90 * i})
                    filler.writer.flush()
                    flushed = filler.counts
            except OSError:
                failures += 1
            disk.budget = 10_000 if recovers else -1
            try:
                filler.writer.finish()
            except OSError:
                assert disk.budget < 0
        with check_view(path, flushed) as view:
            assert view.complete or not recovers
            assert view.attributes["duration_frames"] == len(view.samples)
        check_tables(path, flushed)
        path.unlink()
        assert len(os.listdir("/proc/self/fd")) == descriptors
    assert failures > 200 // stride


def test_a_stream_entry_that_did_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is lost; what comes after it, if anything does, is found where it should be."""
    writer = RecordingWriter(tmp_path / "r.h5")
    writer.add_stream("s")
    writer.append_stream("s", 1, pack("one"))
    writer.flush()
    writer.append_stream("s", 2, pack("two" * 9000))
    with monkeypatch.context() as patch:
        FailingDisk(patch, 2)
        with pytest.raises(OSError, match="No space"):
            writer.flush()
    writer.append_stream("s", 3, pack("three"))
    writer.finish(10)
    with RecordingView(tmp_path / "r.h5") as view:
        assert dict(view.data_streams.s.items()) == {1: "one", 3: "three"}


def test_events_of_a_block_are_appended_all_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the stims do not fit, the spikes that were written before them are not in the file either."""
    filler = Filler(RecordingWriter(tmp_path / "r.h5"))
    filler.add(100, 10, 10)
    filler.writer.flush(50)
    counts = filler.counts
    with monkeypatch.context() as patch:
        disk = FailingDisk(patch, 2)
        with pytest.raises(OSError, match="No space"), filler.writer.together():
            filler.add(0, 10, 5_000)
        assert disk.budget == -1, "the spikes were written, the stims were not"
    filler.writer.finish(100)
    with check_view(tmp_path / "r.h5", counts) as view:
        assert (len(view.samples), len(view.spikes), len(view.stims)) == (100, 10, 10)


def test_the_length_without_samples_is_what_was_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = RecordingHeader(include_raw_samples=False)
    writer = RecordingWriter(tmp_path / "r.h5", header)
    writer.append_stims([5], [1])
    writer.cover(100)
    writer.flush()
    writer.append_stims(range(110, 2_000), [1] * 1_890)
    writer.cover(2_000)
    write = ordered_file._write_at

    def full(descriptor: int, data: Any, address: int) -> int:
        if len(data) > 4096:  # what is small finds a place
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data, address)

    with monkeypatch.context() as patch:
        patch.setattr(ordered_file, "_write_at", full)
        with pytest.raises(OSError, match="No space"):
            writer.finish()
    with RecordingView(tmp_path / "r.h5") as view:
        assert view.complete
        assert (view.attributes["duration_frames"], len(view.stims)) == (100, 1)


def test_a_taken_name(tmp_path: Path) -> None:
    (tmp_path / "r.h5").write_text("precious")
    with pytest.raises(FileExistsError):
        RecordingWriter(tmp_path / "r.h5")
    assert (tmp_path / "r.h5").read_text() == "precious"


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        RecordingWriter(tmp_path / "none" / "r.h5")


def test_an_unwritable_directory(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    # Root may write everywhere, but nobody among the processes.
    directory = tmp_path if os.geteuid() else Path("/proc/self/fd")
    with pytest.raises(OSError, match=r"r\.h5"):
        RecordingWriter(directory / "r.h5")
    tmp_path.chmod(0o700)


def test_a_directory_that_is_removed(tmp_path: Path) -> None:
    """On POSIX an open file outlives its name: the writer does not notice, and does not crash."""
    directory = tmp_path / "gone"
    directory.mkdir()
    writer = RecordingWriter(directory / "r.h5")
    (directory / "r.h5").unlink()
    directory.rmdir()
    writer.append_samples(frames(0, 100))
    writer.finish()
    assert not directory.exists()


def test_failing_to_begin_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for budget in range(1, 14):
        with monkeypatch.context() as patch:
            FailingDisk(patch, budget)
            with pytest.raises(OSError, match="No space"):
                RecordingWriter(tmp_path / "r.h5")
        assert list(tmp_path.iterdir()) == []


_READ_ALL = """
import sys
from pathlib import Path
from cl import RecordingView
from cl._store.read.info import format_info, info
from cl._store.read.reader import open_replay
from cl.error import UnsafeOperationError

def attempt(use):
    try:
        use()
        return 1
    except (ValueError, UnsafeOperationError):
        return 0

def read(path):
    with RecordingView(path) as view:
        for name in view.attributes:
            attempt(lambda: view.attributes[name])
        for part in (view.samples, view.spikes, view.stims):
            if part is not None:
                attempt(lambda: part[:])
        for name in view.data_streams or ():
            attempt(lambda: list(view.data_streams[name].items()))

readable = 0
for path in map(Path, sys.argv[1:]):
    readable += attempt(lambda: read(path))
    attempt(lambda: open_replay(path).close())
    attempt(lambda: format_info(info(path)))
print(readable)
"""


def read_in_a_child(paths: list[Path]) -> int:
    """Read files in a process of their own, which has to survive; return how many could be opened."""
    result = subprocess.run(
        [sys.executable, "-c", _READ_ALL, *map(str, paths)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert result.returncode == 0, (result.returncode, result.stderr[-3000:])
    return int(result.stdout)


@pytest.fixture
def original(tmp_path: Path) -> bytes:
    path = tmp_path / "original.h5"
    filler = Filler(RecordingWriter(path, RecordingHeader(application={"w": np.arange(50.0)}, system=SYSTEM)))
    for i in range(6):
        filler.add_stream(f"s{i}", {"i": i})
        filler.add(200, 60, 90, 9)
        filler.writer.flush()
    filler.writer.finish()
    return path.read_bytes()


def test_truncated_files(tmp_path: Path, original: bytes, shared_data: Path) -> None:
    """Cut anywhere: an error that says that it is cut, or what is there; never a crash."""
    random = Random(5)
    reference = (shared_data / "reference_recording.h5").read_bytes()
    paths = []
    for content in (original, reference[:1_000_000], reference):
        sizes = [0, 1, 8, 95, 96, 97, 4096, len(content) - 1]
        sizes += [random.randrange(len(content)) for _ in range(12)]
        for size in sizes:
            paths.append(tmp_path / f"cut_{len(paths)}.h5")
            paths[-1].write_bytes(content[:size])
    for path in paths:
        for reader in (RecordingView, open_replay):
            with pytest.raises(ValueError, match=path.name) as caught:
                reader(path)
        if path.stat().st_size > 96:
            assert "is truncated" in str(caught.value)
    assert read_in_a_child(paths) == 0


def test_damaged_files(tmp_path: Path, original: bytes) -> None:
    """Bytes exchanged anywhere, in the structures above all: errors, or what is there; never a crash of ours.

    Without PyTables: that one does crash on some (an attribute's type that claims to be a pointer).
    """
    random = Random(6)
    paths = []
    for i in range(30):
        content = bytearray(original)
        for _ in range(random.randrange(1, 4)):
            limit = random.choice([96, 6000, len(content)])
            content[random.randrange(limit)] = random.randrange(256)
        paths.append(tmp_path / f"damaged_{i}.h5")
        paths[-1].write_bytes(content)
    assert read_in_a_child(paths) > 5
