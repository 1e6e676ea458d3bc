"""The example that is the same for the simulator and a device, on a device."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from hw_tools import PatientEmulator

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "device_or_simulator.py"
PATIENT = """
import runpy, sys
import pytest
from patience import wait_for_devices
wait_for_devices(pytest.MonkeyPatch())
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def test_it_runs_on_the_emulator(tmp_path: Path) -> None:
    tolerance = "jitter_tolerance_frames=20_000"
    text = EXAMPLE.read_text()
    assert tolerance in text
    # How late a loop is depends on what else the machine does, and is not what this looks at.
    example = tmp_path / "example.py"
    example.write_text(text.replace(tolerance, "ignore_jitter=True"))
    with PatientEmulator("--seed", "7") as emulator:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
            "CL_DEVICE": emulator.address,
        }
        command = [sys.executable, "-W", "error", "-c", PATIENT, str(example)]
        found = subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=60
        )
    assert found.returncode == 0, found.stderr
    assert "jitter" not in found.stderr.lower(), "no warning about it: a device detects it"
    lines = found.stdout.splitlines()
    assert lines[0] == "device cl1-emulator"
    assert "spikes on" in lines[1] and "answered" in lines[1]
    assert lines[-1].startswith("recorded: 25000 frames")


def test_the_readmes_lines_can_be_pasted(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text()
    (lines,) = re.findall(r"```sh\n(python -m cl\.hw\.emulator .*?)```", text, re.DOTALL)
    for there, here in (
        ("/tmp/cl1.sock", f"{tmp_path}/device.sock"),
        # Which needs no more than that the device is there by then; the example has its own test.
        ("examples/device_or_simulator.py", "-m cl info"),
        ("python ", f"{sys.executable} "),
    ):
        assert there in lines
        lines = lines.replace(there, here)
    script = f"{lines}status=$?; kill $!; wait $!; exit $status"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    found = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=60
    )
    assert found.returncode == 0, found.stderr
    assert f"the device at unix:{tmp_path}/device.sock" in found.stdout
