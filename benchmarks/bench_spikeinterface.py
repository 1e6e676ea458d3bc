"""How long SpikeInterface takes to open recordings: the first file, and each of many.

    python benchmarks/bench_spikeinterface.py [--files 1000]

Prints CPU times, wall-clock times and the machine's load. The targets: 50 ms for the first file
(SpikeInterface itself is loaded before), 5 ms for further ones.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ["CL_SDK_ACCELERATED_TIME"] = "1"

import cl
from cl.interop.spikeinterface import read_cl


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1000)
    count = parser.parse_args().files
    print(f"load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        with cl.open() as neurons:
            recording = neurons.record(file_location=folder)
            neurons.read(2500)
            recording.stop()
        paths = [str(recording.file["path"])]
        for number in range(count - 1):
            paths.append(shutil.copy(paths[0], Path(folder) / f"{number}.h5"))
        _measure("the first file", paths[:1])
        _measure(f"{count} files", paths)


def _measure(what: str, paths: list[str]) -> None:
    cpu, wall = time.process_time(), time.perf_counter()
    read_cl(paths)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    each = 1e3 / len(paths)
    print(f"{what}: {wall:.3f} s, {wall * each:.2f} ms each; CPU {cpu:.3f} s, {cpu * each:.2f} ms each")


if __name__ == "__main__":
    main()
