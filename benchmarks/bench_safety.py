"""What it costs a closed loop that its commands are logged, watched and counted.

    python benchmarks/bench_safety.py [SECONDS]

A loop at 1 kHz in accelerated time answers every spike with a stim, and is recorded. It runs in turns with
the log, the watchdog and the budgets, and without; the figures are CPU time, the least of all turns.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from unittest.mock import patch

import cl
from cl._core.device_log import DeviceLog
from cl._recording.plan import RecordingPlan
from cl.sim import Simulator

SECONDS = int(sys.argv[1]) if len(sys.argv) > 1 else 60
TURNS = 7
DESIGN = cl.StimDesign(160, -1.0, 160, 1.0)


def loop(folder: str, samples: bool, prepare: Callable[[cl.Neurons], None]) -> float:
    """Return the CPU seconds of a loop."""
    with cl.open(device=Simulator(seed=7, accelerated=True, visualisation=False)) as neurons:
        prepare(neurons)
        begun = time.process_time()
        recording = neurons.record(file_location=folder, include_raw_samples=samples)
        for tick in neurons.loop(1000, stop_after_seconds=SECONDS):
            for spike in tick.analysis.spikes:
                neurons.stim(spike.channel, DESIGN)
        recording.stop()
        took = time.process_time() - begun
    os.unlink(recording.file["path"])
    return took


@contextmanager
def without_log() -> Iterator[None]:
    """Have nothing logged."""
    header = RecordingPlan.header

    def plain(self: RecordingPlan, *arguments: object) -> object:
        made = header(self, *arguments)  # type: ignore[arg-type]
        object.__setattr__(made, "include_log", False)
        return made

    def command(self: DeviceLog, *arguments: object) -> list[object]:
        return _NOTHING

    with patch.object(RecordingPlan, "header", plain), patch.object(DeviceLog, "command", command):
        yield


_NOTHING: list[object] = [0] * 6


def nothing(neurons: cl.Neurons) -> None:
    """Prepare nothing."""


def main() -> None:
    with TemporaryDirectory() as folder:
        for samples in (False, True):
            least = {"without": 1e9, "log": 1e9}
            for _ in range(TURNS):
                with without_log():
                    least["without"] = min(least["without"], loop(folder, samples, nothing))
                least["log"] = min(least["log"], loop(folder, samples, nothing))
            what = "all" if samples else "all but samples"
            for name, took in least.items():
                print(
                    f"recording {what:16s} {name:10s} {took:7.3f} s CPU for {SECONDS} s, "
                    f"speed {least['without'] / took:.3f} of without (load {os.getloadavg()[0]:.2f})",
                    flush=True,
                )


if __name__ == "__main__":
    main()
