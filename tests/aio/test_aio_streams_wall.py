"""Event streams in wall-clock time. Time is moved by setting the device's clock forward, not by waiting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anyio
import numpy as np
import pytest
from aio_tools import Echo, keys, reference

import cl
import cl.sim

pytestmark = pytest.mark.anyio
PATIENCE = 30
"""Seconds after which a wait that should end at once is given up."""


@pytest.fixture(autouse=True)
def seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_RANDOM_SEED", "7")


@pytest.fixture
def spikes(monkeypatch: pytest.MonkeyPatch) -> list[cl.Spike]:
    """Return the spikes of the first 20 s."""
    with monkeypatch.context() as context:
        context.setenv("CL_SDK_ACCELERATED_TIME", "1")
        return reference(500_000).spikes


@pytest.fixture
def echo() -> Iterator[Echo]:
    source = Echo(interval=250)
    cl.sim.set_simulator_data_source(lambda: source)
    yield source
    cl.sim.clear_simulator_data_source()


def set_forward(neurons: cl.Neurons, frames: int) -> int:
    """Let so much device time have passed, all of it given; return where it is then."""
    engine = neurons._engine
    assert engine.time.comes()
    engine.time.clock.origin_ns -= frames * 40_000
    with engine.lock:
        while engine.position < engine.time.clock.now() - 1_000:
            engine.advance(min(engine.time.clock.now(), engine.position + 25_000))
        return engine.position


async def test_spikes_come_as_they_happen(spikes: list[cl.Spike]) -> None:
    found = []
    async with cl.aopen() as neurons, neurons.spikes(from_timestamp=0) as stream:
        with anyio.fail_after(PATIENCE):
            async for spike in stream:
                assert neurons.timestamp() > spike.timestamp
                found.append(spike)
                if len(found) == 20:
                    break
        assert found == spikes[:20]
        assert len(found[3].samples) == 75
        assert neurons.read(found[-1].timestamp + 1, 0, analysis=True).spikes == found


async def test_many_streams_each_get_everything(spikes: list[cl.Spike]) -> None:
    async with cl.aopen() as neurons:
        results: list[list[Any]] = [[] for _ in range(12)]

        async def consume(result: list[Any]) -> None:
            async with neurons.spikes(from_timestamp=0) as stream:
                while len(result) < 15:
                    result += await stream.batch()

        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as group:
                for result in results:
                    group.start_soon(consume, result)
        assert all(result == spikes[: len(result)] for result in results)


async def test_stims_come_as_they_are_delivered() -> None:
    async with cl.aopen() as neurons, neurons.stims() as stream:
        with anyio.fail_after(PATIENCE):
            for channel in (8, 9, 10):
                neurons.stim(channel, 1.0)
                assert (await anext(stream)).channel == channel


@pytest.mark.parametrize("threaded", [False, True])
async def test_what_cannot_be_foreseen_comes_too(echo: Echo, threaded: bool) -> None:
    echo.threaded = threaded
    async with cl.aopen() as neurons, neurons.events(from_timestamp=0) as stream:
        with anyio.fail_after(PATIENCE):
            first = await anext(stream)
            neurons.stim(9, 1.0)
            found = [first]
            while cl.Spike not in {type(event) for event in found if event.channel == 9}:
                found += await stream.batch()
    stim = next(event for event in found if isinstance(event, cl.Stim))
    spikes = [event for event in found if isinstance(event, cl.Spike)]
    assert (stim.timestamp + 30, 9) in keys(spikes)
    own = [spike.timestamp for spike in spikes if spike.channel == 1]
    assert own == [250 * (i + 1) for i in range(len(own))]
    assert [event.timestamp for event in found] == sorted(event.timestamp for event in found)


@pytest.mark.parametrize("threaded", [False, True])
async def test_frames_of_a_source_that_reacts(echo: Echo, threaded: bool) -> None:
    echo.threaded = threaded
    async with cl.aopen() as neurons, neurons.frames(100, 0) as stream:
        with anyio.fail_after(PATIENCE):
            for i in range(20):
                assert stream.timestamp == i * 100
                assert (await anext(stream)).shape == (100, 64)


async def test_a_consumer_that_falls_behind_is_told_once_and_goes_on(spikes: list[cl.Spike]) -> None:
    async with cl.aopen() as neurons, neurons.spikes(from_timestamp=0) as stream:
        with anyio.fail_after(PATIENCE):
            taken = [await anext(stream) for _ in range(3)]
            position = set_forward(neurons, 300_000)
            with pytest.raises(cl.LaggedError, match="fell behind the history of 5 s and missed") as caught:
                await anext(stream)
            missed, later = caught.value.missed, neurons._engine.position
            rest = [await anext(stream) for _ in range(100)]
        assert taken == spikes[:3]
        assert missed > 50
        assert rest == spikes[3 + missed : 103 + missed], "it counted what it did not give"
        assert position - 125_000 <= rest[0].timestamp
        assert spikes[3 + missed - 1].timestamp < later - 125_000, "no more than had to be"
        statistics = stream.statistics()
        assert (statistics.delivered, statistics.missed) == (103, missed)
        assert statistics.timestamp == spikes[103 + missed].timestamp
        assert statistics.backlog >= 200


async def test_frames_that_fall_behind(spikes: list[cl.Spike], monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as context:
        context.setenv("CL_SDK_ACCELERATED_TIME", "1")
        with cl.open() as neurons:
            neurons.read(100_000)
            frames = neurons.read(100_000, 100_000)
    async with cl.aopen() as neurons, neurons.frames(500, 0) as stream:
        with anyio.fail_after(PATIENCE):
            assert np.array_equal((await anext(stream))[:, 8], (await _first(neurons))[:, 8])
            set_forward(neurons, 250_000)
            with pytest.raises(cl.LaggedError) as caught:
                await anext(stream)
            at = stream.timestamp
            assert at == 500 + caught.value.missed
            block = await anext(stream)
            assert np.array_equal(block, frames[at - 100_000 : at - 100_000 + 500])
            assert (await anext(stream)).shape == (500, 64)
        assert stream.statistics().missed == caught.value.missed
        assert stream.statistics().delivered == 1_500


async def _first(neurons: cl.Neurons) -> Any:
    return await neurons.aread(500, 0)


async def test_a_slow_consumer_harms_only_itself(spikes: list[cl.Spike]) -> None:
    start = {"from_timestamp": 0}
    async with cl.aopen() as neurons, neurons.spikes(**start) as slow, neurons.spikes(**start) as quick:
        await anext(slow)
        found: list[cl.Spike] = []
        with anyio.fail_after(PATIENCE):
            for _ in range(4):
                position = set_forward(neurons, 100_000)
                while not found or found[-1].timestamp < position - 1_000:
                    found += await quick.batch()
        assert found == spikes[: len(found)]
        with pytest.raises(cl.LaggedError):
            await anext(slow)
        assert quick.statistics().missed == 0


async def test_a_sparse_channel_is_no_reason_to_lag(spikes: list[cl.Spike]) -> None:
    """A consumer that waits all the time misses nothing, however much goes by on other channels."""
    wanted = [spike for spike in spikes if spike.channel == 8 and spike.timestamp > 250_000]
    async with cl.aopen() as neurons, neurons.spikes(8, from_timestamp=250_000) as stream:
        found = []

        async def consume() -> None:
            found.append(await anext(stream))

        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as group:
                group.start_soon(consume)
                position = 0
                while position < wanted[0].timestamp - 75_000:
                    await anyio.sleep(0.002)
                    position = set_forward(neurons, 25_000)
                    assert not found
                set_forward(neurons, wanted[0].timestamp - position)
        assert found == wanted[:1]


@pytest.mark.parametrize("source", ["random", "echo"])
@pytest.mark.parametrize("end", ["closed", "failed", "mine"])
async def test_whoever_waits_learns_of_the_end(source: str, end: str, request: pytest.FixtureRequest) -> None:
    if source == "echo":
        request.getfixturevalue("echo")
    outcomes: list[Any] = []
    async with cl.aopen() as neurons:
        streams: list[Any] = [neurons.stims(), neurons.frames(25_000), neurons.spikes([])]

        async def consume(stream: Any) -> None:
            async with stream:
                try:
                    async for _ in stream:
                        pass
                    outcomes.append("ended")
                except cl.DeviceDisconnectedError as error:
                    outcomes.append((str(error), type(error.__cause__)))

        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as group:
                for stream in streams:
                    group.start_soon(consume, stream)
                await anyio.sleep(0.005)
                if end == "closed":
                    neurons.close()
                elif end == "failed":
                    with neurons._engine.lock:
                        neurons._engine.fail(OSError("unplugged"))
                else:
                    for stream in streams:
                        stream.close()
    expected = {
        "closed": ("the device was closed", type(None)),
        "failed": ("the device failed: unplugged", OSError),
        "mine": "ended",
    }
    assert outcomes == [expected[end]] * 3


async def test_a_wait_can_be_cancelled() -> None:
    async with cl.aopen() as neurons, neurons.stims() as stream:
        for _ in range(3):
            with anyio.move_on_after(0.002) as scope:
                await anext(stream)
            assert scope.cancelled_caught
        neurons.stim(8, 1.0)
        with anyio.fail_after(PATIENCE):
            assert (await anext(stream)).channel == 8
        assert neurons._engine._arrivals == []


async def test_a_wait_may_be_for_longer_than_anybody_lives() -> None:
    async with cl.aopen() as neurons, neurons.frames(10, 10**400) as frames:
        for wait in (
            lambda: neurons.asleep(1e300),
            lambda: neurons.asleep_until(10**400),
            lambda: neurons.aread(10, 10**400),
            lambda: anext(frames),
        ):
            with anyio.move_on_after(0.002) as scope:
                await wait()
            assert scope.cancelled_caught


async def test_a_stream_can_be_closed_from_a_thread() -> None:
    async with cl.aopen() as neurons, neurons.stims() as stream:
        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as group:
                group.start_soon(anyio.to_thread.run_sync, stream.close)
                assert [event async for event in stream] == []
