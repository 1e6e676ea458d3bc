"""Recordings for the tests of the store, and what is read back from them by each library."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import tables

from cl import StimDesign
from cl._store.packing import pack
from cl._store.read.design_rows import design_of
from cl._store.read.view import RecordingView
from cl._store.write.header import RecordingHeader
from cl._store.write.writer import RecordingWriter

SYSTEM = {"hostname": "bench-1", "project_id": "retina", "cell_batch_id": "b7"}


def frames(start: int, count: int) -> np.ndarray[Any, Any]:
    """Frames whose content tells their place: channel c of frame n is (64 n + c) mod 30000 + 1."""
    numbers = np.arange(start * 64, (start + count) * 64)
    return (numbers % 30_000 + 1).astype(np.int16).reshape(count, 64)


def waveforms(start: int, count: int) -> np.ndarray[Any, Any]:
    """Waveforms whose content tells their row."""
    return np.arange(start, start + count, dtype=np.float32)[:, None] + np.arange(75, dtype=np.float32) / 100


def spike_channels(start: int, count: int) -> np.ndarray[Any, Any]:
    return (np.arange(start, start + count) * 7 % 64).astype(np.uint8)


DESIGNS = (
    StimDesign(160, -1.0, 160, 1.0),
    StimDesign(20, 0.1),
    None,
    StimDesign(160, -1.0, 320, 0.5, 40, -0.1),
)


def stim_designs(start: int, count: int) -> list[StimDesign | None]:
    """Designs that tell their row, more or less; every fourth is not known."""
    return [DESIGNS[row % len(DESIGNS)] for row in range(start, start + count)]


class Filler:
    """Fills a recording with content that can be checked without knowing how it was divided."""

    def __init__(self, writer: RecordingWriter) -> None:
        self.writer = writer
        self.frames = self.spikes = self.stims = 0
        self.streams: dict[str, int] = {}

    def add(self, frame_count: int = 0, spikes: int = 0, stims: int = 0, entries: int = 0) -> None:
        self.writer.append_samples(frames(self.frames, frame_count))
        self.frames += frame_count
        rows = np.arange(self.spikes, self.spikes + spikes)
        self.writer.append_spikes(rows, spike_channels(self.spikes, spikes), waveforms(self.spikes, spikes))
        self.spikes += spikes
        rows = np.arange(self.stims, self.stims + stims)
        designs = stim_designs(self.stims, stims)
        self.writer.append_stims(rows * 3, (rows % 60).astype(np.uint8), designs)
        self.stims += stims
        for name in self.streams:
            for _ in range(entries):
                number = self.streams[name]
                self.writer.append_stream(name, number * 5, pack({"n": number, "name": name}))
                self.streams[name] += 1

    def add_stream(self, name: str, attributes: dict[str, Any]) -> None:
        self.writer.add_stream(name, attributes)
        self.streams[name] = 0

    @property
    def counts(self) -> tuple[int, int, int, dict[str, int]]:
        return self.frames, self.spikes, self.stims, dict(self.streams)


def check_view(path: Path, counts: tuple[int, int, int, dict[str, int]]) -> RecordingView:
    """Check that our view reads at least so much, and nothing that was not written; return it open."""
    view = RecordingView(path)
    try:
        assert view.samples is not None and view.spikes is not None and view.stims is not None
        assert view.data_streams is not None
        check_counts(view, counts)
        _check_rows(view.samples[:], view.spikes[:], view.stims[:])
        assert view.stim_designs is not None and view._h5 is not None
        assert len(view._h5["stim_designs"]) == len(view._h5["stims"]), "one write makes both longer"
        check_designs(view.stim_designs[:], len(view.stims))
        assert view.attributes["duration_frames"] == len(view.samples)
        if view.log is not None:
            found = [(entry.timestamp, entry.text, entry.fields) for entry in view.log.entries()]
            assert found == [(n, f"row {n}", {"n": n}) for n in range(len(found))]
        for name, stream in view.data_streams.items():
            items = list(stream.items())
            assert items == [(i * 5, {"n": i, "name": name}) for i in range(len(items))]
            assert isinstance(stream.attributes["application"], dict)
        assert isinstance(view.attributes["application"], dict)
    except BaseException:
        view.close()
        raise
    return view


def check_counts(view: RecordingView, counts: tuple[int, int, int, dict[str, int]]) -> None:
    """Check that a view has at least so much."""
    # Those of frames that are not there do not count: in a recording spikes are at frames, here at rows.
    length = len(view.samples) if not view.complete else 1 << 60
    assert len(view.samples) >= counts[0]
    assert len(view.spikes) >= min(counts[1], length)
    assert len(view.stims) >= min(counts[2], -(-length // 3))
    assert len(view.data_streams) >= len(counts[3])
    for name, count in counts[3].items():
        assert len(view.data_streams[name]) >= count


def check_tables(path: Path, counts: tuple[int, int, int, dict[str, int]]) -> None:
    """Check the same with PyTables."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tables.NaturalNameWarning)
        file = tables.open_file(str(path))
    try:
        root = file.root
        assert isinstance(root.spikes, tables.Table) and isinstance(root.samples, tables.EArray)
        assert isinstance(root.stims, tables.Table) and isinstance(root.stim_designs, tables.Table)
        held = root.samples[:], root.spikes[:], root.stims[:]
        assert all(len(rows) >= count for rows, count in zip(held, counts[:3], strict=True))
        _check_rows(*held)
        check_designs(root.stim_designs[:], root.stims.nrows)
        assert isinstance(root._v_attrs.application, dict)
        for name, count in counts[3].items():
            group = root.data_stream[name]
            assert group.index.nrows >= count
            assert group.data.nrows >= (group.index[-1]["end_index"] if group.index.nrows else 0)
            assert isinstance(group._v_attrs.application, dict)
    finally:
        file.close()


def _check_rows(samples: Any, spikes: Any, stims: Any) -> None:
    np.testing.assert_array_equal(samples, frames(0, len(samples)))
    np.testing.assert_array_equal(spikes["timestamp"], np.arange(len(spikes)))
    np.testing.assert_array_equal(spikes["channel"], spike_channels(0, len(spikes)))
    np.testing.assert_array_equal(spikes["samples"], waveforms(0, len(spikes)))
    np.testing.assert_array_equal(stims["timestamp"], np.arange(len(stims)) * 3)


def check_designs(rows: Any, count: int) -> None:
    """Check that these are the designs of so many stims of a filler."""
    assert len(rows) == count
    wanted = stim_designs(0, len(DESIGNS))
    for at, design in enumerate(wanted):
        own = rows[at :: len(DESIGNS)]
        if len(own):
            assert (own == own[0]).all()
            assert design_of(own[0]) == design


def same(a: Any, b: Any) -> bool:
    """Whether two values are of the same types and content."""
    if isinstance(a, (np.ndarray, np.generic)):
        return type(a) is type(b) and a.dtype == b.dtype and a.shape == b.shape and _bytes(a) == _bytes(b)
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return len(a) == len(b) and all(same(x, y) and same(a[x], b[y]) for x, y in zip(a, b, strict=True))
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float):
        return a == b or (a != a and b != b)
    return bool(a == b) or repr(a) == repr(b)


def _bytes(array: Any) -> bytes:
    array = np.asarray(array)
    if array.dtype.names:  # bytes between fields mean nothing
        return b"".join(_bytes(array[name]) for name in array.dtype.names)
    return bytes(array.tobytes())


def write_recording(path: Path) -> Path:
    """Write a recording of 3700 frames, 250 spikes, 100 stims and two streams, one of them empty."""
    application = {"subject": "dish 7", "weights": np.arange(3.0), "nested": {"a": [1, (2.5, None)]}}
    filler = Filler(
        RecordingWriter(path, RecordingHeader(application=application, system=SYSTEM, start_timestamp=4000))
    )
    filler.add_stream("game", {"score": 7, "layout": [1, 2]})
    filler.add_stream("empty", {})
    filler.streams.pop("empty")
    filler.add(3000, 200, 90, 40)
    filler.writer.flush()
    filler.add(700, 50, 10, 3)
    filler.writer.finish()
    return path
