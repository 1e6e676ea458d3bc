"""What is promised of a power cut, and what a disk that cannot keep to it does (contract, section 7)."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

import pytest
import tables

import cl
import cl._store.write.ordered_file as ordered_file
from cl.error import RecordingFailedError

accelerated = pytest.mark.usefixtures("accelerated")


class Syncs:
    """Counts the syncs, and lets them fail from the n-th on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.files = self.folders = 0
        self.fails_at: int | None = None
        to_disk, fsync = ordered_file._to_disk, os.fsync

        def sync(descriptor: int) -> None:
            self.files += 1
            if self.fails_at is not None and self.files >= self.fails_at:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            to_disk(descriptor)

        def sync_folder(descriptor: int) -> None:
            self.folders += 1
            fsync(descriptor)

        monkeypatch.setattr(ordered_file, "_to_disk", sync)
        monkeypatch.setattr(os, "fsync", sync_folder)


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> Syncs:
    return Syncs(monkeypatch)


def said(recording: cl.Recording) -> object:
    """Return what the file says of it, as two libraries read it."""
    path = recording.file["path"]
    with cl.RecordingView(path) as view, tables.open_file(path) as file:
        ours = view.attributes.get("sync_seconds")
        assert ours == getattr(file.root._v_attrs, "sync_seconds", None)
        return ours


def record(seconds: float = 0.1) -> cl.Recording:
    with cl.open() as neurons:
        recording = neurons.record(stop_after_seconds=seconds)
        recording.wait_until_stopped()
    return recording


def test_wall_clock_time_syncs_every_publication(syncs: Syncs) -> None:
    with cl.open() as neurons:
        recording = neurons.record()
        writer = recording._recorder._capture._writer
        while not writer.synced:
            neurons.read(500)
        assert syncs.folders > 0 < syncs.files, "the name is on the disk before anything is promised"
        present = neurons.timestamp() - recording.start_timestamp
        while writer.synced < present:
            neurons.read(500)
        published = writer.synced
        recording.stop()
        assert writer.synced == writer._published >= published
    assert said(recording) == 2.0


@pytest.mark.parametrize(("variable", "expected"), [("0", None), ("5", 5.0)])
def test_it_can_be_set(
    syncs: Syncs, monkeypatch: pytest.MonkeyPatch, variable: str, expected: object
) -> None:
    monkeypatch.setenv("CL_SDK_SYNC_SECONDS", variable)
    assert said(record()) == expected
    assert bool(syncs.files) == bool(syncs.folders) == bool(expected)


@accelerated
def test_accelerated_time_does_so_only_when_asked(syncs: Syncs, monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(record()) is None
    assert syncs.files == syncs.folders == 0
    monkeypatch.setenv("CL_SDK_SYNC_SECONDS", "2")
    assert said(record()) == 2.0
    assert syncs.files and syncs.folders


@pytest.mark.parametrize("value", ["0.5", "-1", "nan", "4000", "often"])
def test_bad_values_are_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CL_SDK_SYNC_SECONDS", value)
    with pytest.raises(ValueError, match=f"CL_SDK_SYNC_SECONDS='{value}': it takes 0, or a number from 1 to"):
        cl.open().__enter__()


@accelerated
@pytest.mark.parametrize("fails_at", [1, 2, 3, 4, 6, 9, 12])
def test_a_sync_that_fails_ends_the_recording(
    syncs: Syncs, monkeypatch: pytest.MonkeyPatch, fails_at: int, tmp_path: Path
) -> None:
    """The system has forgotten what it could not write: nothing more is built upon it, nothing is damaged."""
    monkeypatch.setenv("CL_SDK_SYNC_SECONDS", "2")
    syncs.fails_at = fails_at
    descriptors = len(os.listdir("/proc/self/fd"))
    with cl.open() as neurons:
        recording = neurons.record(stop_after_frames=24_000)
        expected = neurons.read(24_000)
        with pytest.raises(RecordingFailedError, match=r"synced.*the first \d+ frames are on the disk"):
            recording.stop()
        assert neurons.read(10).shape == (10, 64), "the device goes on"
        synced = recording._recorder._capture._writer.synced
    assert syncs.files == fails_at, "no second try: it could seem to succeed"
    with cl.RecordingView(recording.file["path"]) as view:
        count = len(view.samples)
        assert synced <= count <= 24_000
        assert (view.samples[:] == expected[:count]).all()
        assert not view.complete
    assert len(os.listdir("/proc/self/fd")) == descriptors


@accelerated
def test_a_folder_that_cannot_be_synced_is_left_to_the_system(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CL_SDK_SYNC_SECONDS", "2")

    def refuse(descriptor: int) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "fsync", refuse)
    assert said(record()) == 2.0


@accelerated
def test_a_folder_whose_sync_fails_ends_the_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_SYNC_SECONDS", "2")

    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(RecordingFailedError, match="Input/output error"):
        record()


def test_a_disk_that_is_too_slow_is_named_once(
    syncs: Syncs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with cl.open() as neurons:
        clock = neurons._engine.time.clock
        assert clock is not None
        recording = neurons.record()
        neurons.read(500)

        def slow(descriptor: int) -> None:
            clock.origin_ns -= 10**9  # a second passes

        monkeypatch.setattr(ordered_file, "_to_disk", slow)
        while "power cut" not in caplog.text:
            neurons.read(500)
        neurons.read(20_000)
        monkeypatch.undo()
        recording.stop()
    messages = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    [message] = [message for message in messages if "a power cut would take the last" in message]
    assert "CL_SDK_SYNC_SECONDS=2" in message
