"""The shared memory is for machines that order it: others are refused, and told why."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest

import cl
from cl.__main__ import main
from cl.hw import build
from cl.hw.emulator.__main__ import main as emulate
from cl.hw.wire.machine import check_machine

WHY = "is for x86-64 only, and this is {} with a 64-bit Python: others may show a counter before the data"


@pytest.fixture(params=["aarch64", "riscv64", "ppc64le", "i686", ""])
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(platform, "machine", lambda: request.param)
    return str(request.param) or "unknown"


def test_a_device_is_not_driven_on_a_machine_that_orders_memory_weakly(machine: str, tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/device.sock"
    for call in (build.build, build.system_attributes, build.device_report):
        with pytest.raises(RuntimeError, match=WHY.format(machine)) as caught:
            call(address)
        assert str(caught.value).startswith(f"CL_DEVICE={address!r}: a device cannot be driven here")
    with pytest.raises(RuntimeError, match=WHY.format(machine)) as caught, cl.open(device=address):
        pass
    assert str(caught.value).startswith(f"device={address!r}")


def test_no_device_is_emulated_there(
    machine: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "device.sock"
    assert emulate(["--socket", str(path)]) == 2
    assert WHY.format(machine) in capsys.readouterr().err
    assert not path.exists()


def test_the_command_line_says_so(
    machine: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CL_DEVICE", "unix:/nowhere.sock")
    assert main(["info"]) != 0
    assert WHY.format(machine) in capsys.readouterr().err


def test_a_python_of_32_bits_is_none_for_it_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "maxsize", (1 << 31) - 1)
    with pytest.raises(RuntimeError, match="this is .* with a 32-bit Python"):
        check_machine("it")


@pytest.mark.parametrize("name", ["x86_64", "AMD64"])
def test_x86_64_will_do_under_both_its_names(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: name)
    check_machine("it")


def test_the_simulator_runs_anywhere(machine: str, accelerated: None) -> None:
    with cl.open() as neurons:
        assert len(neurons.read(25)) == 25
