"""A view of a recording that grows is one moment of it, whole, for as long as it is open."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from store_files import SYSTEM, Filler, frames, spike_channels, waveforms

from cl import RecordingView
from cl._store.read import snapshot, structure
from cl._store.read.reader import open_replay
from cl._store.write.header import RecordingHeader
from cl._store.write.writer import RecordingWriter

HERE = Path(__file__).parent
VIEWS = int(os.environ.get("CL_TEST_STORE_VIEWS", "100"))
"""How many views there are of a recording that grows."""


@contextmanager
def recorder(path: Path) -> Iterator[Callable[[], Any]]:
    """Have another process record to a file, until the end of the block; what it gives has it go on."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "growing_recorder.py"), str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parents[1]), str(HERE)])},
    )
    with process:
        assert process.stdout is not None and process.stdin is not None
        stdin = process.stdin
        try:
            assert process.stdout.readline() == b"begun\n"
            yield partial(stdin.write, b".")
        finally:
            process.stdin.close()
            process.wait(30)
    assert process.returncode == 0


def check_whole(view: RecordingView, random: Random, quick: bool = False) -> dict[str, Any]:
    """Check that everything in a view belongs together; return what has to be the same at any later time.

    If it is to be `quick`, look at one of the streams, and not at all attributes.
    """
    assert view.samples is not None and view.spikes is not None and view.stims is not None
    assert view.stim_designs is not None and view.data_streams is not None
    length = len(view.samples)
    assert view.attributes["duration_frames"] == length > 0
    assert (len(view.spikes), len(view.stims)) == (length, -(-length // 3))
    assert len(view.stim_designs) == len(view.stims)
    low = random.randrange(length)
    for start, stop in ((low, min(low + 50, length)), (max(0, length - 50), length)):
        np.testing.assert_array_equal(view.samples[start:stop], frames(start, stop - start))
        spikes = view.spikes[start:stop]
        np.testing.assert_array_equal(spikes["timestamp"], np.arange(start, stop))
        np.testing.assert_array_equal(spikes["channel"], spike_channels(start, stop - start))
        np.testing.assert_array_equal(spikes["samples"], waveforms(start, stop - start))
    last = max(0, len(view.stims) - 200)
    np.testing.assert_array_equal(view.stims[last:]["timestamp"], np.arange(last, len(view.stims)) * 3)
    lengths = {}
    names = list(view.data_streams)
    for name in [random.choice(names)] if quick else names:
        stream = view.data_streams[name]
        assert "i" in stream.attributes["application"]
        lengths[name] = count = len(stream)
        first = random.randrange(max(1, count - 20))
        wanted = [(i * 5, {"n": i, "name": name}) for i in range(first, min(first + 20, count))]
        assert stream.items_for_range(5 * first, 5 * (first + 20)) == wanted
    return {"length": length, "streams": lengths, "attributes": {} if quick else dict(view.attributes)}


def test_views_of_a_recording_that_grows(tmp_path: Path) -> None:
    """Every one is whole; some that are kept stay as they were, and one that is refreshed moves on."""
    random = Random(1)
    path = tmp_path / "r.h5"
    with ExitStack() as stack, recorder(path) as go_on:
        followed = stack.enter_context(RecordingView(path))
        kept, at = [], 0
        for i in range(VIEWS):
            go_on()
            with RecordingView(path) as view:
                assert not view.complete
                found = check_whole(view, random, quick=i % 10 > 0)
            assert found["length"] >= at
            at = found["length"]
            if i % 50 == 0:
                view = stack.enter_context(RecordingView(path))
                kept.append((view, check_whole(view, random)))
            if i % 20 == 0:
                followed.refresh()
                assert check_whole(followed, random)["length"] >= at
        for view, before in kept:
            assert check_whole(view, random) == before
    with RecordingView(path) as ended:
        assert ended.complete and followed is not ended


def test_refresh(tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    filler = Filler(RecordingWriter(path, RecordingHeader(system=SYSTEM)))
    filler.add(700, 100, 30)
    filler.writer.flush()
    with RecordingView(path) as view:
        samples, spikes, attributes = view.samples, view.spikes, view.attributes
        assert not view.refresh()
        assert view.samples is samples
        filler.add_stream("s", {})
        filler.add(700, 100, 30, 5)
        filler.writer.flush()
        assert (len(view.samples), len(view.data_streams)) == (700, 0)
        assert view.refresh()
        assert (len(view.samples), len(view.spikes), len(view.data_streams.s)) == (1_400, 200, 5)
        # What was taken from it before has stayed where it was.
        np.testing.assert_array_equal(samples[:], frames(0, 700))
        assert [row["timestamp"] for row in spikes] == list(range(100))
        assert attributes["duration_frames"] == 700 and view.attributes["duration_frames"] == 1_400
        filler.writer.finish()
        assert not view.complete
        assert view.refresh() and view.complete
        assert not view.refresh()
        np.testing.assert_array_equal(view.samples[:], frames(0, 1_400))
    with pytest.raises(ValueError, match="closed"):
        view.refresh()
    with pytest.raises(ValueError, match="closed"):
        samples[:]
    with RecordingView(path) as view:
        assert view.complete and not view.refresh()


def test_a_refresh_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    filler = Filler(RecordingWriter(path, RecordingHeader(system=SYSTEM)))
    filler.add(700, 100, 30)
    filler.writer.flush()
    with RecordingView(path) as view:
        filler.add(100)
        filler.writer.flush()
        content = path.read_bytes()
        with path.open("rb+") as file:
            file.truncate(200)
        with pytest.raises(ValueError, match=r"r\.h5"):
            view.refresh()
        path.write_bytes(content)
        assert len(view.samples) == 700 and view.attributes["duration_frames"] == 700
        assert view.refresh() and len(view.samples) == 800
    filler.writer.abort()


@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize("kept", [0.1, 0.3, 0.6, 0.9, 0.999])
def test_a_file_that_was_cut_and_has_grown_again(tmp_path: Path, kept: float, ends: bool) -> None:
    """There are zeros where rows were, and nothing else tells of it: it is as long as it should be."""
    path = tmp_path / "r.h5"
    filler = Filler(RecordingWriter(path, RecordingHeader(system=SYSTEM)))
    filler.add(700, 100, 30)
    filler.writer.flush()
    before = path.stat().st_size
    with RecordingView(path) as view:
        filler.add(5_000, 300, 30)
        filler.writer.flush()
        assert view.refresh()
        os.truncate(path, before + int(kept * (path.stat().st_size - before)))
        filler.add(700)
        filler.writer.flush()
        if ends:
            filler.writer.finish()
        for _ in range(2):
            if kept > 0.99:  # What was there after the last row is room for more.
                view.refresh()
                np.testing.assert_array_equal(view.samples[:], frames(0, 6_400))
                continue
            with pytest.raises(ValueError, match=r"r\.h5"):
                view.refresh()
            assert len(view.samples) == 5_700 and not view.complete
    if not ends:
        filler.writer.abort()


class Interleaved:
    """`os.pread`, with the writer's next step before every n-th read."""

    def __init__(self, every: int, step: Any) -> None:
        self._pread, self._every, self._step, self._count = os.pread, every, step, 0

    def __call__(self, descriptor: int, size: int, address: int) -> bytes:
        self._count += 1
        if self._count % self._every == 0:
            self._step()
        return self._pread(descriptor, size, address)


@pytest.mark.parametrize("every", [3, 7, 20, 45])
def test_writes_between_any_two_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: int) -> None:
    """The writer goes on while a moment is being taken: what comes of it is still one moment."""
    path = tmp_path / "r.h5"
    random = Random(every)
    filler = Filler(RecordingWriter(path, RecordingHeader(application={"i": 0}, system=SYSTEM)))
    filler.add_stream("s", {"i": 0})
    steps = 0

    def flush() -> None:
        nonlocal steps
        if steps < 300:  # then it rests, so that there is an end of looking again
            steps += 1
            filler.add(3, 3, 1, 1)
            filler.writer.set_attributes({"i": filler.frames})
            filler.writer.set_stream_attributes("s", {"i": filler.frames, "pad": "x" * random.randrange(900)})
            filler.writer.flush()

    flush()
    monkeypatch.setattr(structure.os, "pread", Interleaved(every, flush))
    for _ in range(15):
        with RecordingView(path) as view:
            check_whole(view, random)
            length = len(view.samples)
            assert view.attributes["application"] == {"i": length}
            assert view.data_streams.s.attributes["i"] == length
            assert len(view.data_streams.s) * 3 == length
    filler.writer.finish()


def test_a_file_that_never_rests_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r.h5"
    filler = Filler(RecordingWriter(path))
    filler.add(10)
    filler.writer.flush()

    def flush() -> None:
        filler.add(1)
        filler.writer.flush()

    monkeypatch.setattr(snapshot, "_PATIENCE_S", 0.1)
    monkeypatch.setattr(structure.os, "pread", Interleaved(2, flush))
    with pytest.raises(ValueError, match=r"r\.h5 .*faster than it can be looked at"):
        RecordingView(path)
    filler.writer.finish()


def test_a_replay_of_a_recording_that_grows(tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    filler = Filler(RecordingWriter(path))
    filler.add(700, 100)
    filler.writer.flush()
    data = open_replay(path)
    try:
        filler.add(700, 100)
        filler.writer.finish()
        np.testing.assert_array_equal(data.samples[:], frames(0, 700))
        assert data.duration_frames == 700 and len(data.spike_timestamps) == 100
    finally:
        data.close()
