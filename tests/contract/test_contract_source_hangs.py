"""Sources that hang: the device ends when their time is over, and nobody waits for them for long."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

import pytest
from source_tools import Hang, Source, hang, numbered, works

import cl
from cl.error import DeviceDisconnectedError
from cl.sim import DataSourceBatch, DataSourceError, set_simulator_data_source


@pytest.fixture(autouse=True)
def _no_source_stays() -> Any:
    yield
    cl.sim.clear_simulator_data_source()


def run_a_loop(neurons: cl.Neurons) -> None:
    for _ in neurons.loop(250, stop_after_seconds=10):
        pass


async def run_an_aloop(neurons: cl.Neurons) -> None:
    async for _ in neurons.aloop(250, stop_after_seconds=10):
        pass


class Waiting(Source):
    """Hangs in one of its methods; in `read` from frame 1000 on, once it `may_hang`."""

    def __init__(self, method: str, hanging: Hang, **metadata: Any) -> None:
        super().__init__(read_timeout_seconds=0.2, reactive=True, **metadata)
        self._method = method
        self._hanging = hanging
        self.may_hang = method != "read"

    def _do(self, method: str) -> None:
        if method == self._method:
            self._hanging()

    def open(self) -> None:
        self._do("open")

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        if from_timestamp >= 1_000 and self.may_hang:
            self._do("read")
        return super().read(from_timestamp, frame_count)

    def on_stim(self, stim: cl.sim.DataSourceStim) -> None:
        self._do("stim")

    def close(self) -> None:
        super().close()
        self._do("close")


@pytest.mark.parametrize("accelerated", ["1", "0"])
def test_a_source_that_hangs(
    accelerated: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", accelerated)
    with hang() as hanging:
        source = Waiting("read", hanging)
        set_simulator_data_source(lambda: source)
        with cl.open() as neurons:
            recording = neurons.record()
            source.may_hang = True
            text = r"data source '.*<lambda>', frames \d{4,} to \d+: no answer within 0\.2 s"
            with pytest.raises(DeviceDisconnectedError, match=text) as caught:
                run_a_loop(neurons)
            # It tells where the source is.
            assert "in _do" in "".join(traceback.format_exception(caught.value))
        assert "hung and was left behind; its close: done" in caplog.text
        with recording.open() as view:
            frames = view.samples[:]
            assert (frames == numbered(recording.start_timestamp, len(frames))).all()
            assert recording.start_timestamp + len(frames) >= 900
        works()


@pytest.mark.anyio
@pytest.mark.parametrize("accelerated", ["1", "0"])
async def test_a_source_that_hangs_under_a_task(accelerated: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", accelerated)
    with hang() as hanging:
        source = Waiting("read", hanging)
        set_simulator_data_source(lambda: source)
        async with cl.aopen() as neurons:
            source.may_hang = True
            with pytest.raises(
                DeviceDisconnectedError, match=r"frames \d{4,} to \d+: no answer within 0\.2 s"
            ):
                await run_an_aloop(neurons)
        cl.sim.clear_simulator_data_source()
        async with cl.aopen() as neurons:
            assert (await neurons.aread(100)).shape == (100, 64)


@pytest.mark.usefixtures("accelerated")
def test_a_source_that_hangs_when_it_is_told_of_a_stim() -> None:
    with hang() as hanging:
        set_simulator_data_source(lambda: Waiting("stim", hanging))
        with cl.open() as neurons:
            neurons.stim(8, 1.0)
            with pytest.raises(DeviceDisconnectedError, match=r"stims at 2: no answer within 0\.2 s"):
                neurons.read(100)


@pytest.mark.usefixtures("accelerated")
def test_a_source_that_hangs_in_open() -> None:
    with hang() as hanging:
        set_simulator_data_source(lambda: Waiting("open", hanging))
        with pytest.raises(DataSourceError, match=r"<lambda>', open: no answer within 0\.2 s"), cl.open():
            pass
        works()


@pytest.mark.usefixtures("accelerated")
def test_a_source_that_hangs_in_close() -> None:
    with hang() as hanging:
        set_simulator_data_source(lambda: Waiting("close", hanging))
        with pytest.raises(DataSourceError, match=r"<lambda>', close: no answer within 0\.2 s"), cl.open():
            pass
        works()


@pytest.mark.usefixtures("accelerated")
def test_leaving_while_a_source_hangs(caplog: pytest.LogCaptureFixture) -> None:
    # Another thread waits; whoever leaves does not wait for it, nor for the source's time to be over.
    failure: list[BaseException] = []

    def wait(neurons: cl.Neurons) -> None:
        try:
            run_a_loop(neurons)
        except DeviceDisconnectedError as error:
            failure.append(error)

    with hang() as hanging:
        source = Waiting("read", hanging)
        set_simulator_data_source(lambda: source, metadata={"read_timeout_seconds": 0.3})
        with cl.open() as neurons:
            source.may_hang = True
            waiter = threading.Thread(target=wait, args=(neurons,))
            waiter.start()
            hanging.begun.wait()
        waiter.join()
        assert "closed" in str(failure[0]) or "no answer" in str(failure[0])
        assert "was left behind" in caplog.text
        works()


INTERRUPTED = """
import threading
import cl
from cl import sim

class Hanging(sim.SimulatorDataSource):
    metadata = sim.SimulatorDataSourceMetadata(reactive=True, read_timeout_seconds=3600)
    def read(self, start, count):
        if start >= 1000 and looping:
            print("hangs", flush=True)
            threading.Event().wait()
        return sim.DataSourceBatch()

looping = False
sim.set_simulator_data_source(Hanging)
try:
    with cl.open() as neurons:
        recording = neurons.record()
        looping = True
        for _ in neurons.loop(250):
            pass
except KeyboardInterrupt:
    with recording.open() as view:
        print(recording.status, len(view.samples) == len(view.samples[:]), flush=True)
"""


@pytest.mark.parametrize("accelerated", ["1", "0"])
def test_an_interrupt_while_a_source_hangs(accelerated: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", accelerated)
    monkeypatch.setenv("PYTHONPATH", str(Path(cl.__file__).parents[1]))
    command = [sys.executable, "-c", INTERRUPTED]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "hangs\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=100)
    # The interrupt ends the source's call as well, made in the thread that waited. In wall-clock time
    # its own thread may be asked for the same before the device has closed.
    assert out == "stopped True\n" or (accelerated == "0" and out == "hangs\nstopped True\n"), err
    assert process.returncode == 0
