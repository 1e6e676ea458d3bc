"""Small files that say that they are huge: told, or read, within bounds of memory and time."""

from __future__ import annotations

import resource
import time
import tracemalloc
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from store_files import write_recording

from cl import RecordingView
from cl._store.read.info import info
from cl._store.read.reader import open_replay


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write_recording(tmp_path / "r.h5")


def replace(path: Path, name: str, rows: int, chunk: Any, fill: Any = None) -> None:
    """Put a compressed dataset of so many rows in the place of one, filled or without any chunk."""
    with h5py.File(path, "r+") as file:
        kind, tail = file[name].dtype, file[name].shape[1:]
        del file[name]
        made = file.create_dataset(
            name, (rows, *tail), kind, maxshape=(None, *tail), chunks=(chunk, *tail), compression="gzip"
        )
        if fill is not None:
            made[:] = fill


@pytest.mark.parametrize("name", ["stims", "spikes", "samples", "data_stream/game/index", "stim_designs"])
def test_rows_without_chunks(recording: Path, name: str) -> None:
    """A billion rows in 6 kB."""
    replace(recording, name, 10**9, 4096)
    begin = time.process_time()
    for use in (info, open_replay) if name in ("spikes", "samples") else (info,):
        with pytest.raises(ValueError, match=rf"{name} is damaged: of the shape .* chunks are missing"):
            use(recording)
    assert time.process_time() - begin < 5


def test_chunks_that_are_huge(recording: Path) -> None:
    """Each look at a row would make all of one."""
    replace(recording, "samples", 1_000, 1 << 19)
    with pytest.raises(ValueError, match="samples has chunks of 67108864 bytes; at most 16777216"):
        RecordingView(recording)


def test_info_reads_tables_in_blocks(recording: Path) -> None:
    """Two million stims, compressed to some kilobytes, and as many entries of a stream."""
    replace(recording, "stims", 2_000_000, 65_536, np.zeros((), [("timestamp", "<i8"), ("channel", "u1")]))
    replace(recording, "stim_designs", 2_000_000, 65_536)
    with h5py.File(recording, "r+") as file:
        file["stim_designs"][-1:] = file["stim_designs"][:1]
    replace(recording, "data_stream/game/index", 2_000_000, 65_536)
    with h5py.File(recording, "r+") as file:
        index = file["data_stream/game/index"]
        index[:] = np.zeros((), index.dtype)
        del file["stim_designs"]
    tracemalloc.start()
    try:
        found = info(recording)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (found["stims"]["count"], found["stims"]["count_by_channel"]) == (2_000_000, {"0": 2_000_000})
    assert found["data_streams"]["game"]["count"] == 2_000_000
    assert peak < 10 << 20


def test_many_attributes_are_checked_in_their_number(recording: Path) -> None:
    """4 000 took 13 s for PyTables' file, each being looked for among all."""
    with h5py.File(recording, "r+", libver="latest") as file:
        group = file.create_group("many")
        for i in range(4_000):
            group.attrs[f"n{i}"] = i
    begin = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    with RecordingView(recording) as view:
        assert view.file.root.samples.nrows == 3_700
    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - begin < 5


def test_a_compressed_recording_reads_as_any_other(recording: Path) -> None:
    with RecordingView(recording) as view:
        before = view.samples[:], view.spikes[:].tobytes()
    for name in ("samples", "spikes"):
        with h5py.File(recording) as file:
            content = file[name][:]
        replace(recording, name, len(content), 64, content)
    with RecordingView(recording) as view:
        np.testing.assert_array_equal(view.samples[:], before[0])
        assert view.spikes[:].tobytes() == before[1]
        assert [row["timestamp"] for row in view.spikes] == list(range(250))
    assert info(recording)["spikes"]["count"] == 250
