"""What runs in a network of its own: a program with an outlet that records, and another with inlets.

    python lsl_world.py FOLDER
    python lsl_world.py inlets FOLDER
    python lsl_world.py stalled FOLDER

Writes `found.json` and `samples.npz` of what the inlets got, and `recorded.json`; `stalled.json` of a
receiver that the system lets wait.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
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
            _tell(inlets, "recording")
            assert inlets.stdout.readline() == b"marked\n"
            neurons.read(12_500)
            recording.stop()
            _tell(inlets, str(neurons.timestamp()))
            inlets.communicate(timeout=PATIENCE)
        finally:
            inlets.kill()
            inlets.wait()
        neurons.read(5_000)  # The receiver was killed, which harms nobody.
        statistics = outlet.statistics()
        found = {"path": recording.file["path"], "missed": statistics.missed, "sent": statistics.sent}
    (folder / "recorded.json").write_text(json.dumps(found, default=str))


def _tell(process: subprocess.Popen[bytes], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n".encode())
    process.stdin.flush()


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
    sent: list[float] = []
    got: list[list[Any]] = [[], [], []]
    _take(found, got, lambda: bool(select.select([sys.stdin], [], [], 0)[0]))
    sys.stdin.readline()
    for number in range(1, MARKERS + 1):
        sent.append(pylsl.local_clock())
        marks.push_sample([f"märk {number}"], sent[-1])
        after = time.monotonic() + 0.05
        _take(found, got, lambda after=after: time.monotonic() > after)
    print("marked", flush=True)
    _take(found, got, lambda: bool(select.select([sys.stdin], [], [], 0)[0]))
    stop = int(sys.stdin.readline())

    def is_complete() -> bool:
        """Whether spikes and samples have come of after the end: all that was before has come as well."""
        later = next((stamp for stamp, sample in got[0] if sample[0] > stop + 500), None)
        return later is not None and got[2][-1][0] > later

    _take(found, got, is_complete)
    np.savez(
        folder / "samples.npz",
        stamps=[stamp for stamp, _ in got[2]],
        samples=[sample for _, sample in got[2]],
    )
    description = [inlet.info(PATIENCE).as_xml() for inlet in found]
    result = {"spikes": got[0], "stims": got[1], "marks": sent, "descriptions": description}
    (folder / "found.json").write_text(json.dumps(result))
    os.kill(os.getpid(), signal.SIGKILL)  # The outlet is to bear that.


def _take(inlets: list[Any], got: list[list[Any]], is_enough: Callable[[], bool]) -> None:
    """Take what comes until it is enough."""
    until = time.monotonic() + PATIENCE
    while not is_enough() and time.monotonic() < until:
        for inlet, all_ in zip(inlets, got, strict=True):
            samples, stamps = inlet.pull_chunk(timeout=0.0, max_samples=20_000)
            all_ += zip(stamps, samples, strict=True)
        time.sleep(0.005)


def stalled(folder: Path) -> None:
    """Send 80 000 spikes to a process that is stopped; then let it go on."""
    import cl
    from cl.interop.lsl import Outlet

    receiver = subprocess.Popen(
        [sys.executable, __file__, "receiver", str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with cl.open() as neurons:
        outlet = Outlet(neurons)
        outlet._open()
        try:
            assert receiver.stdout is not None
            while not outlet.have_consumers():
                time.sleep(0.01)
            outlet._send([cl.Spike(0, 9)])
            assert receiver.stdout.readline() == b"ready\n"
            receiver.send_signal(signal.SIGSTOP)
            _send(outlet, range(1, 20_000))
            before = _resident()
            _send(outlet, range(20_000, 80_000))
            grown = _resident() - before
            receiver.send_signal(signal.SIGCONT)
            numbers = json.loads(receiver.communicate(timeout=PATIENCE)[0])
        finally:
            receiver.kill()
            receiver.wait()
            outlet._close()
    (folder / "stalled.json").write_text(json.dumps({"grown": grown, "numbers": numbers}))


def receiver() -> None:
    inlet = _inlet("cl-spikes")
    inlet.pull_sample(PATIENCE)
    print("ready", flush=True)
    numbers = []
    while (sample := inlet.pull_sample(2.0)[0]) is not None:
        numbers.append(int(sample[2]))
        if numbers[-1] == 79_999:
            break
    print(json.dumps(numbers))


def _send(outlet: Any, frames: range) -> None:
    import cl

    for frame in frames:
        outlet._send([cl.Spike(frame, 9)])


def _resident() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmRSS"))
    return int(line.split()[1])


def _inlet(name: str) -> Any:
    import pylsl

    (info,) = pylsl.resolve_byprop("name", name, 1, PATIENCE)[:1]
    inlet = pylsl.StreamInlet(info)
    inlet.open_stream(PATIENCE)
    return inlet


if __name__ == "__main__":
    if sys.argv[1] == "inlets":
        inlets(Path(sys.argv[2]))
    elif sys.argv[1] == "stalled":
        stalled(Path(sys.argv[2]))
    elif sys.argv[1] == "receiver":
        receiver()
    else:
        main(Path(sys.argv[1]))
