"""Devices and simulators in one process."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from hw_tools import PatientEmulator

import cl
from cl.error import ControlRequestError
from cl.hw.emulator import EmulatorProcess
from cl.hw.emulator.sources import read_stamps
from cl.sim import Simulator

SPIKES = 1_000


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorProcess]:
    with PatientEmulator("--source", "counter") as process:
        yield process


def spikes_of(simulator: Simulator) -> list[cl.Spike]:
    with cl.open(device=simulator) as neurons:
        return neurons.read(SPIKES, analysis=True).spikes


def test_a_simulator_and_a_device_at_once(emulator: EmulatorProcess) -> None:
    simulator = Simulator(seed=7, accelerated=True)
    expected = spikes_of(simulator)
    with cl.open(device=emulator.address) as device, cl.open(device=simulator) as simulated:
        assert (device.is_simulator, simulated.is_simulator) == (False, True)
        assert device.simulation is None and simulated.simulation is not None
        assert device.system_attributes["system_id"] != "cl1-sdk-000"
        assert cl.is_simulator(), "the environment's"
        start = device.timestamp()
        for tick in device.loop(100, stop_after_ticks=5, ignore_jitter=True):
            numbers = read_stamps(tick.frames, 8).tolist()
            stop = tick.iteration_timestamp
            assert numbers == list(range(stop - 250, stop))
            simulated.read(SPIKES // 5)
        assert simulated.read(SPIKES, 0, analysis=True).spikes == expected
        assert simulated.timestamp() == SPIKES and device.timestamp() >= start + 5 * 250
        assert not gc.isenabled()
    assert gc.isenabled()


def test_an_address_joins_its_own_device_and_not_the_environments(
    emulator: EmulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CL_DEVICE", emulator.address)
    with cl.open(device=emulator.address) as given, cl.open(take_control=False) as plain:
        assert given is not plain
        with cl.open(device=emulator.address) as again, cl.open(take_control=False) as plain_again:
            assert again is given and plain_again is plain
        with pytest.raises(ControlRequestError):
            plain.take_control()
        assert not cl.is_simulator()
        with cl.open(device=Simulator(seed=7, accelerated=True)) as simulated:
            assert simulated.is_simulator


def test_accelerated_time_in_the_environment_is_the_simulators(
    emulator: EmulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", "1")
    with cl.open(device=emulator.address) as device:
        assert len(device.read(100)) == 100
    with pytest.raises(ValueError, match="CL_DEVICE='unix:.*does not support accelerated time"):
        monkeypatch.setenv("CL_DEVICE", emulator.address)
        cl.open().__enter__()


def test_an_address_that_is_none_is_named(tmp_path: object) -> None:
    with pytest.raises(ValueError, match="device='unix:': it takes unix:/path/to.sock"):
        cl.open(device="unix:").__enter__()
    with pytest.raises(cl.DeviceDisconnectedError, match="no device at unix:.*nothing.sock"):
        cl.open(device=f"unix:{tmp_path}/nothing.sock").__enter__()
