"""Async loops and reads: many at once, in one reproducible order, on every event loop."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable
from typing import Any

import anyio
import numpy as np
import pytest

import cl

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("accelerated")]

RATES = (1000, 500, 250, 100, 40)
Log = list[tuple[int, int, tuple[tuple[int, int], ...]]]


async def five_loops(order: tuple[int, ...], delay: Callable[[], float | None]) -> Log:
    """Run five loops at once; return who was served when, and what it saw."""
    log: Log = []

    async def consume(neurons: cl.Neurons, rate: int) -> None:
        async for tick in neurons.aloop(rate, stop_after_seconds=0.4):
            spikes = tuple((s.timestamp, s.channel) for s in tick.analysis.spikes)
            log.append((tick.iteration_timestamp, rate, spikes))
            seconds = delay()
            if seconds is not None:
                await anyio.sleep(seconds)
            assert neurons.timestamp() == tick.iteration_timestamp, "a consumer holds time"

    async with cl.aopen() as neurons, anyio.create_task_group() as group:
        for rate in order:
            group.start_soon(consume, neurons, rate)
    return log


def expected() -> Log:
    """Compute the interleaving from the rules: deadline order, ties shorter period first."""
    with cl.open() as neurons:
        spikes = neurons.read(10_000, analysis=True).spikes
    log: Log = []
    for rate in RATES:
        n = 25_000 // rate
        for stop in range(n, 10_001, n):
            inside = tuple((s.timestamp, s.channel) for s in spikes if stop - n <= s.timestamp < stop)
            log.append((stop, rate, inside))
    return sorted(log, key=lambda entry: (entry[0], -entry[1]))


async def test_five_loops_are_served_in_one_order() -> None:
    wanted = expected()
    rng = random.Random(3)
    for _ in range(4):
        order = tuple(rng.sample(RATES, len(RATES)))
        assert await five_loops(order, lambda: None) == wanted


async def test_delays_in_consumers_change_nothing() -> None:
    wanted = expected()
    rng = random.Random(4)

    def now_and_then() -> float | None:
        return rng.random() / 1000 if rng.random() < 0.05 else None

    assert await five_loops(RATES[::-1], now_and_then) == wanted


async def test_ties_of_equals_go_by_registration() -> None:
    log: list[tuple[int, str]] = []

    async def consume(neurons: cl.Neurons, name: str) -> None:
        async for tick in neurons.aloop(100, stop_after_ticks=5):
            log.append((tick.iteration_timestamp, name))

    async with cl.aopen() as neurons, anyio.create_task_group() as group:
        group.start_soon(consume, neurons, "first")
        await anyio.lowlevel.checkpoint()
        group.start_soon(consume, neurons, "second")
    assert sorted(log) == [(i * 250, n) for i in range(1, 6) for n in ("first", "second")]


async def test_cancelling_one_harms_no_other() -> None:
    seen: list[int] = []

    async def quitter(neurons: cl.Neurons, scope: anyio.CancelScope) -> None:
        with scope:
            async for tick in neurons.aloop(1000):
                if tick.iteration == 20:
                    scope.cancel()

    async def stayer(neurons: cl.Neurons) -> None:
        async for tick in neurons.aloop(100, stop_after_ticks=20):
            seen.append(tick.iteration_timestamp)

    async with cl.aopen() as neurons:
        async with anyio.create_task_group() as group:
            group.start_soon(quitter, neurons, anyio.CancelScope())
            group.start_soon(stayer, neurons)
        assert seen == [i * 250 for i in range(1, 21)]
        assert (await neurons.aread(5)).shape == (5, 64)


async def test_cancelling_one_that_waits_harms_no_other() -> None:
    async with cl.aopen() as neurons:
        seen = []
        async with anyio.create_task_group() as group:
            scope = anyio.CancelScope()

            async def sleeper() -> None:
                with scope:
                    await neurons.asleep(3600)

            group.start_soon(sleeper)
            async for tick in neurons.aloop(100, stop_after_ticks=10):
                seen.append(tick.iteration_timestamp)
                if tick.iteration == 4:
                    scope.cancel()
        assert seen == [i * 250 for i in range(1, 11)]
        assert neurons.timestamp() == 2500


async def test_breaking_out_frees_time_at_once() -> None:
    async with cl.aopen() as neurons:
        async for _ in neurons.aloop(100):
            break
        assert neurons.timestamp() == 250
        ticks = [t.iteration_timestamp async for t in neurons.aloop(1000, stop_after_ticks=3)]
        assert ticks == [275, 300, 325]


async def test_breaking_out_frees_time_for_others() -> None:
    """Also where the task does not wait for the device again."""
    async with cl.aopen() as neurons, anyio.create_task_group() as group:
        slept = anyio.Event()

        async def sleep() -> None:
            await neurons.asleep(0.1)
            slept.set()

        group.start_soon(sleep)
        async for _ in neurons.aloop(100):
            break
        with anyio.fail_after(30):
            await slept.wait()
        assert neurons.timestamp() == 2500


async def test_an_iterator_that_was_closed_is_over() -> None:
    async with cl.aopen() as neurons:
        ticks = neurons.aloop(100).__aiter__()
        assert (await ticks.__anext__()).iteration == 0
        await ticks.aclose()  # type: ignore[attr-defined]
        with pytest.raises(StopAsyncIteration):
            await ticks.__anext__()
        assert (await neurons.aread(250)).shape == (250, 64)


async def test_a_stop_before_the_first_tick_is_not_forgotten() -> None:
    async with cl.aopen() as neurons:
        loop = neurons.aloop(100, stop_after_ticks=3)
        loop.stop()
        assert [tick.iteration async for tick in loop] == []
        assert [tick.iteration async for tick in loop] == [0, 1, 2]


@pytest.mark.parametrize("clock", ["virtual", "wall"])
async def test_an_iterator_that_a_task_waits_at_refuses_others(
    clock: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if clock == "wall":
        monkeypatch.delenv("CL_SDK_ACCELERATED_TIME")
    async with cl.aopen() as neurons:
        ticks: Any = neurons.aloop(10, stop_after_ticks=2).__aiter__()
        seen: list[int] = []

        async def iterate() -> None:
            with anyio.fail_after(30):
                seen.extend([tick.iteration async for tick in ticks])

        async with anyio.create_task_group() as group:
            with neurons.hold():
                group.start_soon(iterate)
                while not ticks._waiting:
                    await anyio.lowlevel.checkpoint()
                with pytest.raises(RuntimeError, match="another task waits"):
                    await ticks.__anext__()
                with pytest.raises(RuntimeError, match="another task waits"):
                    await ticks.aclose()
        assert seen == [0, 1]


async def test_aread_agrees_with_read_and_alias() -> None:
    async with cl.aopen() as neurons:
        frames = await neurons.aread(60_000)
        assert np.array_equal(frames, neurons.read(60_000, 0))
        assert np.array_equal(await neurons.read_async(10, 5), frames[5:15])
        found = await neurons.aread(60_000, 0, analysis=True)
        assert found == neurons.read(60_000, 0, analysis=True)
        for arguments in ((-1,), (1, -100_000)):
            with pytest.raises(ValueError):
                await neurons.aread(*arguments)


async def test_sync_and_async_loops_agree() -> None:
    def summary(tick: cl.LoopTick) -> tuple[Any, ...]:
        return tick.iteration, tick.iteration_timestamp, tick.analysis, tick.frames.tobytes()

    with cl.open() as neurons:
        wanted = [summary(t) for t in neurons.loop(200, stop_after_seconds=0.5)]
    async with cl.aopen() as neurons:
        got: list[tuple[Any, ...]] = []
        loop = neurons.aloop(200, stop_after_seconds=0.5)
        async for tick in loop:
            got.append(summary(tick))
        assert tick.iteration == 100
        assert loop.statistics().count == 100
    assert got == wanted


async def test_run_takes_sync_and_async_callbacks() -> None:
    seen: list[int] = []

    async def body(tick: cl.LoopTick) -> None:
        await anyio.lowlevel.checkpoint()
        seen.append(tick.iteration)

    async with cl.aopen() as neurons:
        await neurons.aloop(100, stop_after_ticks=3).run(loop_body_callback=body)
        await neurons.aloop(100, stop_after_ticks=3).run(lambda tick: seen.append(tick.iteration))
    assert seen == [0, 1, 2, 0, 1, 2]


async def test_a_heartbeat_goes_on_beside_an_accelerated_loop_and_reads() -> None:
    """Others run at least every few ticks: count in events, not in milliseconds."""
    beats = 0

    async def heart(scope: anyio.CancelScope) -> None:
        nonlocal beats
        with scope:
            while True:
                beats += 1
                await anyio.lowlevel.checkpoint()

    async with cl.aopen() as neurons, anyio.create_task_group() as group:
        scope = anyio.CancelScope()
        group.start_soon(heart, scope)
        async for tick in neurons.aloop(25_000, stop_after_ticks=5000):
            if tick.iteration == 0:
                beats = 0
        assert beats >= 5000 // 16 - 1
        for call in (lambda: neurons.aread(100_000), lambda: neurons.asleep(60)):
            before = beats
            await call()
            assert beats >= before + 4
        scope.cancel()


async def test_sleeping_moves_virtual_time() -> None:
    async with cl.aopen() as neurons:
        await neurons.asleep(0.01)
        assert neurons.timestamp() == 250
        await neurons.asleep_until(1000)
        assert neurons.timestamp() == 1000
        await neurons.asleep_until(10)
        assert neurons.timestamp() == 1000
        with pytest.raises(ValueError, match="seconds"):
            await neurons.asleep(-1)


async def test_a_body_may_read_and_others_see_time_move() -> None:
    log: list[tuple[str, int]] = []

    async def reader(neurons: cl.Neurons) -> None:
        async for tick in neurons.aloop(100, stop_after_ticks=4):
            log.append(("reader", tick.iteration_timestamp))
            await neurons.aread(100)

    async def watcher(neurons: cl.Neurons) -> None:
        async for tick in neurons.aloop(500, stop_after_ticks=20):
            log.append(("watcher", tick.iteration_timestamp))

    async with cl.aopen() as neurons, anyio.create_task_group() as group:
        group.start_soon(reader, neurons)
        group.start_soon(watcher, neurons)
    assert [t for n, t in log if n == "reader"] == [250, 500, 750, 1000]
    assert [t for n, t in log if n == "watcher"] == list(range(50, 1001, 50))
    assert [t for _, t in log] == sorted(t for _, t in log)


TWINS = {
    **{f"a{name}": name for name in ["stim", "interrupt", "interrupt_then_stim", "record", "take_control"]},
    **{f"a{name}": name for name in ["release_control", "restart", "loop", "read"]},
    "async_": "sync",
}


@pytest.mark.parametrize("name", TWINS)
def test_twins_take_the_same_arguments(name: str) -> None:
    twin, own = (inspect.signature(getattr(cl.Neurons, each)) for each in (name, TWINS[name]))
    assert [*map(str, twin.parameters.values())] == [*map(str, own.parameters.values())]
