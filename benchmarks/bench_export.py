"""Exports: how many times as fast as real time, and in how much memory.

    python benchmarks/bench_export.py [seconds]

Records so many seconds (120) of the random source in accelerated time, with stims, and exports them in each
form.
Prints real time divided by the processor's time, and by the time that passed, with the machine's load.
Each form runs in a process of its own, under `ulimit -v` of 1.5 GB; pynwb is imported before.
Files go to a temporary folder (TMPDIR).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ["CL_SDK_VISUALISATION"] = "0"

import cl
from cl.sim import Simulator

FORMS = {
    "nwb, gzip": ("nwb.export(path, out)", 12),
    "nwb, none": ("nwb.export(path, out, compression=None)", 60),
    "nwb, gzip, units": ("nwb.export(path, out, units=True)", 12),
    "csv of spikes": ("tables.export(path, 'spikes', out)", None),
    "h5": ("recordings.export(path, out)", None),
}
CHILD = """
import resource, sys, time
import pynwb
from cl.interop import nwb, recordings, tables
resource.setrlimit(resource.RLIMIT_AS, (1_500_000 << 10,) * 2)
path, out = sys.argv[1:]
began = time.perf_counter(), time.process_time()
{}
passed, used = time.perf_counter() - began[0], time.process_time() - began[1]
print(passed, used, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def record(seconds: float) -> Path:
    with cl.open(device=Simulator(seed=7, accelerated=True)) as neurons:
        recording = neurons.record()
        for _ in range(int(seconds * 10)):
            neurons.stim(20, cl.StimDesign(160, -1.0, 160, 1.0))
            neurons.read(2500)
        recording.stop()
    return Path(recording.file["path"]).resolve()


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 120
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        path = record(seconds)
        print(f"{seconds:g} s, {path.stat().st_size / 1e6:.0f} MB")
        for name, (call, wanted) in FORMS.items():
            out = Path(folder, "out")
            done = subprocess.run(
                [sys.executable, "-c", CHILD.format(call), str(path), str(out)],
                capture_output=True,
                text=True,
                check=True,
            )
            passed, used, memory = map(float, done.stdout.split())
            verdict = (
                "" if wanted is None else f" (≥ {wanted}: {'ok' if seconds / used >= wanted else 'MISSED'})"
            )
            print(
                f"{name:18} {seconds / used:6.1f} × by processor time{verdict}, "
                f"{seconds / passed:.1f} × by the clock, {memory:.0f} MB at most, "
                f"{out.stat().st_size / 1e6:.0f} MB written, load {os.getloadavg()[0]:.1f}"
            )
            out.unlink()
        os.chdir("/")


if __name__ == "__main__":
    main()
