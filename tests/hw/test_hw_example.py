"""The example that is the same for the simulator and a device, on a device."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hw_tools import PatientEmulator

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "device_or_simulator.py"


def test_it_runs_on_the_emulator(tmp_path: Path) -> None:
    with PatientEmulator("--seed", "7") as emulator:
        environment = {
            **os.environ,
            "PYTHONPATH": str(EXAMPLE.parents[1]),
            "CL_DEVICE": emulator.address,
        }
        command = [sys.executable, "-W", "error", str(EXAMPLE)]
        found = subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=60
        )
    assert found.returncode == 0, found.stderr
    assert found.stderr == "", "no warning about jitter: a device detects it"
    lines = found.stdout.splitlines()
    assert lines[0] == "device cl1-emulator"
    assert "spikes on" in lines[1] and "answered" in lines[1]
    assert lines[-1].startswith("recorded: 25000 frames")
