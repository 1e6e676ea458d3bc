"""The ends of streams, and what their consumers can rely on, in accelerated time."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.lowlevel
import pytest
from aio_tools import reference, run_loop, streams_told_of_the_end

import cl
from cl._streams.statistics import StreamStatistics

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("accelerated")]


async def test_a_stream_wants_its_context_manager_once() -> None:
    async with cl.aopen() as neurons:
        stream = neurons.spikes()
        with pytest.raises(RuntimeError, match="must be entered first"):
            await anext(stream)
        async with stream:
            with pytest.raises(RuntimeError, match="has been entered before"):
                await stream.__aenter__()
            await anext(stream)
        with pytest.raises(RuntimeError, match="has been entered before"):
            await stream.__aenter__()
        never = neurons.spikes()
        never.close()
        with pytest.raises(RuntimeError, match="entered before"):
            await never.__aenter__()
        assert streams_told_of_the_end(neurons) == 0


async def test_a_stream_is_one_consumers() -> None:
    async with cl.aopen() as neurons, neurons.stims() as stream, anyio.create_task_group() as group:

        async def wait() -> None:
            async for _ in stream:
                pass

        group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(RuntimeError, match="another task: give each its own"):
            await anext(stream)
        stream.close()


async def test_closed_by_its_program_it_just_ends() -> None:
    async with cl.aopen() as neurons, neurons.stims() as stims, neurons.frames(25_000) as frames:
        ended = []

        async def wait(stream: Any) -> None:
            async for _ in stream:
                pass
            ended.append(stream)

        async with anyio.create_task_group() as group:
            with neurons.hold():
                group.start_soon(wait, stims)
                group.start_soon(wait, frames)
                await anyio.wait_all_tasks_blocked()
                stims.close()
                await frames.aclose()
        assert len(ended) == 2
        with pytest.raises(StopAsyncIteration):
            await anext(stims)
        assert await stims.batch() == []
        assert neurons.timestamp() < 25_000


async def test_when_the_device_is_closed_what_is_left_comes_first() -> None:
    async with cl.aopen() as neurons, neurons.spikes() as spikes, neurons.stims() as stims:
        await anext(spikes)
        await neurons.asleep(0.1)
        neurons.stim(8, 1.0)
        await neurons.asleep_until(neurons.timestamp() + 1)
        left = spikes.statistics().backlog
        assert left > 2
        neurons.close()
        for _ in range(left):
            await anext(spikes)
        assert (await anext(stims)).channel == 8, "its notice had begun, so it was delivered"
        for stream in (spikes, stims):
            with pytest.raises(cl.DeviceDisconnectedError, match="was closed") as caught:
                while True:
                    await anext(stream)
            assert caught.value.__cause__ is None


async def test_when_the_device_is_closed_those_who_wait_are_told() -> None:
    told = []
    async with cl.aopen() as neurons, anyio.create_task_group() as group:

        async def wait(stream: Any) -> None:
            async with stream:
                with pytest.raises(cl.DeviceDisconnectedError, match="was closed"):
                    async for _ in stream:
                        pass
            told.append(stream)

        with neurons.hold():
            group.start_soon(wait, neurons.stims())
            group.start_soon(wait, neurons.frames(100))
            await anyio.wait_all_tasks_blocked()
            neurons.close()
    assert len(told) == 2


async def test_when_the_device_fails_the_cause_is_told() -> None:
    failure = OSError("the dish was dropped")
    async with cl.aopen() as neurons, neurons.spikes() as spikes, neurons.frames(500) as frames:
        await anext(spikes)
        await neurons.asleep(0.2)
        left = spikes.statistics().backlog
        assert left > 2
        with neurons._engine.lock:
            neurons._engine.fail(failure)
        for _ in range(left):
            await anext(spikes)
        for stream in (spikes, frames):
            with pytest.raises(cl.DeviceDisconnectedError, match="the dish was dropped") as caught:
                await anext(stream)
            assert caught.value.__cause__ is failure


async def test_a_consumer_that_is_slow_holds_time() -> None:
    expected = reference(25_000).spikes
    async with cl.aopen() as neurons, anyio.create_task_group() as group:
        group.start_soon(run_loop, neurons, 1_000)
        async with neurons.spikes() as stream:
            for spike in expected[:30]:
                assert await anext(stream) == spike
                at = neurons.timestamp()
                await anyio.sleep(0.001)
                assert neurons.timestamp() == at
        group.cancel_scope.cancel()


async def test_a_stream_that_is_not_read_is_never_overrun() -> None:
    expected = reference(400_000).spikes
    async with cl.aopen() as neurons, neurons.spikes() as stream, neurons.frames(1_000) as frames:
        found = []
        with anyio.move_on_after(60) as scope:
            for _ in range(4):
                await neurons.asleep(4)
                at = neurons.timestamp()
                for _ in range(100):
                    assert len(await anext(frames)) == 1_000
                found += await stream.batch()
                assert neurons.timestamp() == at
        assert not scope.cancelled_caught
        assert found == expected
        assert stream.statistics().missed == 0


@pytest.mark.parametrize("kind", ["spikes", "frames"])
async def test_time_stops_rather_than_overrun_a_stream(kind: str) -> None:
    async with cl.aopen() as neurons:
        stream: Any = neurons.spikes() if kind == "spikes" else neurons.frames(100)
        async with stream, anyio.create_task_group() as group:
            group.start_soon(run_loop, neurons, 100)
            # Nothing but the stream can end this wait: it is over when time has stopped.
            with anyio.fail_after(20):
                while stream._participant.name not in neurons._engine.time.scheduler.holders():  # noqa: ASYNC110
                    await anyio.sleep(0.001)
            stopped = neurons.timestamp()
            taken = await anext(stream)
            if kind == "spikes":
                assert stopped == taken.timestamp + 125_000
                assert len(taken.samples) == 75, "and what it hands out can still be looked at"
            else:
                assert stopped == 125_000
            await neurons.asleep_until(stopped + 1)
            assert neurons.timestamp() == stopped + 1, "a little was read, so a little time may pass"
            group.cancel_scope.cancel()


async def test_batches_take_what_there_is() -> None:
    expected = reference(50_000).spikes
    async with cl.aopen() as neurons, neurons.spikes() as stream:
        first = await stream.batch()
        assert first == expected[:1]
        await neurons.asleep_until(50_000)
        rest = await stream.batch(7)
        assert len(rest) == 7
        rest += await stream.batch()
        assert first + rest == expected
        assert stream.statistics() == StreamStatistics(len(expected), 0, 0, 50_000)


async def test_a_cancelled_wait_loses_nothing() -> None:
    expected = reference(50_000).spikes
    found = []
    async with cl.aopen() as neurons, neurons.spikes() as stream, anyio.create_task_group() as group:
        group.start_soon(run_loop, neurons, 1_000)
        rounds = 0
        while len(found) < 60:
            rounds += 1
            with anyio.CancelScope() as scope:
                if rounds % 3 == 0:
                    scope.cancel()
                elif rounds % 3 == 1:
                    group.start_soon(_cancel_soon, scope, rounds % 7)
                found.append(await anext(stream))
        group.cancel_scope.cancel()
    assert found == expected[: len(found)]
    assert rounds > 60


async def _cancel_soon(scope: anyio.CancelScope, rounds: int) -> None:
    for _ in range(rounds):
        await anyio.lowlevel.checkpoint()
    scope.cancel()


async def test_a_consumer_with_much_to_read_lets_others_run() -> None:
    async with cl.aopen() as neurons, neurons.spikes() as stream, anyio.create_task_group() as group:
        await neurons.asleep(4)
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await anyio.lowlevel.checkpoint()

        group.start_soon(count)
        backlog = stream.statistics().backlog
        assert backlog > 200
        for _ in range(backlog):
            await anext(stream)
        assert turns >= backlog // 20
        group.cancel_scope.cancel()
