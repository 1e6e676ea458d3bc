"""Many readers of one recording, in forks and threads: each has the samples of the place it asked for."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from store_files import frames, waveforms, write_recording

from cl import RecordingView


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write_recording(tmp_path / "r.h5")


def check_places(view: RecordingView, seed: int, count: int = 150) -> None:
    """Look at random places in all ways that there are."""
    random = Random(seed)
    assert view.samples is not None and view.spikes is not None and view.data_streams is not None
    for i in range(count):
        start = random.randrange(3_600)
        np.testing.assert_array_equal(view.samples[start : start + 40], frames(start, 40))
        np.testing.assert_array_equal(view.samples[start], frames(start, 1)[0])
        row = random.randrange(250)
        np.testing.assert_array_equal(view.spikes[row]["samples"], waveforms(row, 1)[0])
        entry = random.randrange(43)
        assert view.data_streams.game[5 * entry] == {"n": entry, "name": "game"}
        if i % 30 == 0:
            assert view.attributes["hostname"] == "bench-1"
            assert view.file.root.samples[start].tolist() == frames(start, 1)[0].tolist()


def in_child(work: Any) -> int:
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_forked_readers_of_any_of_several_views(recording: Path, number: int) -> None:
    views = [RecordingView(recording) for _ in range(3)]
    try:
        assert views[number].file is not None
        children = [in_child(lambda seed=seed: check_places(views[number], seed)) for seed in range(4)]
        check_places(views[number], 99)
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    finally:
        for view in views:
            view.close()


@pytest.mark.parametrize("number", [0, 1])
def test_readers_in_threads(recording: Path, number: int) -> None:
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            random = Random(seed)
            for _ in range(150):
                start = random.randrange(3_600)
                np.testing.assert_array_equal(views[number].samples[start : start + 40], frames(start, 40))
        except BaseException as error:
            failures.append(error)

    views = [RecordingView(recording) for _ in range(2)]
    try:
        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        for view in views:
            view.close()
    assert failures == []


def read_until_closed(samples: Any, begun: threading.Event) -> None:
    with pytest.raises(ValueError, match=r"closed|[Nn]ot a"):  # h5py's own words, where it comes first
        while True:
            np.testing.assert_array_equal(samples[:200], frames(0, 200))
            begun.set()


def test_a_view_that_is_closed_while_it_is_read_reads_nothing_else(recording: Path, tmp_path: Path) -> None:
    """Its descriptor's number is soon that of another file."""
    other = tmp_path / "other"
    other.write_bytes(b"\x7f" * 600_000)
    for _ in range(20):
        view = RecordingView(recording)
        samples = view.samples
        assert samples is not None
        samples[0]
        begun = threading.Event()

        thread = threading.Thread(target=read_until_closed, args=(samples, begun))
        thread.start()
        begun.wait(10)
        view.close()
        with other.open("rb"):
            thread.join()
