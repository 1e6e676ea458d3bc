"""The view of a recording: what PyTables reads of the same file, and errors that say what is wrong."""

from __future__ import annotations

import builtins
import os
import re
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tables
from store_files import same, write_recording

from cl import RecordingView
from cl.__main__ import main
from cl._store.packing import pack, unpack
from cl._store.write.header import RecordingHeader
from cl._store.write.writer import RecordingWriter
from cl.util import AttributesView


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write_recording(tmp_path / "r.h5")


@pytest.fixture(params=["reference", "ours"])
def any_recording(request: pytest.FixtureRequest, recording: Path) -> Path:
    if request.param != "reference":
        return recording
    shared_data: Path = request.getfixturevalue("shared_data")
    return shared_data / "reference_recording.h5"


# -- field by field


def test_content_is_what_pytables_reads(any_recording: Path) -> None:
    with RecordingView(any_recording) as view, tables.open_file(str(any_recording)) as other:
        root = other.root
        assert view.complete
        for name in root._v_attrs._f_list("user"):
            expected = root._v_attrs[name]
            expected = expected.item() if isinstance(expected, np.generic) else expected
            assert same(view.attributes[name], expected), name
        assert set(view.attributes) == set(root._v_attrs._f_list("user"))
        np.testing.assert_array_equal(view.samples[:], root.samples[:])
        for name in ("spikes", "stims"):
            ours, theirs = getattr(view, name), getattr(root, name)
            assert (ours.colnames, ours.dtype, ours.nrows) == (theirs.colnames, theirs.dtype, theirs.nrows)
            assert ours[:].tobytes() == theirs[:].tobytes()
        assert list(view.data_streams) == sorted(root.data_stream._v_groups)
        for name, stream in view.data_streams.items():
            group = root.data_stream[name]
            assert stream.attributes["name"] == group._v_attrs.name == name
            assert same(stream.attributes["application"], group._v_attrs.application)
            blob = group.data[:].tobytes()
            rows = group.index[:].tolist()
            assert stream.keys_for_range() == [t for t, _, _ in rows]
            for (_, a, b), (_, value) in zip(rows, stream.items(), strict=True):
                assert same(value, unpack(blob[a:b]))


def test_our_layout_is_the_references(recording: Path, shared_data: Path) -> None:
    """The types of data and attributes, of everything that both have."""
    with h5py.File(recording) as ours, h5py.File(shared_data / "reference_recording.h5") as reference:
        for path in ("/", "samples", "spikes", "stims", "data_stream", "data_stream/game/index"):
            a, b = ours[path], reference[path]
            assert set(a.attrs) == set(b.attrs), path
            for name in a.attrs:
                x = h5py.h5a.open(a.id, name.encode()).get_type()
                y = h5py.h5a.open(b.id, name.encode()).get_type()
                assert x.get_class() == y.get_class(), (path, name)
                if x.get_class() == h5py.h5t.STRING:
                    assert (x.get_cset(), x.get_strpad()) == (y.get_cset(), y.get_strpad()), (path, name)
                else:
                    assert x == y, (path, name)
            if isinstance(a, h5py.Dataset):
                assert (a.dtype, a.maxshape, a.shape[1:]) == (b.dtype, b.maxshape, b.shape[1:])
                assert a.chunks is not None and a.compression is None
                assert a.id.get_type() == b.id.get_type()


def test_attributes(recording: Path) -> None:
    with RecordingView(recording) as view:
        attributes = view.attributes
        assert isinstance(attributes, AttributesView)
        assert attributes.start_timestamp == 4000 and attributes.end_timestamp == 7700
        assert type(attributes.start_timestamp) is int and type(attributes.duration_seconds) is float
        assert attributes["duration_frames"] == 3700 and attributes.duration_seconds == 0.148
        assert attributes.hostname == "bench-1" and attributes.uV_per_sample_unit == 0.195
        assert attributes.file_format == {
            "version": "SDK",
            "stim_and_spike_timestamps_relative_to_start": True,
        }
        assert "application" in attributes and "CLASS" not in attributes
        assert len(attributes) == len(list(attributes)) == len(dict(attributes))
        assert attributes.get("nothing") is None
        with pytest.raises(AttributeError, match="nothing"):
            attributes.nothing  # noqa: B018
        assert "dish 7" in repr(attributes) and "hostname" in dir(attributes)


# -- data streams


def test_streams(recording: Path) -> None:
    with RecordingView(recording) as view:
        streams = view.data_streams
        assert list(streams) == ["empty", "game"] and len(streams) == 2 and "game" in streams
        game = streams["game"]
        assert streams.game is game and game.name == "game"
        assert len(game) == 43
        assert list(game) == list(game.keys()) == [5 * i for i in range(43)]
        assert game[10] == {"n": 2, "name": "game"}
        assert 10 in game and 11 not in game and "x" not in game
        for missing in (11, -5, 2**70, "x", None, 10.5):
            assert missing not in game and game.get(missing, "default") == "default"
            with pytest.raises(KeyError):
                game[missing]
        assert game[np.uint8(10)] == game[10]
        assert [v["n"] for v in game[10:26]] == [2, 3, 4, 5]
        assert game.keys_for_range(10, 26) == [10, 15, 20, 25]
        assert game.keys_for_range(start_timestamp=10, end_timestamp=16) == [10, 15]
        assert [v["n"] for v in game.values_for_range(None, 6)] == [0, 1]
        assert game.items_for_range(205)[0] == (205, {"n": 41, "name": "game"})
        assert game[26:10] == []
        assert len(game.values()) == len(game.items()) == 43
        assert [v["n"] for v in game.values()] == list(range(43))
        assert dict(game.items())[5]["n"] == 1
        assert game.attributes["application"] == {"score": 7, "layout": [1, 2]}
        assert game.attributes.score == game.attributes["score"] == 7
        assert dict(game.attributes) == {"application": {"score": 7, "layout": [1, 2]}, "name": "game"}
        assert len(streams.empty) == 0 and list(streams.empty.items()) == [] and streams.empty[0:9] == []
        assert "game" in repr(streams) and "43" in repr(game)
        with pytest.raises(KeyError):
            streams["nothing"]
        with pytest.raises(AttributeError, match="nothing"):
            streams.nothing  # noqa: B018


def test_stream_entries_of_every_size(tmp_path: Path) -> None:
    """Entries larger than a chunk, and than what is read at once."""
    path = tmp_path / "r.h5"
    writer = RecordingWriter(path)
    writer.add_stream("s")
    sizes = [0, 1, 16_000, 70_000, 1_200_000, 3, 2_000_000, 40_000] * 2
    for i, size in enumerate(sizes):
        writer.append_stream("s", i, pack(bytes([i]) * size))
    writer.finish(len(sizes))
    with RecordingView(path) as view:
        stream = view.data_streams.s
        assert [len(v) for v in stream.values()] == sizes
        assert all(stream[i] == bytes([i]) * size for i, size in enumerate(sizes))


# -- life


def test_what_was_not_recorded_is_none(tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    writer = RecordingWriter(
        path,
        RecordingHeader(
            include_spikes=False, include_stims=False, include_raw_samples=False, include_data_streams=False
        ),
    )
    writer.cover(500)
    writer.append_spikes([1], [2], np.zeros((1, 75)))
    writer.append_stims([1], [2])
    with pytest.raises(ValueError, match="no data streams"):
        writer.add_stream("s")
    writer.finish()
    with RecordingView(path) as view:
        assert (view.samples, view.spikes, view.stims, view.data_streams) == (None,) * 4
        assert view.attributes.duration_frames == 500
        assert view.file.root._v_attrs.duration_frames == 500


def test_closing(recording: Path) -> None:
    view = RecordingView(recording)
    spikes, samples, stream = view.spikes, view.samples, view.data_streams.game
    attributes = view.attributes
    assert "r.h5" in repr(view)
    view.close()
    view.close(safe_mode=True)
    for use in (
        lambda: view.file,
        lambda: spikes[0],
        lambda: spikes.col("channel"),
        lambda: samples[:],
        lambda: list(stream.values()),
        lambda: attributes["hostname"],
    ):
        with pytest.raises(ValueError, match="closed"):
            use()
    assert "closed" in repr(view)


def test_file_is_pytables(recording: Path) -> None:
    with RecordingView(recording) as view:
        file = view.file
        assert isinstance(file, tables.File) and view.file is file
        assert file.root.spikes.nrows == 250
        assert file.root._v_attrs.application["subject"] == "dish 7"
    assert not file.isopen


def test_file_is_h5py_without_pytables(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_tables(name: str, *rest: Any) -> Any:
        if name == "tables":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_tables)
    with RecordingView(recording) as view:
        assert isinstance(view.file, h5py.File)
        with pytest.raises(AttributeError, match=r"pip install 'cl-aio\[tables\]'"):
            view.file.root  # noqa: B018


def test_nothing_but_attributes_is_read_on_opening(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Any] = []
    real = h5py.Dataset.__getitem__
    monkeypatch.setattr(
        h5py.Dataset, "__getitem__", lambda self, key: reads.append(self.name) or real(self, key)
    )
    with RecordingView(recording) as view:
        assert view.complete and len(view.spikes) == 250 and len(view.data_streams.game) == 43
        assert reads == []


# -- what is no recording


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.h5"):
        RecordingView(tmp_path / "none.h5")
    with pytest.raises(IsADirectoryError):
        RecordingView(tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "is empty"), (b"hello", "not an HDF5 file"), (b"\x89HDF\r\n\x1a\n" + bytes(8), "cannot be read")],
)
def test_foreign_files(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "foreign.h5"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=reason) as caught:
        RecordingView(path)
    assert "foreign.h5" in str(caught.value)


def test_other_hdf5(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "o.h5", "w") as other:
        other["x"] = [1, 2]
    with pytest.raises(ValueError, match="has no attribute 'frames_per_second'"):
        RecordingView(tmp_path / "o.h5")


def _samples(file: h5py.File, value: Any) -> None:
    del file["samples"]
    file["samples"] = value


def _events(file: h5py.File, dtype: Any) -> None:
    del file["spikes"]
    file.create_dataset("spikes", shape=(3,), dtype=dtype)


def _elsewhere(file: h5py.File, name: str) -> None:
    kind = file[name].dtype
    del file[name]
    if name == "samples":
        file.create_dataset(name, shape=(2, 64), dtype=kind, external=[(__file__, 0, 256)])
    else:
        layout = h5py.VirtualLayout(shape=(2,), dtype=kind)
        layout[:] = h5py.VirtualSource("other.h5", name, shape=(2,))
        file.create_virtual_dataset(name, layout)


def _rows(file: h5py.File, name: str, rows: int) -> None:
    file[name].resize(rows, axis=0)


def _member(file: h5py.File, name: str, link: Any) -> None:
    del file[name]
    file[name] = link


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda f: _samples(f, np.zeros((5, 64))), "samples should be int16"),
        (lambda f: _samples(f, np.zeros((5, 64), "u2")), "samples should be int16"),
        (lambda f: _samples(f, np.zeros((5, 63), "i2")), r"shape \(frames, 64\)"),
        (lambda f: _samples(f, np.zeros(64, "i2")), r"shape \(frames, 64\)"),
        (lambda f: _samples(f, np.int16(3)), r"shape \(frames, 64\)"),
        (lambda f: _member(f, "samples", f.create_group("g")), "samples should be a Dataset"),
        (lambda f: _events(f, [("timestamp", "i8")]), "spikes has no column 'channel'"),
        (lambda f: _events(f, "i8"), "spikes has no column 'timestamp'"),
        (lambda f: _events(f, [("timestamp", "f8"), ("channel", "u1")]), "'timestamp' should be an integer"),
        (lambda f: _member(f, "stims", f.create_group("g")), "stims should be a Dataset"),
        (lambda f: _member(f, "data_stream", f["spikes"]), "data_stream should be a Group"),
        (lambda f: _member(f, "samples", h5py.ExternalLink("other.h5", "/x")), "another file"),
        (lambda f: _elsewhere(f, "samples"), "samples has its data in another file"),
        (lambda f: _elsewhere(f, "stims"), "stims has its data in another file"),
        (lambda f: _rows(f, "samples", 1 << 40), "samples is damaged: it has the shape .* file is too small"),
        (lambda f: _rows(f, "stims", 1 << 26), "stims is damaged"),
    ],
)
def test_wrong_parts(recording: Path, change: Any, reason: str) -> None:
    with h5py.File(recording, "r+") as file:
        change(file)
    with pytest.raises(ValueError, match=reason):
        RecordingView(recording)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("frames_per_second", 0),
        ("frames_per_second", -25_000.0),
        ("frames_per_second", float("nan")),
        ("frames_per_second", "fast"),
        ("frames_per_second", np.arange(3)),
        ("start_timestamp", float("nan")),
        ("start_timestamp", float("-inf")),
        ("start_timestamp", 2**63 - 1),
        ("duration_frames", float("inf")),
    ],
)
def test_wrong_numbers(recording: Path, name: str, value: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """They matter where the end has to be derived, so for the commands too, which leave the file alone."""
    with h5py.File(recording, "r+") as file:
        del file.attrs["ended_utc"]
        file.attrs[name] = value
        if name == "duration_frames":
            del file["samples"]
    content = recording.read_bytes()
    for command in ("info", "recover"):
        os.utime(recording, (0, 0))
        assert main([command, str(recording)]) == 1
        assert re.search(rf"r\.h5: the attribute '{name}' should be", capsys.readouterr().err)
    assert recording.read_bytes() == content
    assert [path.name for path in recording.parent.iterdir()] == ["r.h5"]


def test_streams_with_wrong_parts(recording: Path) -> None:
    with h5py.File(recording, "r+") as file:
        index = file["data_stream/game/index"]
        rows = index[:]
        rows["end_index"][5] = 10**9
        index[:] = rows
        file.copy("data_stream/empty", "data_stream/long")
        _rows(file, "data_stream/long/index", 1 << 26)
        del file["data_stream/empty/data"]
        file["data_stream/loose"] = [1, 2]
    with RecordingView(recording) as view:
        with pytest.raises(ValueError, match="points beyond"):
            view.data_streams.game[0]
        with pytest.raises(ValueError, match="has no data"):
            view.data_streams.empty.keys_for_range()
        with pytest.raises(ValueError, match="long/index is damaged"):
            len(view.data_streams.long)
        with pytest.raises(ValueError, match="'loose' should be a group"):
            view.data_streams["loose"]


def test_names_that_pytables_finds_unnatural(tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    writer = RecordingWriter(path)
    names = ["a b", "class", "1st", "größe", "x" * 255, "..", "items", "_group"]
    for name in names:
        writer.add_stream(name, {"n": name})
    with pytest.raises(ValueError, match="already"):
        writer.add_stream("a b")
    kept = ("_c_x", "_f_close", "_g_x", "_i_x", "_p_x", "_v_name", "__members__")
    for wrong in ("", ".", "a/b", "a\0b", "é" * 128, "\ud800", *kept):
        with pytest.raises(ValueError):
            writer.add_stream(wrong)
    with pytest.raises(TypeError):
        writer.add_stream(5)  # type: ignore[arg-type]
    writer.finish()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tables.NaturalNameWarning)
        with RecordingView(path) as view:
            assert set(view.data_streams) == set(names)
            assert all(view.data_streams[name].attributes["n"] == name for name in names)
            assert set(view.file.root.data_stream._v_groups) == set(names)
