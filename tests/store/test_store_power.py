"""Cutting the power: every state of the file that may be left has all that is older than the last sync."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import h5py
import pytest
from disk_log import DiskLog
from store_files import SYSTEM, Filler, check_counts, check_tables, check_view

from cl import RecordingView
from cl._core.device_log import Happening, LogKind
from cl._store.packing import pack
from cl._store.write import layout, log_tables
from cl._store.write.header import RecordingHeader
from cl._store.write.writer import RecordingWriter

STATES = int(os.environ.get("CL_POWER_CUTS", "0"))
"""How many states each of the tests looks at, at least; some hundreds otherwise, a third with PyTables."""


def header(**more: Any) -> RecordingHeader:
    return RecordingHeader(application={"run": 1}, system=SYSTEM, sync_seconds=2.0, **more)


def deep_recording(path: Path, log: DiskLog, random: Random) -> None:
    """Indexes of several levels, growing attributes, and streams that come during it: every kind of write."""
    filler = Filler(RecordingWriter(path, header(include_clock=True)))
    for i in range(10):
        if i % 4 == 1:
            filler.add_stream(f"stream {i}", {"i": i})
        filler.add(random.randrange(60), random.randrange(30), random.randrange(40), random.randrange(4))
        filler.writer.append_clock(i, i * 10, i * 20)
        if i % 3:  # also in two flushes that follow one another
            filler.writer.set_attributes({"i": i, "pad": "x" * random.randrange(3000)})
        for name in filler.streams:
            if random.random() < 0.3:
                filler.writer.set_stream_attributes(name, {"i": i, "pad": "y" * random.randrange(2000)})
        filler.writer.flush()
        log.mark(filler.counts)
    filler.add(10, 3, 3, 2)
    filler.writer.finish(application={"done": True})
    log.mark(filler.counts)


def attributes_recording(path: Path, log: DiskLog, random: Random) -> None:
    """Headers of several pages, rewritten with every flush."""
    filler = Filler(RecordingWriter(path, header()))
    filler.add_stream("s", {})
    for i in range(8):
        filler.add(3, 1, 1, 1)
        filler.writer.set_attributes({"i": i, "pad": "x" * (5_000 + i)})
        filler.writer.set_stream_attributes("s", {"i": i, "pad": "y" * (5_000 + i)})
        filler.writer.flush()
        log.mark(filler.counts)
    filler.writer.finish(application={"done": True})
    log.mark(filler.counts)


def logged_recording(path: Path, log: DiskLog, random: Random) -> None:
    """Rows of a log, and their texts, a chunk of them with each flush."""
    filler = Filler(RecordingWriter(path, header(include_log=True)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_tables, "_PERIOD_NS", -1)
        for i in range(3):
            filler.add(3, 1, 1, 0)
            for n in range(i * 40, i * 40 + 40):
                row = Happening(n, LogKind.ANNOTATION, f"row {n}", fields=pack({"n": n}))
                filler.writer.append_log([row])
            filler.writer.flush()
            log.mark(filler.counts)
        filler.writer.finish(application={"done": True})
        log.mark(filler.counts)


def plain_recording(path: Path, log: DiskLog, random: Random) -> None:
    """Chunks as they are."""
    filler = Filler(RecordingWriter(path, header()))
    filler.add_stream("s", {"a": 1})
    for _ in range(5):
        filler.add(random.randrange(600, 1_500), random.randrange(600), random.randrange(900), 20)
        filler.writer.flush()
        log.mark(filler.counts)
    filler.writer.finish(application={"done": True})
    log.mark(filler.counts)


def compressed_recording(path: Path, log: DiskLog, random: Random) -> None:
    """Compressed chunks, and ones that are stored as they are since they were not full."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "SAMPLE_CHUNK", 4)
        filler = Filler(RecordingWriter(path, header(compression=9)))
    for _ in range(20):
        filler.add(random.randrange(70), random.randrange(3), random.randrange(3))
        filler.writer.flush()
        log.mark(filler.counts)
    filler.writer.finish(application={"done": True})
    log.mark(filler.counts)


def check_h5py(path: Path, counts: Any) -> None:
    """Check that the library reads all of everything, whatever it looks at."""
    with h5py.File(path) as file:
        found: list[Any] = []
        file.visititems(lambda name, item: found.append(item))
        for item in found:
            dict(item.attrs)
            if isinstance(item, h5py.Dataset):
                assert len(item[:]) == len(item)
                item.id.get_num_chunks(), item.id.get_storage_size()
        assert len(file["samples"]) >= counts[0]


@pytest.mark.parametrize(
    ("record", "small_chunks", "count"),
    [
        (deep_recording, True, 70),
        (attributes_recording, False, 120),
        (logged_recording, False, 15),
        (plain_recording, False, 45),
        (compressed_recording, False, 60),
    ],
)
def test_every_state_that_a_power_cut_leaves(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record: Any,
    small_chunks: bool,
    count: int,
    record_property: Any,
) -> None:
    chunks = {"SAMPLE": 1, "SPIKE": 2, "STIM": 3, "STIM_DESIGN": 2, "INDEX": 2, "DATA": 16, "CLOCK": 1}
    for name, rows in chunks.items() if small_chunks else ():
        monkeypatch.setattr(layout, f"{name}_CHUNK", rows)
    log = DiskLog(monkeypatch)
    record(tmp_path / "all.h5", log, Random(1))
    monkeypatch.undo()
    final: Any = log.marks[-1][1]
    epochs = list(log.epochs())
    bound = -(-max(count, STATES) // len(epochs))
    tried = in_tables = ended = partial = 0
    random, some = Random(2), Random(3)
    state = tmp_path / "state.h5"
    for epoch in epochs:
        for image in epoch.states(random, bound):
            state.write_bytes(image)
            tried += 1
            if epoch.promised is None:
                with suppress(ValueError):
                    RecordingView(state).close()
                continue
            with check_view(state, epoch.promised) as view:
                partial += epoch.promised[0] < len(view.samples) < final[0]
                if view.complete:
                    ended += 1
                    check_counts(view, final)
            check_h5py(state, epoch.promised)
            if STATES or some.random() < 1 / 3:
                check_tables(state, epoch.promised)
                in_tables += 1
    record_property("states", tried)
    print(
        f"{tried} states of {len(epochs)} syncs, {ended} of them ended, {partial} with more than was promised"
        f", {in_tables} looked at with PyTables"
    )
    assert tried > 0.4 * count and ended and partial and in_tables > tried / 8
    assert len(epochs) > 10
