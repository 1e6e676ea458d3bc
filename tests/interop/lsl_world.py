"""What runs in a network of its own: a program with an outlet that records, and another with inlets.

    python lsl_world.py FOLDER
    python lsl_world.py inlets FOLDER

Writes `found.json` and `samples.npz` of what the inlets got, and `recorded.json`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

PATIENCE = 40
MARKERS = 5


def main(folder: Path) -> None:
    import cl
    from cl.hw.emulator.spawn import EmulatorProcess
    from cl.interop.lsl import Markers, Outlet

    with ExitStack() as stack:
        os.environ["CL_DEVICE"] = stack.enter_context(EmulatorProcess("--liveness-ms", "1000")).address
        neurons = stack.enter_context(cl.open())
        markers = stack.enter_context(Markers(neurons, "marks", "words"))
        outlet = stack.enter_context(Outlet(neurons, samples=True))
        inlets = subprocess.Popen(
            [sys.executable, __file__, "inlets", str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        try:
            assert inlets.stdout is not None
            assert inlets.stdout.readline() == b"ready\n"
            assert markers.wait_for_stream(PATIENCE)
            recording = neurons.record(file_location=str(folder))
            neurons.stim(9, cl.StimDesign(160, -1.0, 180, 0.9))
            neurons.read(25_000)
            recording.stop()
            neurons.read(5_000)
            inlets.communicate(timeout=PATIENCE)
        finally:
            inlets.kill()
            inlets.wait()
        neurons.read(2_500)  # Nothing listens any more, which harms nobody.
        statistics = outlet.statistics()
        found = {"path": recording.file["path"], "missed": statistics.missed, "sent": statistics.sent}
    (folder / "recorded.json").write_text(json.dumps(found, default=str))


def inlets(folder: Path) -> None:
    import numpy as np
    import pylsl

    marks = pylsl.StreamOutlet(pylsl.StreamInfo("marks", "Markers", 1, 0, pylsl.cf_string, "marks"))
    found = [_inlet(f"cl-{what}") for what in ("spikes", "stims", "samples")]
    for inlet in found:
        inlet.pull_sample(0.0)
    found[0].pull_sample(PATIENCE)
    print("ready", flush=True)
    while not marks.wait_for_consumers(PATIENCE):
        raise TimeoutError("nobody takes the markers")
    sent = []
    got: list[list[Any]] = [[], [], []]
    until = time.monotonic() + 2.2
    while time.monotonic() < until:
        if len(sent) < MARKERS and time.monotonic() > until - 1.6 + 0.1 * len(sent):
            sent.append(pylsl.local_clock())
            marks.push_sample([f"märk {len(sent)}"], sent[-1])
        for inlet, all_ in zip(found, got, strict=True):
            samples, stamps = inlet.pull_chunk(timeout=0.0, max_samples=20_000)
            all_ += zip(stamps, samples, strict=True)
        time.sleep(0.005)
    np.savez(
        folder / "samples.npz",
        stamps=[stamp for stamp, _ in got[2]],
        samples=[sample for _, sample in got[2]],
    )
    description = [inlet.info(PATIENCE).as_xml() for inlet in found]
    result = {"spikes": got[0], "stims": got[1], "marks": sent, "descriptions": description}
    (folder / "found.json").write_text(json.dumps(result))


def _inlet(name: str) -> Any:
    import pylsl

    (info,) = pylsl.resolve_byprop("name", name, 1, PATIENCE)[:1]
    inlet = pylsl.StreamInlet(info)
    inlet.open_stream(PATIENCE)
    return inlet


if __name__ == "__main__":
    if sys.argv[1] == "inlets":
        inlets(Path(sys.argv[2]))
    else:
        main(Path(sys.argv[1]))
