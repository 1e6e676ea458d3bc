"""No async method keeps its event loop from the other tasks for 5 ms.

What is measured must not depend on what else the machine does: the work that the event loop's thread does
until it is the turn of the watching task again, and the work of any thread that holds the lock of the
engine, which the event loop may be waiting for, both in processor time; and for how long the event loop's
thread asks to sleep. A thread that sleeps, or waits for a disk or for another thread, uses no processor
time: so the same is measured in wall time, with a limit that a busy machine keeps as well. Of a few attempts
the best one counts: a method that blocks does so every time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from anyio import to_thread
from interrupting import EXPLORES

import cl
from cl._core.host_clock import WallClock
from cl._core.reentry_lock import ReentryLock

pytestmark = pytest.mark.anyio

LIMIT_MS = 5.0
WALL_LIMIT_MS = 250.0
"""Wall time also passes while other processes have the processor: twenty have had it for 50 ms each time."""
ATTEMPTS = 10
Job = Callable[[cl.Neurons, Path], Awaitable[Any]]


class MeasuredLock:
    """A lock that knows the most work that was done while it was held, and for how long it was."""

    longest_ms = 0.0
    longest_wall_ms = 0.0

    def __init__(self) -> None:
        self._lock = ReentryLock()
        self.held_here = self._lock.held_here
        self._depth = 0
        self._began = self._wall_began = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        taken = self._lock.acquire(blocking, timeout)
        if taken:
            self._depth += 1
            if self._depth == 1:
                self._began, self._wall_began = time.thread_time_ns(), time.perf_counter_ns()
        return taken

    def release(self) -> None:
        self._depth -= 1
        if not self._depth:
            self._note()
        self._lock.release()

    def _note(self) -> None:
        took = (time.thread_time_ns() - self._began) * 1e-6
        wall = (time.perf_counter_ns() - self._wall_began) * 1e-6
        MeasuredLock.longest_ms = max(MeasuredLock.longest_ms, took)
        MeasuredLock.longest_wall_ms = max(MeasuredLock.longest_wall_ms, wall)

    def _is_owned(self) -> bool:
        """For `threading.Condition`."""
        return bool(self.held_here())

    def _release_save(self) -> int:
        """For `threading.Condition`, which waits without the lock."""
        assert self._depth == 1
        self.release()
        return 1

    def _acquire_restore(self, depth: int) -> None:
        self.acquire()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *error: object) -> None:
        self.release()


class Watch:
    """Measures the most work that was done until the event loop came back, how long that took, and sleeps."""

    def __init__(self) -> None:
        self.longest_ms = self.longest_wall_ms = 0.0
        self._thread = threading.get_ident()

    async def run(self) -> None:
        before, wall_before = time.thread_time_ns(), time.perf_counter_ns()
        while True:
            await anyio.lowlevel.checkpoint()
            now, wall = time.thread_time_ns(), time.perf_counter_ns()
            self.longest_ms = max(self.longest_ms, (now - before) * 1e-6)
            self.longest_wall_ms = max(self.longest_wall_ms, (wall - wall_before) * 1e-6)
            before, wall_before = time.thread_time_ns(), time.perf_counter_ns()

    def sleep(self, seconds: float) -> None:
        """Stand for `time.sleep`."""
        if threading.get_ident() == self._thread:
            self.longest_ms = max(self.longest_ms, seconds * 1e3)
        _real_sleep(seconds)


_real_sleep = time.sleep


async def _looping(neurons: cl.Neurons, rate: float, seconds: float) -> None:
    async for _ in neurons.aloop(rate, stop_after_seconds=seconds):
        pass


async def fastest_loop(neurons: cl.Neurons, folder: Path) -> None:
    await _looping(neurons, 25_000, 0.05)


async def loop(neurons: cl.Neurons, folder: Path) -> None:
    await _looping(neurons, 1_000, 1)


async def slowest_loop(neurons: cl.Neurons, folder: Path) -> None:
    await _looping(neurons, 1, 2)


async def long_sleep(neurons: cl.Neurons, folder: Path) -> None:
    await neurons.asleep(2)


async def long_reads(neurons: cl.Neurons, folder: Path) -> None:
    await neurons.aread(30_000)
    await neurons.aread(50_000, analysis=True)
    await neurons.aread(4_999)


async def spikes(neurons: cl.Neurons, folder: Path) -> None:
    async with neurons.spikes() as stream:
        for _ in range(100):
            await anext(stream)


async def rare_spikes(neurons: cl.Neurons, folder: Path) -> None:
    """Time has to go far for an event that may never come."""
    async with neurons.spikes(0) as stream:
        with anyio.move_on_after(0.05):
            await anext(stream)


async def backlog(neurons: cl.Neurons, folder: Path) -> None:
    start = neurons.timestamp()
    await neurons.asleep(2)
    async with neurons.events(from_timestamp=start) as stream:
        await stream.batch()
    async with neurons.events(from_timestamp=start) as stream:
        for _ in range(stream.statistics().backlog):
            await anext(stream)


async def frames(neurons: cl.Neurons, folder: Path) -> None:
    for count in (25, 5_000, 25_000):
        async with neurons.frames(count) as stream:
            for _ in range(2):
                await anext(stream)


async def stims(neurons: cl.Neurons, folder: Path) -> None:
    async with neurons.stims() as stream:
        neurons.stim(cl.ChannelSet(range(8, 24)), 1.0, cl.BurstDesign(20, 200))
        for _ in range(20 * 16):
            await anext(stream)


async def recording(neurons: cl.Neurons, folder: Path) -> None:
    # Starting one is not awaited: it makes a file.
    first = await to_thread.run_sync(lambda: neurons.record(file_location=str(folder), stop_after_seconds=1))
    second = await to_thread.run_sync(lambda: neurons.record(file_location=str(folder)))
    await first.await_until_stopped()
    await second.astop()


async def cancelled(neurons: cl.Neurons, folder: Path) -> None:
    for job in (fastest_loop, slowest_loop, rare_spikes, frames, recording):
        with anyio.move_on_after(0.003):
            await job(neurons, folder)


JOBS: list[Job] = [
    fastest_loop, loop, slowest_loop, long_sleep, long_reads, spikes, rare_spikes, backlog, frames, stims,
    recording, cancelled,
]  # fmt: skip


async def _longest_ms(job: Job, folder: Path, patch: pytest.MonkeyPatch) -> float:
    watch = Watch()
    with patch.context() as context:
        for room in ("engine", "virtual_time"):
            context.setattr(f"cl._core.{room}.ReentryLock", MeasuredLock)
        context.setattr("cl._core.host_clock.time.sleep", watch.sleep)
        async with cl.aopen() as neurons, anyio.create_task_group() as group:
            assert isinstance(neurons._engine.lock, MeasuredLock)
            MeasuredLock.longest_ms = MeasuredLock.longest_wall_ms = 0.0
            group.start_soon(watch.run)
            with anyio.fail_after(60):
                await job(neurons, folder)
            group.cancel_scope.cancel()
    wall_ms = max(watch.longest_wall_ms, MeasuredLock.longest_wall_ms)
    return max(watch.longest_ms, MeasuredLock.longest_ms, wall_ms * LIMIT_MS / WALL_LIMIT_MS)


async def _best(measure: Callable[[], Awaitable[float]]) -> list[float]:
    """Measure until it is below the limit, or has been tried often enough."""
    attempts: list[float] = []
    while not attempts or (attempts[-1] >= LIMIT_MS and len(attempts) < ATTEMPTS):
        attempts.append(await measure())
    return attempts


async def _check(job: Job, folder: Path, patch: pytest.MonkeyPatch) -> None:
    attempts = await _best(lambda: _longest_ms(job, folder, patch))
    assert min(attempts) < LIMIT_MS, f"the event loop stood still for {attempts} ms"


LOOPS = {
    "asyncio": ("asyncio", {"use_uvloop": False}),
    "uvloop": ("asyncio", {"use_uvloop": True}),
    "trio": ("trio", {}),
}
CASES = [
    pytest.param(loop, source, id=f"{name}-{source}")
    for name, loop in LOOPS.items()
    for source in ("random", "culture")
    if name == "asyncio" or source == "random" or EXPLORES
]
"""A culture makes what there is take long, on whichever event loop; with CL_EXPLORE on each of them."""


@pytest.mark.usefixtures("accelerated")
@pytest.mark.parametrize(("anyio_backend", "source"), CASES, indirect=["anyio_backend"])
@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.__name__)
async def test_in_accelerated_time(
    job: Job, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if source == "culture":
        monkeypatch.setenv("CL_SDK_DATA_SOURCE", "cl.sim.culture:create")
    await _check(job, tmp_path, monkeypatch)


async def _crowded(neurons: cl.Neurons, folder: Path) -> None:
    async with neurons.spikes() as spikes, neurons.spikes(range(8, 16)) as some, neurons.events() as events:
        neurons.stim(cl.ChannelSet(range(8, 24)), 1.0, cl.BurstDesign(100, 200))
        await neurons.asleep(4)
        assert len(await spikes.batch()) > 20_000
        assert len(await some.batch()) > 2_000
        assert len(await events.batch()) > 20_000


@pytest.mark.usefixtures("accelerated")
async def test_a_backlog_of_a_hundred_times_the_usual_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CL_SDK_SPIKE_PERCENTILE", "99.5")
    await _check(_crowded, tmp_path, monkeypatch)


async def _all_at_once(neurons: cl.Neurons, folder: Path) -> None:
    recording = await to_thread.run_sync(
        lambda: neurons.record(file_location=str(folder), stop_after_seconds=0.3)
    )
    async with anyio.create_task_group() as group:
        group.start_soon(_looping, neurons, 1_000, 0.3)
        group.start_soon(_looping, neurons, 10, 0.3)
        group.start_soon(neurons.aread, 7_500)
        group.start_soon(neurons.asleep, 0.3)
        with anyio.move_on_after(0.3):
            await stims(neurons, folder)
        await recording.await_until_stopped()


@pytest.mark.parametrize("source", ["random", "culture"])
async def test_in_wall_clock_time(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if source == "culture":
        monkeypatch.setenv("CL_SDK_DATA_SOURCE", "cl.sim.culture:create")
    await _check(_all_at_once, tmp_path, monkeypatch)


async def _after_a_stall(neurons: cl.Neurons, folder: Path) -> None:
    """Nobody has moved the device for a while, as when the whole process was stopped."""
    clock = neurons._engine.time.clock
    assert isinstance(clock, WallClock)
    start = neurons.timestamp()
    clock.origin_ns -= 2 * 10**9
    await neurons.aread(100, start)
    start = neurons.timestamp()
    clock.origin_ns -= 2 * 10**9
    async with neurons.spikes(from_timestamp=start) as stream:
        await anext(stream)


async def test_after_a_stall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_DATA_SOURCE", "cl.sim.culture:create")
    await _check(_after_a_stall, tmp_path, monkeypatch)


@pytest.mark.usefixtures("accelerated")
@pytest.mark.parametrize("source", ["random", "culture"])
async def test_opening_and_closing_is_done_elsewhere(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a thread does may hold the interpreter; but the event loop's own thread does next to nothing."""
    if source == "culture":
        monkeypatch.setenv("CL_SDK_DATA_SOURCE", "cl.sim.culture:create")

    async def own_ms() -> float:
        before = time.thread_time_ns()
        async with cl.aopen(take_control=False):
            pass
        return (time.thread_time_ns() - before) * 1e-6

    attempts = await _best(own_ms)
    assert min(attempts) < LIMIT_MS, f"opening and closing took the event loop {attempts} ms"
