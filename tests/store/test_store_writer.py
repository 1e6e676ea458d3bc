"""Writing recordings: everything that was given is there, exactly once."""

from __future__ import annotations

import enum
import errno
import os
import re
import zlib
from collections import OrderedDict, defaultdict
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from random import Random
from typing import Any

import h5py
import numpy as np
import pytest
import tables
from hypothesis import given, settings
from hypothesis import strategies as st
from store_files import SYSTEM, Filler, check_tables, check_view, frames, same
from test_store_packing import VALUES
from test_store_pickles import VALUES as PICKLE_VALUES

from cl import RecordingView
from cl._store.packing import pack
from cl._store.read.reader import open_replay
from cl._store.shuffling import shuffled
from cl._store.write import compressed_dataset
from cl._store.write.attributes import plain_dict
from cl._store.write.git_state import git_state
from cl._store.write.header import RecordingHeader
from cl._store.write.writer import RecordingWriter


@pytest.mark.parametrize("seed", range(4))
def test_any_division_gives_the_same(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    path = tmp_path / "r.h5"
    filler = Filler(RecordingWriter(path, RecordingHeader(application={"a": seed}, system=SYSTEM)))
    for i in range(40):
        if random.random() < 0.2:
            filler.add_stream(f"s{i}", {"i": i})
        size = random.choice([1, 10, 511, 512, 513, 3000])
        filler.add(
            random.randrange(size), random.randrange(200), random.randrange(700), random.randrange(300)
        )
        if random.random() < 0.4:
            filler.writer.flush()
    filler.writer.finish()
    with check_view(path, filler.counts) as view:
        assert view.complete
        assert (len(view.samples), len(view.spikes), len(view.stims)) == filler.counts[:3]
        assert {name: len(stream) for name, stream in view.data_streams.items()} == filler.streams
    check_tables(path, filler.counts)


def test_the_file_is_readable_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    filler = Filler(RecordingWriter(path, RecordingHeader(system=SYSTEM)))
    for i in range(5):
        filler.add(700, 100, 30)
        flushed = filler.counts
        filler.writer.flush()
        filler.add(100, 5, 5)
        with check_view(path, flushed) as view:
            assert not view.complete
            assert len(view.samples) == flushed[0] and len(view.spikes) == flushed[1]
            assert view.attributes["end_timestamp"] == flushed[0] == 700 * (i + 1) + 100 * i
        check_tables(path, flushed)
    filler.writer.abort()
    filler.writer.abort()


def test_what_is_open_already_is_read_as_it_is_now(tmp_path: Path) -> None:
    """Several views of a file that grows: each has what there was when it was opened."""
    path = tmp_path / "während.h5"
    filler = Filler(RecordingWriter(path, RecordingHeader(system=SYSTEM)))
    filler.add_stream("s", {})
    with ExitStack() as stack:
        views = []
        for i in range(4):
            filler.add(700, 100, 30, 400)
            filler.writer.flush()
            views.append((stack.enter_context(check_view(path, filler.counts)), filler.frames))
            assert len(views[-1][0].samples) == 700 * (i + 1)
            assert str(tmp_path) in repr(views[-1][0])
        late = stack.enter_context(RecordingView(path))
        filler.add(700, 100, 30, 4000)
        filler.writer.finish()
        views.append((stack.enter_context(check_view(path, filler.counts)), filler.frames))
        assert [view.complete for view, _ in views] == [False] * 4 + [True]
        for view, count in views:
            np.testing.assert_array_equal(view.samples[:], frames(0, count))
            assert view.attributes["duration_frames"] == count
        assert len(open_and_close(path)) == 3_500
        assert views[-1][0].file.root.samples.nrows == 3_500
        assert [time for time, _ in late.data_streams["s"].items()] == [5 * i for i in range(1_600)]


def test_pytables_does_not_show_less_than_the_view(tmp_path: Path) -> None:
    """It says so where it could not but show what the file was before."""
    path = tmp_path / "r.h5"
    filler = Filler(RecordingWriter(path, RecordingHeader(system=SYSTEM)))
    with ExitStack() as stack:
        for i in range(2):
            filler.add(700, 100, 30)
            filler.writer.flush()
            view = stack.enter_context(RecordingView(path))
            assert view.file.root.samples.nrows == view.file.root.samples[:].shape[0] == 700 * (i + 1)
        filler.writer.finish()
        ended = stack.enter_context(RecordingView(path))
        with pytest.raises(ValueError, match="close the views of it"):
            ended.file  # noqa: B018
        stack.pop_all().close()
    with RecordingView(path) as ended:
        assert ended.file.root._v_attrs.ended_utc == ended.attributes["ended_utc"]


def open_and_close(path: Path) -> Any:
    """Return the samples, as the replay source reads them."""
    data = open_replay(path)
    try:
        return data.samples[:]
    finally:
        data.close()


def test_frames_that_are_not_whole_are_kept_back(tmp_path: Path) -> None:
    """A recording of which the last events are not known yet ends before them, whether or not it is ended."""
    for end in (None, 2_000, 2_950):
        path = tmp_path / f"{end}.h5"
        filler = Filler(RecordingWriter(path))
        filler.add(1_000, 4, 4)
        filler.writer.flush(951)
        with check_view(path, (951, 4, 4, {})) as view:
            assert len(view.samples) == 951
        filler.add(2_000, 4, 4)
        filler.writer.flush(2_951)
        filler.add(1_000)
        if end is None:
            filler.writer.abort()
        else:
            filler.writer.finish(end)
        with check_view(path, (2_951, 8, 8, {})) as view:
            assert len(view.samples) == 2_951
            assert view.complete == (end is not None)
        check_tables(path, (2_951, 8, 8, {}))
    filler = Filler(RecordingWriter(tmp_path / "r.h5"))
    filler.add(1_000, 4, 4)
    filler.writer.finish(700)
    with check_view(tmp_path / "r.h5", (700, 4, 4, {})) as view:
        assert len(view.samples) == 700


def test_what_is_derived_without_an_end(tmp_path: Path) -> None:
    created = datetime(2026, 11, 22, 8, 27, 7, 801741, tzinfo=UTC)
    writer = RecordingWriter(tmp_path / "r.h5", RecordingHeader(created=created, start_timestamp=1000))
    writer.append_samples(frames(0, 5000))
    writer.flush()
    writer.abort()
    with RecordingView(tmp_path / "r.h5") as view:
        assert not view.complete
        assert view.attributes["duration_frames"] == 5000
        assert view.attributes["duration_seconds"] == 0.2
        assert view.attributes["end_timestamp"] == 6000
        assert view.attributes["created_utc"] == "2026-11-22T08:27:07.801741+00:00"
        assert view.attributes["ended_utc"] == "2026-11-22T08:27:08.001741+00:00"
    with tables.open_file(str(tmp_path / "r.h5")) as other:
        assert other.root._v_attrs.duration_frames == 5000
        assert other.root._v_attrs.ended_utc == ""


def test_without_samples_the_cover_counts(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "r.h5", RecordingHeader(include_raw_samples=False))
    writer.append_samples(frames(0, 100))
    writer.append_spikes([350], [4], np.zeros((1, 75)))
    writer.cover(300)
    writer.flush()
    with RecordingView(tmp_path / "r.h5") as view:
        assert view.attributes["duration_frames"] == 300
        assert len(view.spikes) == 0, "it does not cover their frames yet"
    writer.cover(400)
    writer.flush()
    with RecordingView(tmp_path / "r.h5") as view:
        assert view.attributes["duration_frames"] == 400
    writer.finish(500)
    with RecordingView(tmp_path / "r.h5") as view:
        assert (view.complete, view.attributes["duration_frames"], view.samples) == (True, 500, None)
        assert view.spikes.col("timestamp").tolist() == [350]


def test_times_and_identity(tmp_path: Path) -> None:
    created = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=2)))
    writer = RecordingWriter(
        tmp_path / "r.h5",
        RecordingHeader(
            created=created,
            system={"hostname": "ä" * 50, "project_id": ""},
            file_version="CL1 3",
            uV_per_sample_unit=0.25,
            start_timestamp=5,
            directory=tmp_path,
        ),
    )
    writer.finish(25_005, {"late": True}, created + timedelta(seconds=1))
    with RecordingView(tmp_path / "r.h5") as view:
        attributes = view.attributes
        assert attributes["created_utc"] == "2026-01-02T01:04:05.000006+00:00"
        assert attributes["ended_utc"] == "2026-01-02T01:04:06.000006+00:00"
        assert datetime.fromisoformat(attributes["created_localtime"]) == created
        assert (attributes["hostname"], attributes["project_id"]) == ("ä" * 50, "")
        assert attributes["cell_batch_id"] == ""
        assert attributes["file_format"]["version"] == "CL1 3"
        assert attributes["uV_per_sample_unit"] == 0.25
        assert attributes["application"] == {"late": True}
        # No samples were given, so the file covers no frames whatever the end was said to be.
        assert attributes["duration_frames"] == 0
        assert attributes["git_hash"] == attributes["git_status"] == ""


def test_wrong_frames(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "r.h5")
    for wrong in (np.zeros((5, 63), "i2"), np.zeros(64, "i2"), np.zeros((5, 64)), np.zeros((5, 64), "u2")):
        with pytest.raises(ValueError, match="int16"):
            writer.append_samples(wrong)
    with pytest.raises(KeyError):
        writer.append_stream("none", 1, b"")
    writer.finish()
    with RecordingView(tmp_path / "r.h5") as view:
        assert len(view.samples) == 0


def test_frames_of_other_memory_layouts(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "r.h5")
    block = frames(0, 40)
    writer.append_samples(np.asfortranarray(block[:10]))
    writer.append_samples(block[10:30:2])
    writer.append_samples(block[30:].astype(">i2"))
    writer.finish()
    with RecordingView(tmp_path / "r.h5") as view:
        expected = np.concatenate([block[:10], block[10:30:2], block[30:]])
        np.testing.assert_array_equal(view.samples[:], expected)


@settings(deadline=None, max_examples=25)
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=20).filter(
            lambda s: "/" not in s and "\0" not in s and s != "." and not re.match("_[cfgipv]_", s)
        ),
        st.lists(VALUES, max_size=5),
        max_size=12,
    )
)
def test_any_values_in_any_number_of_streams(
    tmp_path_factory: pytest.TempPathFactory, streams: dict[str, list[Any]]
) -> None:
    path = tmp_path_factory.mktemp("s") / "r.h5"
    writer = RecordingWriter(path)
    for name, values in streams.items():
        writer.add_stream(name, {"count": len(values)})
        for i, value in enumerate(values):
            writer.append_stream(name, i * 10, pack(value))
    writer.finish()
    with RecordingView(path) as view:
        assert set(view.data_streams) == set(streams)
        for name, values in streams.items():
            stream = view.data_streams[name]
            assert stream.attributes["application"] == {"count": len(values)}
            assert same(list(stream.items()), [(i * 10, value) for i, value in enumerate(values)])


@settings(deadline=None, max_examples=30)
@given(st.dictionaries(st.text(), PICKLE_VALUES, max_size=6))
def test_any_attributes(tmp_path_factory: pytest.TempPathFactory, attributes: dict[str, Any]) -> None:
    path = tmp_path_factory.mktemp("a") / "r.h5"
    writer = RecordingWriter(path, RecordingHeader(application=attributes))
    writer.add_stream("s", attributes)
    writer.finish()
    with RecordingView(path) as view:
        assert same(view.attributes["application"], attributes)
        assert same(view.data_streams["s"].attributes["application"], attributes)
        theirs = view.file.root._v_attrs.application
        assert same(theirs, attributes)


def test_many_streams(tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    writer = RecordingWriter(path, RecordingHeader(include_raw_samples=False))
    for i in range(400):
        writer.add_stream(f"stream {i}", {"i": i})
        writer.append_stream(f"stream {i}", i, pack(i))
        if i % 50 == 0:
            writer.flush()
    writer.finish(400)
    with RecordingView(path) as view:
        assert len(view.data_streams) == 400
        assert all(view.data_streams[f"stream {i}"][i] == i for i in range(400))
        assert all(view.data_streams[f"stream {i}"].attributes["i"] == i for i in range(400))


def test_attributes_as_they_stand_at_the_end(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "r.h5", RecordingHeader(application={"a": 0}))
    writer.add_stream("s", {"score": 0})
    for i in range(20):
        writer.set_stream_attributes("s", {"score": i, "pad": "x" * (i % 7) * 300})
        writer.set_attributes({"a": i, "pad": "y" * (i % 5) * 10_000})
        if i % 3 == 0:
            writer.flush()
            with RecordingView(tmp_path / "r.h5") as view:
                assert view.data_streams.s.attributes["score"] == view.attributes["application"]["a"] == i
    writer.finish()
    with RecordingView(tmp_path / "r.h5") as view:
        assert view.data_streams.s.attributes["score"] == view.attributes["application"]["a"] == 19


# -- attributes that fit and that do not


class Colour(enum.IntEnum):
    RED = 1


def test_what_attributes_become() -> None:
    given_values = {
        "enum": Colour.RED,
        "ordered": OrderedDict(a=1),
        "default": defaultdict(list, b=[2]),
        "text": type("Text", (str,), {})("x"),
        "array": np.arange(4)[::2],
        "masked key": {Colour.RED: 1},
    }
    plain = plain_dict(given_values)
    assert [type(value) for value in plain.values()] == [int, dict, dict, str, np.ndarray, dict]
    assert type(next(iter(plain["masked key"]))) is int
    assert plain_dict(None) == {}


def test_arrays_of_every_kind_can_be_read(tmp_path: Path) -> None:
    """numpy has kinds of arrays whose pickle is no plain value's: rows of a class, titles, metadata."""
    records = np.rec.array([(1, 2.5), (3, 4.5)], dtype=[("a", "i4"), ("b", "f8")])
    noted = np.dtype("i4", metadata={"unit": "µV"})
    given = {
        "records": records,
        "record": records[1],
        "column": records.a,
        "titles": np.array([(1,)], [(("title", "a"), "i4")]),
        "metadata": np.arange(3, dtype=noted),
        "metadata of a field": np.zeros(2, [("a", noted, (2,)), ("b", [("c", noted)])]),
        "aligned": np.zeros(2, np.dtype([("a", "u1"), ("b", "f8")], align=True)),
        "dimensions": np.zeros((1,) * 64),
    }
    RecordingWriter(tmp_path / "r.h5", RecordingHeader(application=given)).finish()
    with RecordingView(tmp_path / "r.h5") as view:
        found = view.attributes["application"]
        for name, value in given.items():
            assert found[name].shape == value.shape and found[name].dtype.names == value.dtype.names
            assert repr(found[name].tolist()) == repr(value.tolist()), name
        assert same(view.file.root._v_attrs.application, found)


def test_attributes_are_copied() -> None:
    inner = [1]
    array = np.zeros(2)
    plain = plain_dict({"a": inner, "b": array})
    inner.append(2)
    array[0] = 5
    assert plain["a"] == [1] and plain["b"].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("attributes", "error", "text"),
    [
        ({"when": datetime(2026, 1, 1)}, TypeError, r"attributes\['when'\] is of the type datetime"),
        ({"a": {"b": [1, object()]}}, TypeError, r"attributes\['a'\]\['b'\]\[1\] is of the type object"),
        ({"f": len}, TypeError, "builtin_function"),
        ({"o": np.array([None])}, TypeError, "numpy ndarray of object"),
        ({"m": np.ma.array([1], mask=[1])}, TypeError, "MaskedArray"),
        ({1: 2}, TypeError, "name of an attribute should be a string, not 1"),
        (5, TypeError, "should be a dict, not 5"),
        ([1], TypeError, "should be a dict"),
    ],
)
def test_attributes_that_do_not_fit(
    tmp_path: Path, attributes: Any, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        RecordingWriter(tmp_path / "r.h5", RecordingHeader(application=attributes))
    assert list(tmp_path.iterdir()) == []


def test_attributes_that_contain_themselves_or_are_too_large(tmp_path: Path) -> None:
    itself: dict[str, Any] = {}
    itself["a"] = itself
    with pytest.raises(ValueError, match="contains itself"):
        plain_dict(itself)
    writer = RecordingWriter(tmp_path / "r.h5", RecordingHeader(application={"a": 1}))
    with pytest.raises(ValueError, match="at most 16777216"):
        writer.set_attributes({"a": b"\xff" * 17_000_000})
    writer.set_attributes({"a": "b" * 3_000_000})
    writer.finish()
    with RecordingView(tmp_path / "r.h5") as view:
        assert len(view.attributes["application"]["a"]) == 3_000_000


# -- git


def test_git_state(tmp_path: Path) -> None:
    repository = tmp_path / "project"
    git = repository / ".git"
    (git / "refs/heads/topic").mkdir(parents=True)
    (git / "refs/tags/v").mkdir(parents=True)
    inner = repository / "a/b"
    inner.mkdir(parents=True)
    commit, other = "1" * 40, "2" * 40
    (git / "HEAD").write_text("ref: refs/heads/topic/x\n")
    (git / "refs/heads/topic/x").write_text(commit + "\n")
    (git / "refs/tags/v/1").write_text(commit + "\n")
    (git / "refs/tags/old").write_text(other + "\n")
    for name, number, about in (("v/2-annotated", "a" * 40, commit), ("old-annotated", "b" * 40, other)):
        content = f"object {about}\ntype commit\ntag {name}\ntagger x <x> 0 +0000\n\n{'message ' * 500}\n"
        annotation = git / "objects" / number[:2] / number[2:]
        annotation.parent.mkdir(parents=True)
        annotation.write_bytes(zlib.compress(f"tag {len(content)}\0{content}".encode()))
        (git / "refs/tags" / name).write_text(number + "\n")
    (git / "packed-refs").write_text(
        f"# pack-refs with: peeled\n{other} refs/heads/main\n{other} refs/tags/annotated\n^{commit}\n"
    )
    expected = {
        "git_hash": commit,
        "git_branch": "topic/x",
        "git_tags": "annotated, v/1, v/2-annotated",
        "git_status": "unknown",
    }
    assert git_state(inner) == expected
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    assert git_state(repository)["git_hash"] == other
    (git / "HEAD").write_text(commit + "\n")
    assert git_state(repository) == {**expected, "git_branch": ""}
    worktree = tmp_path / "tree"
    worktree.mkdir()
    own = git / "worktrees/tree"
    own.mkdir(parents=True)
    (worktree / ".git").write_text(f"gitdir: {own}\n")
    (own / "HEAD").write_text("ref: refs/heads/topic/x\n")
    (own / "commondir").write_text("../..\n")
    assert git_state(worktree) == expected


def test_no_git(tmp_path: Path) -> None:
    nothing = dict.fromkeys(("git_hash", "git_branch", "git_tags", "git_status"), "")
    (tmp_path / ".git").mkdir()
    assert git_state(tmp_path) == nothing


def test_a_file_that_gets_its_name_by_copying_knows_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*arguments: object, **options: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", link)
    writer = RecordingWriter(tmp_path / "a.h5", nameless=True)
    writer.appear()
    assert writer.displaced() is None
    writer.finish()
    (tmp_path / "a.h5").rename(tmp_path / "b.h5")
    assert writer.displaced() is not None


def test_a_compressed_chunk_is_deflated_piece_by_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In between a loop gets the processor."""
    yields: list[None] = []
    monkeypatch.setattr(compressed_dataset, "host_yield", lambda: yields.append(None))
    writer = RecordingWriter(tmp_path / "r.h5", RecordingHeader(compression=4, system=SYSTEM))
    rows = np.random.default_rng(1).normal(0, 13, (512, 64)).astype(np.int16)
    writer.append_samples(rows)
    writer.finish()
    assert len(yields) == rows.nbytes / 4096
    with h5py.File(tmp_path / "r.h5") as file:
        _, stored = file["samples"].id.read_direct_chunk((0, 0))
    assert zlib.decompress(stored) == bytes(shuffled(rows.tobytes(), 2))
