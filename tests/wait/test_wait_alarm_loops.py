"""Alarms on every event loop, with every kind of timer."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import uvloop
from alarm_tools import CALLS, FAR_NS, KINDS, in_fork, in_thread, join_pacers, pacers, use_calls
from leak_tools import open_files

from cl._core.host_clock import host_ns
from cl._wait.alarm import Alarm
from cl._wait.backend import current_backend
from cl._wait.loop_timers import AsyncioTimer

pytestmark = pytest.mark.anyio

MS = 1_000_000


@pytest.fixture(params=KINDS, autouse=True)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Let alarms be of one kind, which is to leave no thread behind."""
    use_calls(CALLS.get(request.param), monkeypatch)
    yield request.param
    join_pacers()


def new_alarm() -> Any:
    """Return an alarm, to be used in a `with`."""
    return closing(current_backend().alarm())


async def until_no_more_files_than(count: int) -> None:
    """Let the event loop run until it has given back what other threads told it to."""
    with anyio.fail_after(30):
        while open_files() > count:
            await anyio.lowlevel.checkpoint()


async def wait_from_now(alarm: Alarm, ns: int) -> None:
    """Check that a wait lasts until its time."""
    due = host_ns() + ns
    assert await alarm.until(due) is True
    assert host_ns() >= due


async def test_one_wait_after_another_ends_at_its_time_and_not_before() -> None:
    with new_alarm() as alarm:
        for ns in (1, 20_000, 70_000, 300_000, 5 * MS, 40_000, 1 * MS):
            await wait_from_now(alarm, ns)


async def test_the_kind_is_the_one_that_is_to_be_tested(kind: str) -> None:
    before = open_files()
    with new_alarm():
        assert (open_files() - before, len(pacers())) == ((0, 1) if kind == "pacer" else (1, 0))


async def test_a_time_that_has_come_is_not_waited_for() -> None:
    ran: list[int] = []

    async def other() -> None:
        ran.append(1)

    async with anyio.create_task_group() as group:
        with new_alarm() as alarm:
            group.start_soon(other)
            assert await alarm.until(host_ns()) is True
            assert ran == []


async def test_the_other_tasks_run_meanwhile_and_the_thread_does_not_sleep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sleepers: list[int] = []
    monkeypatch.setattr("cl._core.host_clock.time.sleep", lambda _: sleepers.append(threading.get_ident()))
    with new_alarm() as alarm, anyio.fail_after(60):

        async def take_turns() -> None:
            for _ in range(100):
                await anyio.lowlevel.checkpoint()
            alarm.wake()

        async with anyio.create_task_group() as group:
            group.start_soon(take_turns)
            assert await alarm.until(host_ns() + FAR_NS) is False
        for ns in (45_000, 300_000, 3 * MS):
            await wait_from_now(alarm, ns)
    assert threading.get_ident() not in sleepers


async def test_two_hundred_at_once() -> None:
    files = open_files()
    begin, draw = host_ns() + 5 * MS, random.Random(1)

    async def wait(times: list[int]) -> None:
        with new_alarm() as alarm:
            for due in times:
                assert await alarm.until(due) is True
                assert host_ns() >= due

    with new_alarm():
        async with anyio.create_task_group() as group:
            for _ in range(200):
                group.start_soon(wait, sorted(begin + draw.randrange(20 * MS) for _ in range(3)))
            await anyio.lowlevel.checkpoint()
            assert len(pacers()) <= 1
    assert open_files() == files


async def test_a_cancelled_wait_leaves_an_alarm_that_works() -> None:
    with new_alarm() as alarm:
        for seconds in (0, 0.002):
            with anyio.move_on_after(seconds) as scope:
                await alarm.until(host_ns() + FAR_NS)
            assert scope.cancelled_caught
            await wait_from_now(alarm, 1 * MS)


async def test_what_is_left_of_a_cancelled_wait_ends_no_other() -> None:
    with new_alarm() as alarm:
        for _ in range(20):
            with anyio.move_on_after(0):
                await alarm.until(host_ns() + 60_000)
            await wait_from_now(alarm, 200_000)


async def test_a_wait_is_ended_from_another_thread() -> None:
    with new_alarm() as alarm, anyio.fail_after(60):
        for delay in (0, 0, 0, 0.0001, 0.001):
            waker = threading.Timer(delay, alarm.wake)
            waker.start()
            assert await alarm.until(host_ns() + FAR_NS) is False
            waker.join()


async def test_a_wake_before_a_wait_ends_that_wait_alone() -> None:
    with new_alarm() as alarm, anyio.fail_after(60):
        in_thread(alarm.wake)
        alarm.wake()
        assert await alarm.until(host_ns() + FAR_NS) is False
        await wait_from_now(alarm, 1 * MS)


async def test_a_wake_by_a_task_of_the_same_loop() -> None:
    with new_alarm() as alarm, anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(_call, alarm.wake)
            assert await alarm.until(host_ns() + FAR_NS) is False


async def _call(call: Callable[[], None]) -> None:
    call()


async def test_wakes_at_any_moment_make_no_wait_end_early_that_says_it_did_not() -> None:
    enough, results = threading.Event(), [0, 0]
    with new_alarm() as alarm, anyio.fail_after(60):

        def wake_often() -> None:
            draw = random.Random(1)
            while not enough.wait(draw.choice((0, 0, 0.0001, 0.001))):
                alarm.wake()

        thread = threading.Thread(target=wake_often)
        thread.start()
        try:
            while min(results) < 20:
                due = host_ns() + 100_000
                in_time = await alarm.until(due)
                assert not in_time or host_ns() >= due
                results[in_time] += 1
                await anyio.lowlevel.checkpoint()
        finally:
            enough.set()
            thread.join()


@pytest.mark.parametrize("close", [_call, anyio.to_thread.run_sync])
async def test_closing_ends_the_wait(close: Callable[[Callable[[], None]], Awaitable[None]]) -> None:
    files = open_files()
    alarm = current_backend().alarm()
    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(close, alarm.close)
            assert await alarm.until(host_ns() + FAR_NS) is False
    alarm.close()
    alarm.wake()
    assert await alarm.until(host_ns() + FAR_NS) is False
    await until_no_more_files_than(files)


async def test_closing_takes_it_from_the_event_loop(kind: str) -> None:
    for _ in range(20):  # The same descriptor again and again.
        files = open_files()
        with new_alarm() as alarm:
            await wait_from_now(alarm, 60_000)
        assert open_files() == files
        await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("drop", [lambda call: call(), in_thread])
async def test_a_dropped_alarm_is_given_back(drop: Callable[[Callable[[], None]], None]) -> None:
    files = open_files()
    alarms = [current_backend().alarm() for _ in range(3)]
    await wait_from_now(alarms[0], 60_000)
    with anyio.move_on_after(0):
        await alarms[1].until(host_ns() + FAR_NS)
    drop(alarms.clear)
    gc.collect()
    await until_no_more_files_than(files)


@pytest.mark.parametrize("drop", [lambda call: call(), in_thread])
def test_it_outlives_its_event_loop(anyio_backend: Any, drop: Callable[[Callable[[], None]], None]) -> None:
    name, options = anyio_backend
    files = open_files()
    alarms: list[Alarm] = []

    async def main() -> None:
        alarms.extend(current_backend().alarm() for _ in range(3))
        await wait_from_now(alarms[0], 60_000)
        with anyio.move_on_after(0):
            await alarms[1].until(host_ns() + FAR_NS)

    anyio.run(main, backend=name, backend_options=options)
    alarms[0].wake()
    drop(alarms[0].close)
    alarms[0].close()
    drop(alarms.clear)
    gc.collect()
    assert open_files() == files


@pytest.mark.parametrize("make_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_debug_mode_finds_nothing(make_loop: Callable[[], Any]) -> None:
    async def main() -> None:
        with new_alarm() as alarm:
            await wait_from_now(alarm, 1 * MS)
            in_thread(alarm.wake)
            assert await alarm.until(host_ns() + FAR_NS) is False
        alarms = [current_backend().alarm()]
        in_thread(alarms.clear)
        gc.collect()
        await asyncio.sleep(0)

    with asyncio.Runner(debug=True, loop_factory=make_loop) as runner:
        runner.run(main())


@pytest.mark.parametrize("make_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_an_end_that_nobody_awaits_is_seen_once(
    make_loop: Callable[[], Any], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[AsyncioTimer] = []
    fired = AsyncioTimer._fired
    monkeypatch.setattr(AsyncioTimer, "_fired", lambda timer: (seen.append(timer), fired(timer)))

    async def main() -> None:
        with new_alarm() as alarm, anyio.fail_after(60):
            with anyio.move_on_after(0):
                await alarm.until(host_ns() + 1 * MS)
            while not seen:  # noqa: ASYNC110
                await asyncio.sleep(0)
            for _ in range(20):
                await asyncio.sleep(0)
            assert len(seen) == 1

    if kind != "pacer":
        with asyncio.Runner(loop_factory=make_loop) as runner:
            runner.run(main())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
async def test_a_fork_leaves_the_alarm_to_its_parent() -> None:
    results: list[bool] = []

    async def wait(alarm: Alarm) -> None:
        results.append(await alarm.until(host_ns() + 20 * MS))

    with new_alarm() as alarm, anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(wait, alarm)
            await anyio.lowlevel.checkpoint()
            await anyio.lowlevel.checkpoint()
            assert in_fork(alarm.close) == 0
        assert results == [True]
        await wait_from_now(alarm, 1 * MS)
