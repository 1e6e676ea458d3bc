"""What a program sees of a device that goes: in every way of waiting, with recordings left whole."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from hw_tools import A_TURN, PatientEmulator, silence, stims_after

import cl
from cl.error import DeviceDisconnectedError
from cl.hw.driver.control import HardwareControl
from cl.hw.driver.device import HardwareDevice
from cl.hw.driver.reader import Reader
from cl.hw.emulator import EmulatorProcess
from cl.hw.emulator.sources import read_stamps

PATIENCE = 10.0
FAR = 1 << 50


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatorProcess]:
    with PatientEmulator("--source", "counter") as process:
        monkeypatch.setenv("CL_DEVICE", process.address)
        yield process


@pytest.fixture(scope="module")
def lasting() -> Iterator[EmulatorProcess]:
    with PatientEmulator("--source", "counter") as process:
        yield process


@pytest.fixture
def survivor(lasting: EmulatorProcess, monkeypatch: pytest.MonkeyPatch) -> EmulatorProcess:
    """A device for what it survives."""
    monkeypatch.setenv("CL_DEVICE", lasting.address)
    return lasting


class Caught:
    """What ended each of several waits."""

    def __init__(self) -> None:
        self.begun = 0
        self.errors: dict[str, BaseException] = {}
        self._lock = threading.Lock()

    def begin(self) -> None:
        with self._lock:
            self.begun += 1

    def end(self, name: str, error: BaseException) -> None:
        with self._lock:
            self.errors[name] = error

    def blocking(self, name: str, wait: Callable[[], object]) -> threading.Thread:
        def run() -> None:
            self.begin()
            try:
                wait()
            except BaseException as error:
                self.end(name, error)

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    async def awaiting(self, name: str, wait: Callable[[], Awaitable[object]]) -> None:
        self.begin()
        try:
            await wait()
        except Exception as error:
            self.end(name, error)


def spin(neurons: cl.Neurons, rate: int) -> None:
    for _ in neurons.loop(rate, ignore_jitter=True):
        pass


def blocking_waits(neurons: cl.Neurons, recording: cl.Recording) -> dict[str, Callable[[], object]]:
    return {
        "loop": lambda: spin(neurons, 1000),
        "slow loop": lambda: spin(neurons, 0.01),  # type: ignore[arg-type]
        "read": lambda: neurons.read(10, FAR),
        "analysis": lambda: neurons.read(10, FAR, analysis=True),
        "long read": lambda: neurons.read(25_000 * 3600),
        "recording": recording.wait_until_stopped,
        "another loop": lambda: spin(neurons, 200),
    }


async def follow(stream: Any) -> None:
    async with stream:
        async for _ in stream:
            pass


async def tick(neurons: cl.Neurons, rate: float) -> None:
    async for _ in neurons.aloop(rate, ignore_jitter=True):
        pass


def async_waits(neurons: cl.Neurons) -> dict[str, Callable[[], Awaitable[object]]]:
    return {
        "aloop": lambda: tick(neurons, 1000),
        "slow aloop": lambda: tick(neurons, 0.01),
        "aread": lambda: neurons.aread(10, FAR),
        "asleep": lambda: neurons.asleep(3600),
        "spikes": lambda: follow(neurons.spikes()),
        "stims": lambda: follow(neurons.stims()),
        "frames": lambda: follow(neurons.frames(100)),
        "events": lambda: follow(neurons.events()),
    }


def all_begun(caught: Caught, neurons: cl.Neurons, count: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while caught.begun < count and time.monotonic() < deadline:
        neurons.read(25)
    neurons.read(250)
    assert not caught.errors, caught.errors


def begin(fault: str, emulator: EmulatorProcess, neurons: cl.Neurons) -> None:
    if fault in ("freeze", "stall"):
        device = neurons._engine.device
        assert isinstance(device, HardwareDevice)
        silence(fault, emulator, device._link)
    else:
        emulator.inject(fault)


def check_patience(text: str, caught: Caught) -> None:
    """Check that a device that says nothing was waited for as long as it may be silent, and no longer.

    The driver counts what it has seen of the silence, so that the host's own delays are none of it.
    """
    if text in ("no sign of life", "delivered no frames"):
        waited = {int(re.search(r"(\d+) ms$", str(error))[1]) for error in caught.errors.values()}  # type: ignore[index]
        # Six times the 100 ms that were promised; for frames, three blocks more.
        assert 600 <= min(waited) == max(waited) < 630


FAULTS = {
    "freeze": "no sign of life",
    "stall": "delivered no frames",
    "fail": "failed on request",
    "exit": "closed the connection",
    "garbage=40": "a message it was not asked for",
    "hangup": "closed the connection",
    "counter=5": "frame counter went from",
    "counter=0xffffffffffffffff": "frame counter went from",
    "badspike=64": "spikes on channel 64, and it has 64",
}


@pytest.mark.parametrize(("fault", "text"), FAULTS.items())
def test_every_blocking_wait_ends_and_the_recording_is_whole(
    emulator: EmulatorProcess, fault: str, text: str
) -> None:
    caught = Caught()
    with cl.open() as neurons:
        recording = neurons.record()
        limited = neurons.record(stop_after_seconds=3600)
        waits = blocking_waits(neurons, limited)
        threads = [caught.blocking(name, wait) for name, wait in waits.items()]
        all_begun(caught, neurons, len(waits))
        begin(fault, emulator, neurons)
        for thread in threads:
            thread.join(PATIENCE)
        assert caught.errors.keys() == waits.keys()
        for error in caught.errors.values():
            assert type(error) is DeviceDisconnectedError
            assert text in str(error)
        check_patience(text, caught)
        for use in (lambda: neurons.read(1), lambda: neurons.stim(8, 1.0), neurons.timestamp, neurons.stop):
            with pytest.raises(DeviceDisconnectedError, match=text):
                use()
        assert not neurons.is_readable()
    check_whole(recording)
    check_whole(limited)


def check_whole(recording: cl.Recording) -> None:
    """Check that a recording holds a counting source's frames up to where it ends."""
    with recording.open() as view:
        assert view.complete
        count = view.attributes["duration_frames"]
        assert view.samples is not None and view.samples.shape == (count, 64) and count >= 250
        start = recording.start_timestamp
        np.testing.assert_array_equal(read_stamps(view.samples[:], 8), np.arange(start, start + count))
        assert view.spikes is not None
        timestamps = view.spikes.col("timestamp") + start
        assert (timestamps % 250 == 0).all() and len(timestamps) in (count // 250, count // 250 + 1)


@pytest.mark.anyio
@pytest.mark.parametrize("fault", FAULTS)
async def test_every_async_wait_ends(emulator: EmulatorProcess, fault: str) -> None:
    caught = Caught()
    async with cl.aopen() as neurons:
        waits = async_waits(neurons)
        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as group:
                for name, wait in waits.items():
                    group.start_soon(caught.awaiting, name, wait)
                while caught.begun < len(waits):
                    await neurons.asleep(0.001)
                await neurons.asleep(0.01)
                assert not caught.errors, caught.errors
                begin(fault, emulator, neurons)
    assert caught.errors.keys() == waits.keys()
    check_patience(FAULTS[fault], caught)
    for name, error in caught.errors.items():
        assert type(error) is DeviceDisconnectedError, (name, error)
        assert FAULTS[fault] in str(error)


def test_samples_that_never_come_end_in_the_same_error(emulator: EmulatorProcess) -> None:
    with cl.open() as neurons:
        spike = cl.Spike(FAR, 8, waveforms=neurons._engine.history.waveforms)
        emulator.inject("exit")
        with pytest.raises(DeviceDisconnectedError, match="closed the connection"):
            spike.samples  # noqa: B018


def test_a_command_in_flight_ends_with_the_device(emulator: EmulatorProcess) -> None:
    with cl.open() as neurons:
        emulator.inject("ignore=1")
        neurons.read(A_TURN)
        caught = Caught()
        thread = caught.blocking("stim", lambda: neurons.stim(8, 1.0))
        neurons.read(100)
        emulator.inject("exit")
        thread.join(PATIENCE)
        assert isinstance(caught.errors["stim"], DeviceDisconnectedError)


@pytest.mark.parametrize("fault", ["hangup", "garbage=3"])
def test_the_next_open_connects_again(survivor: EmulatorProcess, fault: str) -> None:
    last = 0
    for _ in range(3):
        with cl.open() as neurons:
            start = neurons.timestamp()
            assert start >= last
            neurons.stim(8, 1.0)
            assert len(stims_after(neurons, start)) == 1
            survivor.inject(fault)
            with pytest.raises(DeviceDisconnectedError):
                neurons.read(25_000 * 60)
            last = neurons._engine.position


def test_a_device_that_had_failed_is_reset_by_who_takes_control(
    survivor: EmulatorProcess, caplog: pytest.LogCaptureFixture
) -> None:
    with cl.open() as neurons:
        survivor.inject("fail")
        with pytest.raises(DeviceDisconnectedError, match="failed on request"):
            neurons.read(25_000 * 60)
    with pytest.raises(DeviceDisconnectedError, match="failed on request"), cl.open(take_control=False):
        pass
    with cl.open() as neurons:
        assert neurons.read(100).shape == (100, 64)
    assert "is reset: failed on request" in caplog.text


def test_who_is_slow_to_reset_a_failed_device_is_waited_for(
    survivor: EmulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cl.open() as neurons:
        survivor.inject("fail")
        with pytest.raises(DeviceDisconnectedError, match="failed on request"):
            neurons.read(25_000 * 60)
    looked = threading.Event()
    look, take = Reader._look_at_error, HardwareControl.take

    def looking(reader: Reader) -> None:
        try:
            look(reader)
        finally:
            looked.set()

    def taking(control: HardwareControl) -> None:
        assert looked.wait(PATIENCE), "the reader thread sees that it has failed"
        take(control)

    monkeypatch.setattr(Reader, "_look_at_error", looking)
    monkeypatch.setattr(HardwareControl, "take", taking)
    with cl.open() as neurons:
        assert neurons.read(100).shape == (100, 64)


@pytest.mark.parametrize("stims", [True, False])
def test_a_command_finds_that_the_device_has_failed_before_the_reader_thread_does(
    survivor: EmulatorProcess, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, stims: bool
) -> None:
    with monkeypatch.context() as patch, cl.open() as neurons:
        recording = neurons.record()
        neurons.read(300)
        patch.setattr(Reader, "_look_at_error", lambda _: None)
        survivor.inject("fail")
        device = neurons._engine.device
        assert isinstance(device, HardwareDevice)
        while device.control.is_running():
            device._link.rest(0.001)
        if stims:
            with pytest.raises(DeviceDisconnectedError, match="failed on request"):
                neurons.stim(8, 1.0)
    # Closing interrupts all channels: that it cannot is no error of the program's.
    assert stims or "closing the device cl1-emulator" in caplog.text
    with recording.open() as view:
        assert view.complete and len(view.samples) >= 300
    with cl.open() as neurons:
        assert neurons.read(10).shape == (10, 64)


def test_a_device_that_goes_while_it_is_closed_does_not_spoil_the_end(
    emulator: EmulatorProcess, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with cl.open() as neurons:
        recording = neurons.record()
        neurons.read(300)
        device = neurons._engine.device
        interrupt_all = device.stimulator.interrupt_all

        def interrupted() -> int:
            emulator.inject("exit")
            emulator.wait(PATIENCE)
            return interrupt_all()

        monkeypatch.setattr(device.stimulator, "interrupt_all", interrupted)
    with recording.open() as view:
        assert view.complete and len(view.samples) >= 300
    assert "closed the connection" in caplog.text


def test_where_no_device_is_there_is_a_clear_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CL_DEVICE", f"unix:{tmp_path}/nothing.sock")
    for call in (lambda: cl.open().__enter__(), cl.get_system_attributes):
        with pytest.raises(DeviceDisconnectedError, match=r"no device at unix:.*nothing\.sock: No such file"):
            call()
    assert not cl.is_simulator()
    monkeypatch.setenv("CL_DEVICE", "tcp:somewhere")
    with pytest.raises(ValueError, match=r"CL_DEVICE='tcp:somewhere': it takes unix:/path"):
        cl.open().__enter__()


def test_a_device_has_no_accelerated_time(survivor: EmulatorProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", "1")
    with pytest.raises(
        ValueError, match="CL_DEVICE=.* does not support accelerated time .CL_SDK_ACCELERATED"
    ):
        cl.open().__enter__()
