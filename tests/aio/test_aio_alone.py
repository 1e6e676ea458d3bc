"""Sleeps of a task that is alone on its event loop and device: time just moves, by the rules all the same."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

import cl
from cl._wait.backend import _AsyncioBackend

pytestmark = pytest.mark.usefixtures("accelerated")


@pytest.mark.anyio
async def test_sleeps_alone_move_time_and_hold_it() -> None:
    async with cl.aopen() as neurons:
        at = neurons.timestamp()
        for count in range(1, 40):
            await neurons.asleep(0.001)
            assert neurons.timestamp() == at + 25 * count
        assert neurons._engine.time.holders() == ["asleep"]
        # What has passed is waited for no more, and holds all the same.
        await neurons.asleep_until(1)
        assert neurons.timestamp() == at + 25 * 39
        # A newcomer's wait ends what a single sleep holds.
        begun = []

        async def other() -> None:
            async for tick in neurons.aloop(100, stop_after_ticks=2):
                begun.append(tick.iteration_timestamp - at)

        async with anyio.create_task_group() as group:
            group.start_soon(other)
        assert begun == [25 * 39 + 250, 25 * 39 + 500]


def test_sleeps_alone_let_timers_and_cancellations_through() -> None:
    async def program() -> None:
        loop = asyncio.get_running_loop()
        fired: list[int] = []
        slept: list[int] = []
        async with cl.aopen() as neurons:

            async def sleeper() -> None:
                while True:
                    await neurons.asleep(0.001)
                    slept.append(1)

            await neurons.asleep(0.001)  # The first one is not known to be alone.
            loop.call_later(0, fired.append, 1)
            for _ in range(17):
                await neurons.asleep(0.001)
            assert fired == [1]
            task = loop.create_task(sleeper())
            loop.call_later(0, task.cancel)
            await asyncio.wait([task])
            assert task.cancelled()
            assert len(slept) <= 17

    asyncio.run(program())


@pytest.mark.anyio
async def test_tasks_that_are_started_together_sleep_from_the_same_moment() -> None:
    woke: list[int] = []

    async def sleeper(neurons: cl.Neurons) -> None:
        await neurons.asleep(0.01)
        woke.append(neurons.timestamp())

    async with cl.aopen() as neurons, anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(sleeper, neurons)
    assert woke == [250] * 5


@pytest.mark.skipif(sys.version_info < (3, 12), reason="no task begins eagerly before Python 3.12")
def test_tasks_that_begin_eagerly_sleep_from_the_same_moment() -> None:
    async def program() -> list[int]:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        woke: list[int] = []

        async def sleeper(neurons: cl.Neurons) -> None:
            await neurons.asleep(0.01)
            woke.append(neurons.timestamp())

        async with cl.aopen() as neurons:
            await neurons.asleep(0.01)
            # The first one runs before there is a second.
            await asyncio.gather(*[asyncio.create_task(sleeper(neurons)) for _ in range(5)])
        return woke

    assert asyncio.run(program()) == [500] * 5


def test_alone_or_not_a_program_comes_to_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def program() -> list[Any]:
        seen: list[Any] = []
        async with cl.aopen() as neurons:
            recording = neurons.record(file_location=str(tmp_path))
            for number in range(60):
                await neurons.asleep(0.001 * (number % 7))
                neurons.stim(8 + number % 32, 1.0)
                seen.append(neurons.timestamp())
                if number % 10 == 9:
                    seen.append((await neurons.aread(50)).tolist())
            await recording.astop()
        with cl.RecordingView(recording.file["path"]) as view:
            seen.append(view.stims[:].tolist())
            seen.append(view.samples[:].tolist())
        return seen

    alone = asyncio.run(program())
    monkeypatch.setattr(_AsyncioBackend, "is_alone", lambda self: False)
    assert asyncio.run(program()) == alone
