"""What is not the device's own (disks, sources, the program's threads) never stands in the device's way."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from extras import need_extra
from test_contract_interruptions import Echo

import cl
from cl._core.virtual_timebase import VirtualTimebase
from cl.sim import DataSourceBatch, Simulator
from cl.sim import SimulatorDataSourceMetadata as Metadata


@pytest.mark.anyio
async def test_a_slow_disk_does_not_hold_up_other_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each write goes on once the event loop has turned for a while, unless the write holds it up."""
    write = os.pwrite
    turns = 0
    waiting: list[tuple[int, threading.Event]] = []
    held_up: list[bool] = []

    def slow(*arguments: Any) -> int:
        turned = threading.Event()
        waiting.append((turns + 200, turned))
        held_up.append(not turned.wait(20))
        return write(*arguments)

    async def turn() -> None:
        nonlocal turns
        while True:
            await anyio.lowlevel.checkpoint()
            turns += 1
            while waiting and waiting[0][0] <= turns:
                waiting.pop(0)[1].set()

    simulator = Simulator(seed=7, accelerated=True)
    async with cl.aopen(device=simulator) as neurons, anyio.create_task_group() as group:
        group.start_soon(turn)
        recording = neurons.record(include_raw_samples=False)
        with monkeypatch.context() as patch:
            patch.setattr("os.pwrite", slow)
            async for _ in neurons.aloop(100, stop_after_ticks=150):
                pass
        await recording.astop()
        group.cancel_scope.cancel()
    assert held_up and not any(held_up)


class Publishing(Echo):
    """Appends to a stream whenever it is asked."""

    stream: Any = None

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        if self.stream is not None:
            self.stream.append(from_timestamp + frame_count, "asked")
        return super().read(from_timestamp, frame_count)


@pytest.mark.parametrize("metadata", [{"read_timeout_seconds": None}, {}], ids=["inline", "with a thread"])
def test_a_source_may_append_to_a_stream(metadata: dict[str, Any]) -> None:
    source = Publishing(**metadata)
    with cl.open(device=Simulator(source=lambda: source, accelerated=True)) as neurons:
        recording = neurons.record(stop_after_frames=1_000)
        source.stream = neurons.create_data_stream("asked")
        neurons.read(1_000)
        recording.wait_until_stopped()
        with recording.open() as view:
            assert len([*view.data_streams["asked"].keys()]) > 0


def test_a_source_may_not_wait_for_the_device_that_asks_it() -> None:
    class Reading(Echo):
        neurons: Any = None
        error: BaseException | None = None

        def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
            if self.neurons is not None:
                try:
                    self.neurons.read(10)
                except RuntimeError as error:
                    self.error = error
            return super().read(from_timestamp, frame_count)

    source = Reading(read_timeout_seconds=None)
    with cl.open(device=Simulator(source=lambda: source, accelerated=True)) as neurons:
        source.neurons = neurons
        neurons.read(100)
    assert "cannot be used from here" in str(source.error)


class Slow(Echo):
    """Takes its time for each window."""

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        time.sleep(0.01)
        return super().read(from_timestamp, frame_count)


def interrupted_by(error: type[BaseException], metadata: dict[str, Any]) -> None:
    """Have a source's read interrupted at random moments by a handler that raises."""

    def handle(*_: object) -> None:
        raise error("an alarm")

    source = Slow(**metadata)
    before = signal.signal(signal.SIGALRM, handle)
    interrupted = 0
    moments = random.Random(5)
    try:
        with cl.open(device=Simulator(source=lambda: source, accelerated=True)) as neurons:
            for _ in range(12):
                begin = neurons.timestamp()
                try:
                    signal.setitimer(signal.ITIMER_REAL, moments.uniform(0.001, 0.02))
                    neurons.read(50)
                    signal.setitimer(signal.ITIMER_REAL, 0)
                except error:
                    interrupted += 1
                frames = neurons.read(50)
                end = neurons.timestamp()
                assert frames[-1, 5] == end - 1
                assert neurons.read(end - begin, begin)[:, 5].tolist() == [*range(begin, end)]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert interrupted >= 3


@pytest.mark.parametrize("error", [KeyboardInterrupt, TimeoutError, SystemExit])
@pytest.mark.parametrize("metadata", [{"read_timeout_seconds": None}, {}], ids=["inline", "with a thread"])
def test_an_interrupted_read_of_a_source_is_the_callers(
    error: type[BaseException], metadata: dict[str, Any]
) -> None:
    interrupted_by(error, metadata)


def test_signals_at_random_moments_leave_the_device_usable() -> None:
    handled = 0

    def handle(*_: object) -> None:
        raise TimeoutError("an alarm")

    before = signal.signal(signal.SIGALRM, handle)
    moments = random.Random(3)
    try:
        with cl.open(device=Simulator(seed=7, accelerated=True)) as neurons:
            recording = neurons.record(include_raw_samples=False)
            for number in range(60):
                try:
                    signal.setitimer(signal.ITIMER_REAL, moments.uniform(0.0002, 0.004))
                    for _ in neurons.loop(1_000):
                        neurons.stim(8 + number % 48, 0.5)
                except TimeoutError:
                    handled += 1
            neurons.read(1_000)
            recording.stop()
            begin = recording.start_timestamp
            with recording.open() as view:
                assert view.stims is not None
                stamps = [(int(row["timestamp"]), int(row["channel"])) for row in view.stims]
            assert stamps == sorted(stamps) and len({*stamps}) == len(stamps) and begin >= 0
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert handled == 60


@pytest.mark.anyio
async def test_waits_do_not_need_the_programs_own_threads() -> None:
    free = threading.Event()
    async with anyio.create_task_group() as group:
        async with cl.aopen(device=Simulator(seed=7, accelerated=True)) as neurons:
            recording = neurons.record()
            for _ in range(40):
                group.start_soon(anyio.to_thread.run_sync, free.wait)
            with anyio.fail_after(20):
                while anyio.to_thread.current_default_thread_limiter().borrowed_tokens < 40:  # noqa: ASYNC110
                    await anyio.sleep(0.001)
                assert (await neurons.aread(10_000)).shape == (10_000, 64)
                async with neurons.frames(10_000) as stream:
                    assert (await anext(stream)).shape == (10_000, 64)
                await recording.astop()
        free.set()


def test_waits_do_not_need_asyncios_own_threads() -> None:
    free = threading.Event()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(2) as executor:
            loop.set_default_executor(executor)
            calls = [loop.run_in_executor(None, free.wait) for _ in range(8)]
            async with asyncio.timeout(20):
                async with cl.aopen(device=Simulator(seed=7, accelerated=True)) as neurons:
                    recording = neurons.record()
                    assert (await neurons.aread(10_000)).shape == (10_000, 64)
                    await recording.astop()
            assert not any(call.done() for call in calls)
            free.set()
            await asyncio.gather(*calls)

    asyncio.run(main())


NESTED = """
import asyncio, threading
import nest_asyncio
nest_asyncio.apply()
import cl
from cl.sim import Simulator

async def inner(neurons):
    return (await neurons.aread(10_000)).shape

async def main():
    async with cl.aopen(device=Simulator(seed=7, accelerated=True)) as neurons:
        recording = neurons.record()
        shape = asyncio.run(inner(neurons))
        await recording.astop()
        async for tick in neurons.aloop(100, stop_after_ticks=3):
            pass
        return shape, tick.iteration

print(asyncio.run(main()))
"""


def test_a_process_with_nested_event_loops_ends() -> None:
    need_extra("test", "nest_asyncio")
    found = subprocess.run(
        [sys.executable, "-c", NESTED], capture_output=True, text=True, timeout=60, env={**os.environ}
    )
    assert (found.returncode, found.stdout) == (0, "((10000, 64), 3)\n"), found.stderr


def test_successors_leave_no_chain_of_holds_behind() -> None:
    lengths: list[int] = []

    async def generation(neurons: cl.Neurons, left: int, done: asyncio.Event) -> None:
        await neurons.asleep(0.001)
        if left % 500 == 0:
            lengths.append(chain(neurons))
        if left:
            tasks.append(asyncio.create_task(generation(neurons, left - 1, done)))
            del tasks[:-2]
        else:
            done.set()

    def chain(neurons: cl.Neurons) -> int:
        time_ = neurons._engine.time
        assert isinstance(time_, VirtualTimebase)
        holds = time_.scheduler._holds
        hold = max(holds.active, key=lambda h: h.active, default=None)
        length = 0
        while hold is not None:
            length, hold = length + 1, hold.parent
        return length + len(holds.present)

    tasks: list[asyncio.Task[None]] = []

    async def main() -> None:
        async with cl.aopen(device=Simulator(seed=7, accelerated=True)) as neurons:
            done = asyncio.Event()
            tasks.append(asyncio.create_task(generation(neurons, 1_500, done)))
            await asyncio.wait_for(done.wait(), 30)

    asyncio.run(main())
    assert len(lengths) == 4
    # What is left behind is swept up every now and then.
    assert max(lengths) < 150, lengths


class Owned(Echo):
    """Notes the threads that it is called in."""

    def __init__(self, **metadata: Any) -> None:
        super().__init__(**metadata)
        self.threads: set[int] = set()

    def open(self) -> None:
        self.threads.add(threading.get_ident())

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        self.threads.add(threading.get_ident())
        return super().read(from_timestamp, frame_count)

    def close(self) -> None:
        self.threads.add(threading.get_ident())


def test_a_source_with_its_own_thread_is_called_there_only() -> None:
    source = Owned(own_thread=True)
    with cl.open(device=Simulator(source=lambda: source, accelerated=True)) as neurons:
        neurons.stim(9, 1.0)
        neurons.read(500)
    assert len(source.threads) == 1 and threading.get_ident() not in source.threads


def test_a_source_without_a_thread_cannot_have_its_own() -> None:
    with pytest.raises(ValueError, match="own_thread is True, but read_timeout_seconds is None"):
        Metadata(own_thread=True, read_timeout_seconds=None)
    assert Metadata().own_thread is False


def test_nothing_is_logged_under_a_devices_lock(caplog: pytest.LogCaptureFixture) -> None:
    held: list[str] = []
    with cl.open(
        device=Simulator(source=lambda: Echo(duration_frames=2_000, seekable=False), accelerated=True)
    ) as neurons:

        class Handler(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                if neurons._engine.lock.held_here():
                    held.append(record.getMessage())

        handler = Handler()
        logging.getLogger("cl").addHandler(handler)
        try:
            recording = neurons.record()
            with pytest.raises(cl.DeviceDisconnectedError):
                neurons.read(3_000)
        finally:
            logging.getLogger("cl").removeHandler(handler)
    assert not held
    assert recording.has_stopped()
