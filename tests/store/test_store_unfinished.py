"""A process that is killed in the midst of a flush leaves events of frames that are not there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tables
from store_files import DESIGNS

import cl._store.write.ordered_file as ordered_file
from cl import RecordingView
from cl._store.read.recover import recover
from cl._store.write.header import RecordingHeader
from cl._store.write.writer import RecordingWriter


def states(path: Path, monkeypatch: pytest.MonkeyPatch, samples: bool, look: Callable[[], None]) -> None:
    """Record with events in every frame, and look at the file after each of the writer's writes."""
    write = ordered_file._write_at

    def write_and_look(descriptor: int, data: bytes | memoryview, address: int) -> int:
        done = write(descriptor, data, address)
        if begun:
            look()
        return done

    monkeypatch.setattr(ordered_file, "_write_at", write_and_look)
    begun: list[bool] = []
    writer = RecordingWriter(path, RecordingHeader(include_raw_samples=samples))
    begun.append(True)
    for first in range(0, 1_200, 300):
        times = np.arange(first, first + 300)
        writer.append_samples(np.zeros((300, 64), np.int16))
        writer.append_spikes(times, times % 60, np.zeros((300, 75)))
        writer.append_stims(times, (times % 60).astype(np.uint8), [DESIGNS[0]] * 300)
        writer.flush()
    begun.clear()
    writer.abort()


@pytest.mark.parametrize("samples", [True, False])
def test_no_event_beyond_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, samples: bool) -> None:
    path = tmp_path / "r.h5"
    trimmed = [0]

    def look() -> None:
        with RecordingView(path) as view:
            length = view.attributes["duration_frames"]
            assert length % 300 == 0
            for table in (view.spikes, view.stims):
                assert table.col("timestamp").tolist() == list(range(length))
            assert len(view.stim_designs) == length
            assert samples is (view.samples is not None) and (not samples or len(view.samples) == length)
            hidden = len(view._h5["spikes"]) > length
        trimmed[0] += hidden
        if hidden and trimmed[0] == 1:
            check_recovered(path, tmp_path / "recovered.h5", length)

    states(path, monkeypatch, samples, look)
    assert samples or trimmed[0] >= 4, "with samples, one write publishes them and the events"


def check_recovered(path: Path, copy: Path, length: int) -> None:
    """Check that a recovered file has no such events either, for PyTables too."""
    copy.write_bytes(path.read_bytes())
    assert recover(copy)["duration_frames"] == length
    with RecordingView(copy) as view, tables.open_file(os.fspath(copy)) as file:
        assert view.complete
        for name in ("spikes", "stims", "stim_designs"):
            assert len(getattr(view, name)) == file.root[name].nrows == length
    copy.unlink()
