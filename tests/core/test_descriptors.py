"""Descriptors that are opened when an interruption comes."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from leak_tools import open_files

from cl._store.read.descriptor import Descriptor
from cl._store.write.new_file import NewFile
from cl._store.write.writer import RecordingWriter
from cl._values.descriptors import keep, opened


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an exception come when the system has opened a file, and nobody has its number yet."""
    real = os.open

    def open_and_raise(*arguments: Any, **named: Any) -> int:
        real(*arguments, **named)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "open", open_and_raise)


@pytest.mark.usefixtures("interrupted")
def test_what_an_interruption_left_open_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    before = open_files()
    with pytest.raises(KeyboardInterrupt):
        opened(path, os.O_RDONLY)
    with pytest.raises(KeyboardInterrupt):
        Descriptor(path)
    for nameless in (True, False):
        with pytest.raises(KeyboardInterrupt):
            NewFile(tmp_path / "new", nameless=nameless)
    assert open_files() == before
    assert os.listdir(tmp_path) == ["file"]


def test_others_that_were_opened_meanwhile_stay_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, others = os.open, []

    def open_another(*arguments: Any, **named: Any) -> int:
        others.append(real(tmp_path / "other", os.O_RDWR | os.O_CREAT))
        real(*arguments, **named)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "open", open_another)
    before = open_files()
    with pytest.raises(KeyboardInterrupt):
        opened(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    monkeypatch.undo()
    assert open_files() == before + 1
    os.close(others[0])


def test_a_recording_that_nobody_has_is_closed_and_stays(tmp_path: Path) -> None:
    before = open_files()
    NewFile(tmp_path / "new", nameless=False)
    RecordingWriter(tmp_path / "new.h5")
    gc.collect()
    assert open_files() == before
    assert sorted(os.listdir(tmp_path)) == ["new", "new.h5"]


def test_one_that_has_been_closed_is_not_closed_again(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "new.h5")
    number = writer._file.descriptor
    writer.abort()
    other = os.open(os.devnull, os.O_RDONLY)
    assert other == number
    del writer
    gc.collect()
    os.close(other)  # OSError where it is closed already.


def test_what_is_kept_has_its_owner_in_one_step() -> None:
    class Owner:
        fd = -1

    owner, seen = Owner(), []
    sys.setprofile(lambda frame, event, argument: seen.append((event, getattr(argument, "__name__", ""))))
    try:
        keep(owner, "fd", os.dup, 0)
    finally:
        sys.setprofile(None)
    os.close(owner.fd)
    # Calls of C from C are not seen: there is no step between the two in which a handler could run.
    assert ("c_call", "dup") not in seen
    assert ("c_call", "setattr") not in seen
