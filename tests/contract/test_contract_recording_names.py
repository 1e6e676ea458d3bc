"""Recordings: names, folders and how many (contract, section 7)."""

from __future__ import annotations

import os
import re
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from recording_tools import (
    contents,
    duration,
    files,
)

import cl
from cl._recording import files as _recording_file
from cl._recording import folders

SECOND = 25_000
accelerated = pytest.mark.usefixtures("accelerated")


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
def test_a_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    with cl.open() as neurons:
        for location in ("new/dir", tmp_path / "other" / "one", "new/dir"):
            recording = neurons.record(file_location=location, stop_after_frames=10)
            recording.wait_until_stopped()
            assert Path(recording.file["path"]).parent == tmp_path / location
    assert len(list((tmp_path / "new" / "dir").iterdir())) == 2


@accelerated
def test_no_folder_is_left_where_no_recording_came_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    (tmp_path / "there").mkdir()
    with cl.open() as neurons:
        neurons.read(10)
        for location in ("new/dir", "there/new", "there"):
            with pytest.raises(OSError, match="too long"):
                neurons.record("x" * 300, location)
            with monkeypatch.context() as patch:
                patch.setattr(threading.Thread, "start", refuse)
                with pytest.raises(RuntimeError, match="can't start"):
                    neurons.record(file_location=location)
        with pytest.raises(OSError, match="cannot be made one: File name too long"):
            neurons.record(file_location=f"new/{'x' * 300}")
        with pytest.raises(NotADirectoryError, match="cannot be made one"):
            neurons.record(file_location=f"{neurons.record().file['name']}/new")
    assert [path.name for path in tmp_path.rglob("*") if path.suffix != ".h5"] == ["there"]


@accelerated
def test_a_folder_that_another_recording_uses_stays(tmp_path: Path) -> None:
    with folders.made(tmp_path / "a" / "b") as new:
        (tmp_path / "a" / "other.h5").touch()
    folders.remove(new)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["other.h5"]


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
    monkeypatch.setattr(cl._core.host_clock.time, "strftime", lambda *_: "2026_11_22_10_00_00")


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
        assert neurons._engine.consumers == []
    assert len(files(tmp_path)) == 40
