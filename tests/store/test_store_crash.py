"""Killing the process: every state of the file that a kill can leave is readable."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from store_files import SYSTEM, Filler, check_counts, check_tables, check_view

import cl._store.write.ordered_file as ordered_file
from cl._store.write import layout
from cl._store.write.header import RecordingHeader
from cl._store.write.writer import RecordingWriter

STRIDE = int(os.environ.get("CL_TEST_STORE_STRIDE", "35"))
"""Every how many states the long test looks at (1: at all, which takes a minute)."""
TABLES_STRIDE = min(STRIDE, 3)
"""After every how many writes PyTables looks at them as well."""

Counts = tuple[int, int, int, dict[str, int]]


class Log:
    """Every write to the file, in order, and what had to be readable after how many of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.writes: list[tuple[int, bytes | None]] = []
        self.flushed: list[tuple[int, Counts]] = []
        write, truncate = ordered_file._write_at, os.ftruncate

        def logged_write(descriptor: int, data: bytes | memoryview, address: int) -> int:
            self.writes.append((address, bytes(data)))
            return write(descriptor, data, address)

        def logged_truncate(descriptor: int, size: int) -> None:
            self.writes.append((size, None))
            truncate(descriptor, size)

        monkeypatch.setattr(ordered_file, "_write_at", logged_write)
        monkeypatch.setattr(os, "ftruncate", logged_truncate)

    def mark(self, counts: Counts) -> None:
        self.flushed.append((len(self.writes), counts))

    def required(self, done: int) -> Counts:
        return [counts for writes, counts in self.flushed if writes <= done][-1]

    def belonging(self, frames: int) -> Counts:
        """Return what was appended with the last of so many frames, or before."""
        counts = [counts for _, counts in self.flushed]
        return [
            new for old, new in pairwise([counts[0], *counts]) if old[0] < new[0] <= frames or new[0] == 0
        ][-1]


def record_everything(path: Path, log: Log, random: Random) -> None:
    """A recording with deep indexes, growing attributes and streams that come during it."""
    filler = Filler(RecordingWriter(path, RecordingHeader(application={"run": 1}, system=SYSTEM)))
    log.mark(filler.counts)
    for i in range(22):
        if i % 4 == 1:
            filler.add_stream(f"stream {i}", {"i": i})
        filler.add(random.randrange(70), random.randrange(30), random.randrange(40), random.randrange(4))
        if i % 3 == 0:
            filler.writer.set_attributes({"i": i, "pad": "x" * random.randrange(6000)})
        for name in filler.streams:
            if random.random() < 0.3:
                filler.writer.set_stream_attributes(name, {"i": i, "pad": "y" * random.randrange(2000)})
        filler.writer.flush()
        log.mark(filler.counts)
    filler.add(10, 3, 3, 2)
    filler.writer.finish(application={"done": True})
    log.mark(filler.counts)


def states(log: Log, random: Random) -> Any:
    """Yield the file after each write, and for writes over several pages also torn between two of them."""
    image = bytearray()
    for done, (address, data) in enumerate(log.writes):
        if data is None:
            image.extend(bytes(address - len(image)))
            yield done + 1, image
            continue
        image.extend(bytes(max(0, address + len(data) - len(image))))
        pages = range(-address % 4096 or 4096, len(data), 4096)
        if pages:
            cut = random.choice(pages)
            image[address : address + cut] = data[:cut]
            yield done, image
        image[address : address + len(data)] = data
        yield done + 1, image


def test_every_state_between_two_writes_is_readable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With chunks of a few rows, so that the indexes are three levels deep and every kind of write occurs."""
    for name, rows in (
        ("SAMPLE", 1),
        ("SPIKE", 2),
        ("STIM", 3),
        ("STIM_DESIGN", 2),
        ("INDEX", 2),
        ("DATA", 16),
    ):
        monkeypatch.setattr(layout, f"{name}_CHUNK", rows)
    log = Log(monkeypatch)
    record_everything(tmp_path / "all.h5", log, Random(1))
    first = log.flushed[0][0]
    looked_at = ended = in_tables = 0
    state = tmp_path / "state.h5"
    for done, image in states(log, Random(2)):
        if done < first:
            continue
        looked_at += 1
        if looked_at % STRIDE and done < len(log.writes) - 60:
            continue
        state.write_bytes(image)
        with check_view(state, log.required(done)) as view:
            ended += view.complete
            assert view.complete == (view.attributes["application"] == {"done": True})
            check_counts(view, log.belonging(len(view.samples)))  # no frame is there without its events
        if done % TABLES_STRIDE == 0:
            check_tables(state, log.required(done))
            in_tables += 1
    assert looked_at > 800 and in_tables > 30
    assert 0 < ended < 10, "the end is one write among the last"


@pytest.mark.parametrize("before", [60, 64 * 64 - 4])
def test_every_state_while_an_index_gets_a_level(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    """A chunk a row: the 65th needs a second level, the 4097th a third, and of the designs a second."""
    monkeypatch.setattr(layout, "STIM_CHUNK", 1)
    monkeypatch.setattr(layout, "STIM_DESIGN_CHUNK", 1 if before < 64 else 64)
    log = Log(monkeypatch)
    filler = Filler(RecordingWriter(tmp_path / "all.h5", RecordingHeader(application={"a": 1})))
    filler.add(stims=before)
    filler.writer.flush()
    log.mark(filler.counts)
    start = len(log.writes)
    for _ in range(4):
        filler.add(stims=2)
        filler.writer.flush()
        log.mark(filler.counts)
    filler.writer.abort()
    state = tmp_path / "state.h5"
    looked_at = in_tables = 0
    for done, image in states(log, Random(3)):
        if done >= start:
            state.write_bytes(image)
            check_view(state, log.required(done)).close()
            looked_at += 1
            if done % TABLES_STRIDE == 0:
                check_tables(state, log.required(done))
                in_tables += 1
    assert looked_at >= 25 and in_tables >= 8


_DRIVER = Path(__file__).with_name("kill_recorder.py")


@pytest.mark.parametrize("phase", ["recording", "closing"])
def test_killed_process(tmp_path: Path, phase: str) -> None:
    """Real processes, killed at random moments; what they had flushed is there, without a repair."""
    result = subprocess.run(
        [sys.executable, str(_DRIVER), str(tmp_path), phase, "10", "3"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert result.returncode == 0, result.stdout + result.stderr
    killed, unreadable = map(int, result.stdout.split()[-2:])
    assert killed == 10
    assert unreadable == 0
