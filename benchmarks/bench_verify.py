"""How long `python -m cl verify` takes for a recording of an hour.

    python benchmarks/bench_verify.py [SECONDS] [gzip]

Makes the file in a temporary folder (TMPDIR; 11.5 GB for an hour), with 20 spikes and 10 stims a second and a
stream of 100 entries a second, and checks it twice: from the disk, as far as the system keeps it there, and
again.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from cl._store.packing import pack
from cl._store.read.verify.checking import verify
from cl._store.write.header import RecordingHeader
from cl._store.write.writer import RecordingWriter

FRAMES = 25_000


def make(path: Path, seconds: int, level: int) -> None:
    random = np.random.default_rng(1)
    frames = (random.poisson(170, (FRAMES, 64)) - 170).astype(np.int16)
    waveforms = random.normal(0, 20, (20, 75)).astype(np.float32)
    writer = RecordingWriter(path, RecordingHeader(compression=level))
    writer.add_stream("ticks", {})
    entry = pack({"reward": 1.5})
    for second in range(seconds):
        at = second * FRAMES
        writer.append_samples(np.roll(frames, second, axis=0))
        writer.append_spikes(np.arange(20) * 1_000 + at, np.arange(20), waveforms)
        writer.append_stims(np.arange(10) * 2_000 + at, np.arange(10))
        for i in range(100):
            writer.append_stream("ticks", at + 250 * i, entry)
        writer.flush()
    writer.finish()


def main() -> None:
    seconds = int(next((word for word in sys.argv[1:] if word.isdigit()), 3600))
    level = 4 if "gzip" in sys.argv else 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.h5"
        make(path, seconds, level)
        size = path.stat().st_size
        for _ in range(2):
            began, busy = time.perf_counter(), time.process_time()
            report = verify(path)
            took, busy = time.perf_counter() - began, time.process_time() - busy
            assert report.is_whole, report.faults
            print(
                f"{seconds} s, {size / 1e9:.2f} GB{', compressed' if level else ''}: {took:.1f} s, "
                f"{busy:.1f} s of a processor (load {os.getloadavg()[0]:.1f} on {os.cpu_count()})",
                flush=True,
            )


if __name__ == "__main__":
    main()
