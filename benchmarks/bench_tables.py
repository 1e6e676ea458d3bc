"""Tables against PyTables, in one run: `python benchmarks/bench_tables.py [SPIKES]`, 457 000 by default.

Each line has the best of some turns, taken in alternation, in ms, and what part of PyTables' time ours is.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tables

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from cl import RecordingView  # noqa: E402
from cl._store.write.writer import RecordingWriter  # noqa: E402

_TURNS = 7
_CONDITION = "(channel == 8) & (timestamp > 1000)"


def write(path: Path, count: int) -> None:
    """Write a recording of so many spikes, two of them a frame."""
    writer = RecordingWriter(path)
    channels = np.random.default_rng(1).integers(0, 64, count).astype(np.uint8)
    for start in range(0, count, 5_000):
        rows = np.arange(start, min(start + 5_000, count))
        writer.append_samples(np.zeros((2_500, 64), np.int16))
        writer.append_spikes(rows // 2, channels[rows], np.zeros((len(rows), 75), np.float32))
        writer.flush()
    writer.finish()


def iterate(table: Any) -> None:
    for _ in table:
        pass


def iterate_and_look(table: Any) -> None:
    for row in table:
        row["channel"]


def iterate_and_look_twice(table: Any) -> None:
    for row in table:
        row["timestamp"], row["channel"]


def column(table: Any) -> None:
    table.cols.channel[:]


def whole_rows(table: Any) -> None:
    table.read()


def where(table: Any) -> None:
    for _ in table.where(_CONDITION):
        pass


def read_where(table: Any) -> None:
    table.read_where(_CONDITION)


PARTS: tuple[Callable[[Any], None], ...] = (
    *(iterate, iterate_and_look, iterate_and_look_twice),
    *(column, whole_rows, where, read_where),
)


def best(part: Callable[[Any], None], choices: list[Callable[[], Any]]) -> list[float]:
    """Return the least time of each choice, in ms; a choice has kept nothing from earlier turns."""
    times = [float("inf")] * len(choices)
    for _ in range(_TURNS):
        for i, choice in enumerate(choices):
            table = choice()
            start = time.perf_counter()
            part(table)
            times[i] = min(times[i], (time.perf_counter() - start) * 1e3)
    return times


def fresh_spikes(stack: ExitStack, path: Path) -> Any:
    """Return the spikes of a new view."""
    return stack.enter_context(RecordingView(path)).spikes


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 457_000
    print(f"{count} spikes, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "r.h5"
        write(path, count)
        with tables.open_file(str(path)) as theirs:
            for part in PARTS:
                with ExitStack() as stack:
                    ours = partial(fresh_spikes, stack, path)
                    times = best(part, [ours, lambda: theirs.root.spikes])
                print(f"{part.__name__:<24} {times[0]:8.1f} {times[1]:8.1f}   {times[0] / times[1]:.2f}")


if __name__ == "__main__":
    main()
