"""Sources that do wrong: the device ends, with an error that says what was wrong (contract, section 8)."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest
from source_tools import Faulty, Source, causes, numbered, works

import cl
from cl.error import DeviceDisconnectedError
from cl.sim import DataSourceBatch, DataSourceError, DataSourceSpike, set_simulator_data_source

Wrong = Callable[[int, int], Any]


def unplugged(*_: object) -> Any:
    raise OSError("unplugged")


def exiting(*_: object) -> Any:
    raise SystemExit(3)


def generated(start: int, count: int) -> DataSourceBatch:
    return DataSourceBatch(numbered(start, count), (unplugged() for _ in range(1)))


def with_spike(timestamp: int, channel: int = 8) -> Wrong:
    return lambda start, count: DataSourceBatch(numbered(start, count), [DataSourceSpike(timestamp, channel)])


FAULTS: dict[str, tuple[Wrong, str]] = {
    "raises": (unplugged, "it raised OSError: unplugged"),
    "exits": (exiting, "it raised SystemExit: 3"),
    "raises in a generator": (generated, "it raised OSError: unplugged"),
    "no batch": (lambda start, count: None, "it returned None, not a DataSourceBatch"),
    "too few": (lambda start, count: DataSourceBatch(numbered(start, 24)), "it returned 24 frames, not 25"),
    "shape": (
        lambda start, count: DataSourceBatch(np.zeros((count, 63), np.int16)),
        r"the frames have the shape \(25, 63\), not \(n, 64\)",
    ),
    "dtype": (
        lambda start, count: DataSourceBatch(np.zeros((count, 64), np.float32)),
        "the frames are float32, not int16",
    ),
    "range": (with_spike(1_000, 64), "it raised ValueError: channel is 64, it must be at most 63"),
    "before": (with_spike(999), "it returned a spike at 999, outside of the window"),
    "after": (with_spike(1_025), "it returned a spike at 1025, outside of the window"),
}


@pytest.fixture(params=list(FAULTS))
def fault(request: pytest.FixtureRequest) -> tuple[Wrong, str]:
    return FAULTS[request.param]


def check_error(caught: pytest.ExceptionInfo[BaseException], text: str) -> None:
    """Check that an error names source, window and fault, and has the source's own traceback."""
    assert caught.match(rf"data source '.*<lambda>', frames 1000 to 1025: {text}$")
    chain = causes(caught.value)
    named = [error for error in chain if isinstance(error, DataSourceError)]
    assert len(named) == 1
    if "it raised" in text:
        assert chain[-1] is named[0].__cause__
        lines = "".join(traceback.format_exception(caught.value))
        assert "unplugged" not in text or "in unplugged" in lines
        assert "test_contract_source_faults.py" in "".join(traceback.format_tb(chain[-1].__traceback__))


@pytest.fixture(params=[30.0, None], ids=["in its thread", "inline"])
def timeout(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.mark.usefixtures("accelerated")
def test_a_fault_ends_the_device(fault: tuple[Wrong, str], timeout: float | None) -> None:
    wrong, text = fault
    if wrong is exiting and timeout is None:
        return  # In the program's own thread it is the program that exits.
    source = Faulty(wrong, read_timeout_seconds=timeout)
    set_simulator_data_source(lambda: source)
    ticks = 0
    with cl.open() as neurons:
        recording = neurons.record()
        with pytest.raises(DeviceDisconnectedError) as caught:
            for tick in neurons.loop(1000):
                assert (tick.frames == numbered(tick.iteration_timestamp - 25, 25)).all()
                ticks += 1
        check_error(caught, text)
        for again in (lambda: neurons.read(25), lambda: neurons.stim(8, 1.0), neurons.timestamp):
            with pytest.raises(DeviceDisconnectedError) as later:
                again()
            check_error(later, text)
        assert not neurons.is_readable()
    assert ticks == 40
    assert recording.has_stopped()
    with recording.open() as view:
        assert (view.samples[:] == numbered(0, 1_000)).all()
        assert len(view.spikes) == 10
    assert source.calls[-1] == "close"
    works()


@pytest.mark.usefixtures("accelerated")
def test_an_exit_in_the_programs_own_thread_is_the_programs() -> None:
    set_simulator_data_source(lambda: Faulty(exiting, read_timeout_seconds=None))
    with pytest.raises(SystemExit), cl.open() as neurons:
        run_a_loop(neurons)
    works()


@pytest.mark.anyio
@pytest.mark.usefixtures("accelerated")
async def test_a_fault_ends_the_device_of_an_async_program(fault: tuple[Wrong, str]) -> None:
    wrong, text = fault
    source = Faulty(wrong)
    set_simulator_data_source(lambda: source)
    ticks = 0
    async with cl.aopen() as neurons:
        recording = neurons.record()
        with pytest.raises(DeviceDisconnectedError) as caught:
            async for _ in neurons.aloop(1000):
                ticks += 1
        check_error(caught, text)
        with pytest.raises(DeviceDisconnectedError) as later:
            await neurons.aread(25)
        check_error(later, text)
    assert ticks == 40
    with recording.open() as view:
        assert (view.samples[:] == numbered(0, 1_000)).all()
    assert source.calls[-1] == "close"
    cl.sim.clear_simulator_data_source()
    async with cl.aopen() as neurons:
        assert (await neurons.aread(100)).shape == (100, 64)


def read_on(neurons: cl.Neurons) -> None:
    for _ in range(1_000):
        neurons.read(25)


def wait_for_recording(neurons: cl.Neurons) -> None:
    neurons.record(stop_after_seconds=2).wait_until_stopped()


def look_at_a_spike(neurons: cl.Neurons) -> None:
    # Its last samples are beyond what can be had.
    neurons.read(975, 0)
    assert neurons.read(975, 0, analysis=True).spikes[-1].samples.shape == (75,)
    neurons.read(1_001, 0)


def run_a_loop(neurons: cl.Neurons) -> None:
    for _ in neurons.loop(250, stop_after_seconds=10):
        pass


@pytest.mark.parametrize("waits", [read_on, wait_for_recording, look_at_a_spike, run_a_loop])
@pytest.mark.parametrize("accelerated", ["1", "0"])
def test_whoever_waits_hears_of_it(
    waits: Callable[[cl.Neurons], None], accelerated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", accelerated)
    set_simulator_data_source(lambda: Faulty(unplugged))
    text = r"data source .*, frames \d+ to \d+: it raised OSError: unplugged"
    with cl.open() as neurons, pytest.raises(DeviceDisconnectedError, match=text) as caught:
        waits(neurons)
    assert isinstance(causes(caught.value)[-1], OSError)
    works()


async def aread_on(neurons: cl.Neurons) -> None:
    for _ in range(1_000):
        await neurons.aread(25)


async def sleep(neurons: cl.Neurons) -> None:
    await neurons.asleep(10)


async def await_recording(neurons: cl.Neurons) -> None:
    await neurons.record(stop_after_seconds=2).await_until_stopped()


async def stream(neurons: cl.Neurons) -> None:
    async with neurons.spikes() as spikes:
        async for _ in spikes:
            pass


async def run_an_aloop(neurons: cl.Neurons) -> None:
    async for _ in neurons.aloop(250, stop_after_seconds=10):
        pass


@pytest.mark.anyio
@pytest.mark.parametrize("waits", [aread_on, sleep, await_recording, stream, run_an_aloop])
@pytest.mark.parametrize("accelerated", ["1", "0"])
async def test_whichever_task_waits_hears_of_it(
    waits: Callable[[cl.Neurons], Awaitable[None]], accelerated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", accelerated)
    set_simulator_data_source(lambda: Faulty(unplugged))
    text = r"data source .*, frames \d+ to \d+: it raised OSError: unplugged"
    async with cl.aopen() as neurons:
        with pytest.raises(DeviceDisconnectedError, match=text) as caught:
            await waits(neurons)
        assert isinstance(causes(caught.value)[-1], OSError)


@pytest.mark.usefixtures("accelerated")
def test_an_error_of_close_does_not_hide_what_went_wrong_first(caplog: pytest.LogCaptureFixture) -> None:
    class Twice(Faulty):
        def close(self) -> None:
            raise RuntimeError("cannot close")

    set_simulator_data_source(lambda: Twice(unplugged))
    with pytest.raises(DeviceDisconnectedError, match="unplugged"), cl.open() as neurons:
        run_a_loop(neurons)
    with caplog.at_level(logging.WARNING, "cl"):
        assert "close: it raised RuntimeError: cannot close" in caplog.text
    set_simulator_data_source(lambda: Twice(unplugged))
    with pytest.raises(DataSourceError, match="close: it raised RuntimeError: cannot close"), cl.open():
        pass
    works()


@pytest.mark.usefixtures("accelerated")
def test_what_cannot_be_opened_leaves_nothing() -> None:
    class Shut(Source):
        def open(self) -> None:
            unplugged()

    set_simulator_data_source(lambda: Shut())
    with pytest.raises(DataSourceError, match="open: it raised OSError: unplugged") as caught, cl.open():
        pass
    assert isinstance(caught.value.__cause__, OSError)
    works()


@pytest.fixture(autouse=True)
def _no_source_stays() -> Any:
    yield
    cl.sim.clear_simulator_data_source()
