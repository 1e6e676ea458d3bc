"""Cancelled anywhere, the device stays consistent and the others go on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from aio_tools import check_at_rest, run_loop
from anyio import to_thread

import cl

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("accelerated")]
PATIENCE = 20
"""Seconds after which time is taken to stand still for good."""

Job = Callable[[cl.Neurons], Awaitable[Any]]


async def _in_a_tick(neurons: cl.Neurons) -> None:
    async for _ in neurons.aloop(100):
        await anyio.sleep(0.0001)


async def _between_ticks(neurons: cl.Neurons) -> None:
    async for _ in neurons.aloop(1_000):
        pass


async def _in_a_stream(neurons: cl.Neurons) -> None:
    async with neurons.events() as stream:
        async for _ in stream:
            pass


async def _in_frames(neurons: cl.Neurons) -> None:
    async with neurons.frames(6_000) as stream:
        async for _ in stream:
            pass


async def _in_a_read(neurons: cl.Neurons) -> None:
    while True:
        await neurons.aread(7_000)


async def _in_a_sleep(neurons: cl.Neurons) -> None:
    while True:
        await neurons.asleep(0.01)


async def _in_a_thread(neurons: cl.Neurons) -> None:
    while True:
        await to_thread.run_sync(neurons.read, 100)


async def _in_work_for_a_body(neurons: cl.Neurons) -> None:
    async for _ in neurons.aloop(100):
        async with anyio.create_task_group() as group:
            group.start_soon(neurons.asleep, 0.003)
            group.start_soon(neurons.aread, 50)


JOBS: list[Job] = [
    _in_a_tick, _between_ticks, _in_a_stream, _in_frames, _in_a_read, _in_a_sleep, _in_a_thread,
    _in_work_for_a_body,
]  # fmt: skip


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.__name__)
@pytest.mark.parametrize("company", [False, True], ids=["alone", "in company"])
async def test_cancellation_leaves_the_device_consistent(job: Job, company: bool) -> None:
    async with cl.aopen() as neurons:
        for i in range(12):
            with anyio.fail_after(PATIENCE):
                async with anyio.create_task_group() as group:
                    group.start_soon(job, neurons)
                    if company:
                        group.start_soon(_between_ticks, neurons)
                        group.start_soon(_in_a_stream, neurons)
                    for _ in range(i * 3):
                        await anyio.lowlevel.checkpoint()
                    if i % 3 == 2:
                        await anyio.sleep(0.001)
                    group.cancel_scope.cancel()
            check_at_rest(neurons)
            at = neurons.timestamp()
            with anyio.fail_after(PATIENCE):
                await run_loop(neurons, 100, 3)
            assert neurons.timestamp() == at + 750
        neurons.stim(8, 1.0)
        stims = (await neurons.aread(10, analysis=True)).stims
        assert [stim.timestamp - at - 750 for stim in stims] == [2]


async def test_a_wait_cancelled_in_a_body_leaves_the_body_holding() -> None:
    async with cl.aopen() as neurons, anyio.create_task_group() as group:
        group.start_soon(run_loop, neurons, 1_000)
        async for tick in neurons.aloop(100, stop_after_ticks=3):
            with anyio.CancelScope() as scope:
                scope.cancel()
                await neurons.aread(100)
            at = neurons.timestamp()
            assert at == tick.iteration_timestamp
            await anyio.sleep(0.003)
            assert neurons.timestamp() == at
        group.cancel_scope.cancel()


@pytest.mark.parametrize("clock", ["virtual", "wall"])
async def test_cancelling_the_end_of_a_recording(
    clock: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is cancelled, the file is whole in the end, and the device goes on."""
    if clock == "wall":
        monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", "0")
    recordings = []
    async with cl.aopen() as neurons:
        for i in range(9):
            recording = neurons.record(file_location=str(tmp_path), stop_after_frames=2_000 + 500 * i)
            recordings.append(recording)
            with anyio.fail_after(PATIENCE):
                async with anyio.create_task_group() as group:
                    group.start_soon(recording.await_until_stopped)
                    if i % 3:
                        group.start_soon(recording.astop)
                    if i % 2:
                        group.start_soon(run_loop, neurons, 1_000)
                    for _ in range(i):
                        await anyio.lowlevel.checkpoint()
                    group.cancel_scope.cancel()
                if clock == "virtual":
                    check_at_rest(neurons)
                await neurons.aread(100)
    for recording in recordings:
        assert recording.status == "stopped"
        with recording.open() as view:
            assert view.complete
            assert len(view.samples) == view.attributes["duration_frames"]


async def test_samples_that_are_not_there_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody can foresee them, a look at them is a synchronous wait: a task waits for them before."""
    monkeypatch.setenv("CL_SDK_DATA_SOURCE", "cl.sim.culture:create")
    async with cl.aopen() as neurons, neurons.spikes() as stream, anyio.create_task_group() as group:
        group.start_soon(run_loop, neurons, 1_000)
        spike = await anext(stream)
        spike._samples = None
        with pytest.raises(RuntimeError, match=r"Spike.samples would block the event loop"):
            spike.samples  # noqa: B018
        await neurons.asleep_until(spike.timestamp + 50)
        assert len(spike.samples) == 75
        group.cancel_scope.cancel()


async def test_leaving_a_device_while_others_wait_ends_them() -> None:
    ends: list[str] = []

    async def run(job: Job, neurons: cl.Neurons) -> None:
        # A task group of the job's own wraps what its tasks raise.
        with pytest.raises((cl.DeviceDisconnectedError, ExceptionGroup)) as caught:
            await job(neurons)
        error = caught.value
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        assert isinstance(error, cl.DeviceDisconnectedError)
        ends.append(job.__name__)

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as group, cl.aopen() as neurons:
            for job in JOBS:
                group.start_soon(run, job, neurons)
            await anyio.sleep(0.01)
    assert sorted(ends) == sorted(job.__name__ for job in JOBS)
