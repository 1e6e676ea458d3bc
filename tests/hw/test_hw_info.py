"""`python -m cl info`: which device a program would open."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hw_tools import PatientEmulator

import cl
from cl.__main__ import main
from cl.hw.emulator import EmulatorProcess


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorProcess]:
    with PatientEmulator("--source", "counter") as process:
        yield process


def info(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert main(["info", *arguments]) == status
    captured = capsys.readouterr()
    return captured.out if status == 0 else captured.err


def test_the_simulator_is_what_is_opened_by_default(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = info(capsys)
    assert "the simulator (CL_DEVICE names no device)" in text
    assert "source        random" in text and "drawn at every open" in text
    monkeypatch.setenv("CL_SDK_DATA_SOURCE", "mine:make")
    monkeypatch.setenv("CL_SDK_RANDOM_SEED", "5")
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", "1")
    said = json.loads(info(capsys, "--json"))
    assert said == {
        "kind": "simulator",
        "source": "mine:make",
        "chosen_by": "CL_SDK_DATA_SOURCE",
        "random_seed": 5,
        "accelerated": True,
        "jitter_detection": False,
    }


def test_a_device_says_what_it_is_and_who_has_it(
    emulator: EmulatorProcess, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CL_DEVICE", emulator.address)
    text = info(capsys)
    for part in (
        f"the device at {emulator.address}",
        "protocol      1.3: spikes, stimulation, moderation",
        "64 channels, 25000 frames per second, 0.195 µV per unit",
        "interrupts    1000 per second",
        "state         running",
        "lost          0 frames",
        "controlled by nobody",
        "system_id: cl1-emulator",
    ):
        assert part in text
    with cl.open() as neurons:
        before = neurons.timestamp()
        said = json.loads(info(capsys, "--json"))
        assert said["kind"] == "device" and said["controller"] == os.getpid()
        assert said["timestamp"] >= before - 25
        assert neurons.read(10).shape == (10, 64), "asking harms nobody"


def test_a_device_that_is_not_there_is_an_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CL_DEVICE", f"unix:{tmp_path}/none.sock")
    assert "no device at unix:" in info(capsys, status=1)
    monkeypatch.setenv("CL_DEVICE", "nonsense")
    assert "CL_DEVICE='nonsense': it takes unix:/path" in info(capsys, status=1)


def test_where_no_device_can_be_driven_it_says_so() -> None:
    program = (
        "import os, sys; del os.eventfd; sys.modules['fcntl'] = None\n"
        "from cl.__main__ import main; sys.exit(main(['info']))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "CL_DEVICE": "unix:/tmp/cl1.sock"},
        timeout=60,
    )
    assert found.returncode == 1
    assert "CL_DEVICE='unix:/tmp/cl1.sock': a device can be driven on Linux only" in found.stderr


def test_a_failed_device_says_why(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with PatientEmulator("--source", "counter", "--faults", "fail@50") as emulator:
        monkeypatch.setenv("CL_DEVICE", emulator.address)
        for _ in range(1000):
            text = info(capsys)
            if "running" not in text:
                break
        assert "state         failed: failed on request" in text
