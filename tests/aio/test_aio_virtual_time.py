"""The rules of docs/virtual-time.md: who takes part, who holds time, and what gives it free."""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from aio_tools import busy_keeper, check_at_rest, run_loop
from anyio import to_thread

import cl
import cl._session.wiring
from cl._values.constants import HISTORY_FRAMES
from cl._wait.housekeeper import VirtualChores

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("accelerated")]
PATIENCE = 20
"""Seconds after which time is taken to stand still for good."""


# -- what moves time ----------------------------------------------------------------------


async def test_time_moves_only_when_somebody_waits_for_it() -> None:
    async with cl.aopen() as neurons:
        time.sleep(0.002)  # noqa: ASYNC251
        await anyio.sleep(0.002)
        assert [neurons.timestamp() for _ in range(3)] == [0, 0, 0]
        await neurons.aread(10)
        assert neurons.timestamp() == 10
        await neurons.aread(10, 0)
        assert neurons.timestamp() == 10
        await neurons.asleep(0.001)
        assert neurons.timestamp() == 35
        await neurons.asleep_until(100)
        await neurons.asleep_until(50)
        await neurons.asleep(0)
        assert neurons.timestamp() == 100
        neurons.stim(8, 1.0)
        assert neurons.timestamp() == 100
        check_at_rest(neurons)


async def test_sleeps_refuse_bad_values() -> None:
    async with cl.aopen() as neurons:
        for seconds, error in (
            (-1, ValueError),
            (float("nan"), ValueError),
            ("1", TypeError),
            (None, TypeError),
        ):
            with pytest.raises(error, match="seconds"):
                await neurons.asleep(seconds)
        for timestamp, error in ((-1, ValueError), (1.5, TypeError)):
            with pytest.raises(error, match="timestamp"):
                await neurons.asleep_until(timestamp)
        assert neurons.timestamp() == 0


async def test_ties_are_served_loops_first_then_streams_sleeps_and_reads() -> None:
    for order in ((0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (2, 4, 0, 3, 1)):
        served = await _race(order)
        assert served == ["loop at 1000", "loop at 100", "stream", "sleep", "read"]


async def _race(order: tuple[int, ...]) -> list[str]:
    """Let one of each kind wait for frame 250, started in an order; return in which they were served."""
    served: list[str] = []
    async with cl.aopen() as neurons:

        async def read() -> None:
            await neurons.aread(250)
            served.append("read")

        async def sleep() -> None:
            await neurons.asleep(0.01)
            served.append("sleep")

        async def stream() -> None:
            async with neurons.frames(250) as frames:
                await anext(frames)
                served.append("stream")

        async def loop(rate: int) -> None:
            async for tick in neurons.aloop(rate):
                if tick.iteration_timestamp == 250:
                    served.append(f"loop at {rate}")
                    return

        jobs = (read, sleep, stream, functools.partial(loop, 100), functools.partial(loop, 1_000))
        async with anyio.create_task_group() as group:
            for index in order:
                group.start_soon(jobs[index])
    return served


# -- newcomers ----------------------------------------------------------------------------


async def test_tasks_started_together_take_part_from_the_same_moment() -> None:
    starts = []
    async with cl.aopen() as neurons, anyio.create_task_group() as group:
        await neurons.asleep(0.1)

        async def loop(rounds: int) -> None:
            for _ in range(rounds):
                await anyio.lowlevel.checkpoint()
            ticks = neurons.aloop(1_000, stop_after_ticks=20)
            async for _ in ticks:
                pass
            starts.append(ticks.start_timestamp)

        with busy_keeper(neurons):
            for i in range(12):
                group.start_soon(loop, i % 3)
            await anyio.lowlevel.checkpoint()
            await neurons.asleep(0.1)
    assert starts == [2_500] * 12


async def test_somebody_who_waits_for_a_newcomer_does_not_stop_it() -> None:
    """A task that has slept holds time, but not against those that it then starts and waits for."""
    async with cl.aopen() as neurons:
        with anyio.fail_after(PATIENCE):
            await neurons.asleep(0.1)
            async with anyio.create_task_group() as group:
                group.start_soon(run_loop, neurons, 100, 50)
        assert neurons.timestamp() == 2_500 + 50 * 250


async def test_time_goes_on_when_a_task_that_holds_it_ends() -> None:
    async with cl.aopen() as neurons:
        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as group:
                group.start_soon(run_loop, neurons, 100, 20)
                group.start_soon(neurons.asleep, 0.055)
                group.start_soon(_fails_after, neurons.asleep, 0.071)
        assert neurons.timestamp() == 5_000


async def _fails_after(sleep: Callable[[float], Awaitable[None]], seconds: float) -> None:
    with pytest.raises(ZeroDivisionError):
        await sleep(seconds)
        raise ZeroDivisionError


async def test_time_goes_on_when_a_thread_that_holds_it_ends() -> None:
    async with cl.aopen() as neurons, anyio.create_task_group() as group:
        with anyio.fail_after(PATIENCE):
            group.start_soon(run_loop, neurons, 100, 50)
            thread = threading.Thread(target=neurons.read, args=(1_000,))
            thread.start()
            await to_thread.run_sync(thread.join)


# -- work for a body ----------------------------------------------------------------------


async def test_a_body_may_wait_for_tasks_that_wait() -> None:
    log: list[tuple[int, str]] = []
    async with cl.aopen() as neurons:

        async def child(name: str) -> None:
            await neurons.asleep(0.001)
            log.append((neurons.timestamp(), name))
            await neurons.asleep(0.001)
            log.append((neurons.timestamp(), name))

        async def other() -> None:
            async for tick in neurons.aloop(1_000, stop_after_ticks=25):
                log.append((tick.iteration_timestamp, "other"))

        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as group:
                group.start_soon(other)
                async for tick in neurons.aloop(100, stop_after_ticks=2):
                    log.append((tick.iteration_timestamp, "body"))
                    async with anyio.create_task_group() as children:
                        children.start_soon(child, "a")
                    log.append((neurons.timestamp(), "body"))
                    assert neurons.timestamp() == tick.iteration_timestamp + 50
        check_at_rest(neurons)
    expected = []
    for i in range(1, 26):
        expected.append((25 * i, "other"))
        if i in (10, 20):
            expected.append((25 * i, "body"))
        if i in (11, 12, 21, 22):
            expected.append((25 * i, "a"))
        if i in (12, 22):
            expected.append((25 * i, "body"))
    assert log == expected


@pytest.mark.parametrize("depth", [1, 2, 3])
async def test_a_body_may_wait_for_threads_of_tasks_of_threads(depth: int) -> None:
    async with cl.aopen() as neurons:

        async def work(depth: int) -> None:
            await to_thread.run_sync(lambda: (neurons.read(10), neurons.read(10)))
            if depth > 1:
                async with anyio.create_task_group() as group:
                    group.start_soon(work, depth - 1)
            await neurons.asleep(0.0004)

        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as group:
                group.start_soon(run_loop, neurons, 1_000, 30)
                async for tick in neurons.aloop(100, stop_after_ticks=3):
                    await work(depth)
                    assert neurons.timestamp() == tick.iteration_timestamp + 30 * depth
        check_at_rest(neurons)


async def test_a_pools_thread_holds_nothing_once_its_work_is_done() -> None:
    async with cl.aopen() as neurons:
        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as group:
                group.start_soon(run_loop, neurons, 100)
                for _ in range(3):
                    await to_thread.run_sync(neurons.read, 100)
                    at = neurons.timestamp()
                    while neurons.timestamp() < at + 2_000:  # noqa: ASYNC110
                        await anyio.sleep(0.001)
                group.cancel_scope.cancel()


async def test_time_does_not_pass_an_aread_by_whose_frames_are_being_made() -> None:
    async with cl.aopen() as neurons:
        engine, take, begun = neurons._engine, neurons._part, threading.Event()

        def late(start: int, stop: int, analysis: bool) -> Any:
            begun.set()
            deadline = time.monotonic() + PATIENCE
            while engine.position < HISTORY_FRAMES:
                assert time.monotonic() < deadline
                time.sleep(0.001)
            return take(start, stop, analysis)

        async def read() -> None:
            assert (await neurons.aread(10_000)).shape == (10_000, 64)

        neurons._part = late  # type: ignore[method-assign]
        with anyio.fail_after(2 * PATIENCE):
            async with anyio.create_task_group() as group:
                group.start_soon(read)
                while not begun.is_set():  # noqa: ASYNC110
                    await anyio.sleep(0.001)
                await run_loop(neurons, 10, 80)
        check_at_rest(neurons)


async def test_a_sync_loop_in_a_pools_thread_beside_async_ones() -> None:
    """The synchronous and the asynchronous views of one run agree event for event."""
    views: dict[str, list[Any]] = {"sync": [], "async": [], "stream": []}
    async with cl.aopen() as neurons:

        def sync() -> None:
            for tick in neurons.loop(200, stop_after_ticks=200):
                views["sync"] += [*tick.analysis.spikes, *tick.analysis.stims]
                if tick.iteration % 20 == 0:
                    neurons.stim(tick.iteration % 50 + 8, 1.0)

        async def asynchronous() -> None:
            async for tick in neurons.aloop(1_000, stop_after_ticks=1_000):
                views["async"] += [*tick.analysis.spikes, *tick.analysis.stims]

        async def stream() -> None:
            async with neurons.events() as events:
                async for event in events:
                    if event.timestamp >= 25_000:
                        return
                    views["stream"].append(event)

        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as group:
                with neurons.hold("start"):
                    group.start_soon(to_thread.run_sync, sync)
                    group.start_soon(asynchronous)
                    group.start_soon(stream)
                    while len(neurons._engine.time.scheduler.waiting()) < 3:  # noqa: ASYNC110
                        await anyio.sleep(0.001)
        whole = neurons.read(25_000, 0, analysis=True).spikes
    by_time = {name: sorted(view, key=lambda e: (e.timestamp, e.channel)) for name, view in views.items()}
    assert by_time["sync"] == by_time["async"] == by_time["stream"]
    assert [event for event in by_time["sync"] if isinstance(event, cl.Spike)] == whole
    assert len({e.timestamp for e in views["sync"] if isinstance(e, cl.Stim)}) == 10


# -- holds --------------------------------------------------------------------------------


async def test_nobody_is_served_while_time_is_held() -> None:
    served = []
    async with cl.aopen() as neurons:

        async def consume() -> None:
            async for tick in neurons.aloop(100, stop_after_ticks=3):
                served.append(tick.iteration)

        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as group:
                with neurons.hold("a lab's database"):
                    group.start_soon(consume)
                    await anyio.sleep(0.03)
                    assert neurons._engine.time.scheduler.holders() == ["a lab's database"]
                    assert served == []
                    with neurons.hold():
                        await to_thread.run_sync(time.sleep, 0.005)
                    await anyio.wait_all_tasks_blocked()
                    assert served == []
        assert served == [0, 1, 2]


async def test_a_hold_covers_a_plain_threads_work_for_a_body() -> None:
    """A thread that is no task's and no pool's has no body: the program says for what time is held."""
    done = threading.Event()
    async with cl.aopen() as neurons, anyio.create_task_group() as group:
        hold = neurons.hold("worker")

        def work() -> None:
            time.sleep(0.005)
            stamps.append(neurons.timestamp())
            done.set()
            hold.__exit__(None, None, None)

        stamps: list[int] = []
        thread = threading.Thread(target=work)
        with anyio.fail_after(PATIENCE):
            async for tick in neurons.aloop(100, stop_after_ticks=5):
                if tick.iteration == 2:
                    hold.__enter__()
                    thread.start()
            assert done.is_set()
            await to_thread.run_sync(thread.join)
        assert stamps == [750]
        group.cancel_scope.cancel()


async def test_a_hold_does_nothing_in_wall_clock_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", "0")
    async with cl.aopen() as neurons:
        with neurons.hold():
            await neurons.aread(10)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    hasty = functools.partial(VirtualChores, patience_seconds=0.05)
    monkeypatch.setattr(cl._session.wiring, "VirtualChores", hasty)


@pytest.mark.usefixtures("impatient")
async def test_who_holds_time_for_long_is_named(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "cl")

    def told() -> list[str]:
        """What was said of this loop; a busy machine may keep another one from going on as well."""
        return [text for record in caplog.records if "a loop at 100/s" in (text := record.getMessage())]

    async with cl.aopen() as neurons, anyio.create_task_group() as group:
        group.start_soon(run_loop, neurons, 250)
        with anyio.fail_after(PATIENCE):
            async for tick in neurons.aloop(100, stop_after_ticks=2):
                while len(told()) <= tick.iteration:  # noqa: ASYNC110
                    await anyio.sleep(0.005)
        group.cancel_scope.cancel()
    assert told() == [
        f"accelerated time has stood still at timestamp {at} for 0.05 s: held by a loop at 100/s, "
        "which has been served and has neither waited again nor been closed"
        for at in (250, 500)
    ]


@pytest.mark.usefixtures("impatient")
async def test_nobody_is_named_where_nobody_waits(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "cl")
    async with cl.aopen() as neurons:
        neurons._engine.on_park()
        await neurons.asleep(0.1)
        await anyio.sleep(0.1)
        async with neurons.stims() as stream:
            with anyio.move_on_after(0.1):
                await anext(stream)
    assert caplog.records == []


@pytest.mark.usefixtures("impatient")
async def test_a_stream_that_nobody_reads_is_named(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "cl")
    async with cl.aopen() as neurons, neurons.frames(100), anyio.create_task_group() as group:
        group.start_soon(run_loop, neurons, 100)
        with anyio.fail_after(PATIENCE):
            while not caplog.records:  # noqa: ASYNC110
                await anyio.sleep(0.005)
        group.cancel_scope.cancel()
    assert "held by a stream of 100 frames" in caplog.text


# -- what would block ---------------------------------------------------------------------


async def test_a_sync_wait_that_would_block_the_event_loop_for_good_is_refused() -> None:
    async with cl.aopen() as neurons, anyio.create_task_group() as group:
        group.start_soon(run_loop, neurons, 1_000)
        with anyio.fail_after(PATIENCE):
            async for tick in neurons.aloop(100, stop_after_ticks=3):
                at = neurons.timestamp()
                with pytest.raises(
                    RuntimeError, match=r"read would block the event loop.*use the async form"
                ):
                    neurons.read(100)
                await anyio.sleep(0.002)
                assert neurons.timestamp() == at == tick.iteration_timestamp, "and the body still holds time"
        group.cancel_scope.cancel()
