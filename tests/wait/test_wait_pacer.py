"""The thread that wakes tasks where an event loop can watch no timer."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Iterator
from typing import Any

import anyio
import pytest
from alarm_tools import FAR_NS, in_fork, join_pacers, pacers, use_calls
from leak_tools import open_files

from cl._core.host_clock import host_ns
from cl._wait import pacer
from cl._wait.alarm import Alarm
from cl._wait.backend import current_backend
from cl._wait.timerfd import TimerfdCalls, timerfd_calls

pytestmark = pytest.mark.anyio

MS = 1_000_000


@pytest.fixture(autouse=True)
def _paced(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    use_calls(None, monkeypatch)
    yield
    join_pacers()


async def check_that_it_wakes(alarm: Alarm) -> None:
    due = host_ns() + 1 * MS
    assert await alarm.until(due) is True
    assert host_ns() >= due


async def test_the_thread_runs_while_an_alarm_is_open() -> None:
    assert pacers() == []
    first, second = current_backend().alarm(), current_backend().alarm()
    (thread,) = pacers()
    await check_that_it_wakes(first)
    first.close()
    await check_that_it_wakes(second)
    assert pacers() == [thread]
    second.close()
    thread.join(30)
    assert not thread.is_alive()


async def test_it_comes_back_when_wanted_again() -> None:
    for _ in range(10):
        alarm = current_backend().alarm()
        await check_that_it_wakes(alarm)
        alarm.close()


async def test_an_earlier_time_that_is_set_later_is_kept() -> None:
    alarms = [current_backend().alarm() for _ in range(3)]
    async with anyio.create_task_group() as group:
        for alarm in alarms[1:]:
            group.start_soon(alarm.until, host_ns() + FAR_NS)
        await check_that_it_wakes(alarms[0])
        for alarm in alarms:
            alarm.close()


async def test_where_timeouts_are_coarse_the_thread_naps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cl._wait.pacer._COARSE_NS", 20 * MS)
    alarm = current_backend().alarm()
    for ns in (1 * MS, 22 * MS):
        due = host_ns() + ns
        assert await alarm.until(due) is True
        assert host_ns() >= due
    alarm.close()


def test_event_loops_of_several_threads_share_it() -> None:
    together, seen = threading.Barrier(3), []

    async def main() -> None:
        alarm = current_backend().alarm()
        together.wait(30)
        seen.append(pacers())
        for _ in range(5):
            await check_that_it_wakes(alarm)
        together.wait(30)
        alarm.close()

    threads = [threading.Thread(target=lambda: asyncio.run(main())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(seen) == 3
    assert len({id(thread) for threads in seen for thread in threads}) == 1


def test_a_loop_that_cannot_watch_descriptors_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    use_calls(timerfd_calls(), monkeypatch)
    files = open_files()

    class Blind(asyncio.SelectorEventLoop):
        def add_reader(self, fd: Any, callback: Any, *args: Any) -> None:
            raise NotImplementedError

    async def main() -> None:
        alarm = current_backend().alarm()
        assert len(pacers()) == 1
        await check_that_it_wakes(alarm)
        alarm.close()

    with asyncio.Runner(loop_factory=Blind) as runner:
        runner.run(main())
    assert open_files() == files


async def test_a_process_without_descriptors_left_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def create() -> int:
        raise OSError(errno.EMFILE, "too many open files")

    use_calls(TimerfdCalls(create, lambda number, ns: None), monkeypatch)
    alarm = current_backend().alarm()
    await check_that_it_wakes(alarm)
    assert len(pacers()) == 1
    alarm.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
async def test_a_fork_closes_an_alarm_whatever_its_parent_did_at_that_moment() -> None:
    alarm = current_backend().alarm()
    held, forked = threading.Event(), threading.Event()

    def hold() -> None:
        with pacer._pacers[os.getpid()]._lock:
            held.set()
            forked.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    try:
        assert in_fork(alarm.close) == 0
    finally:
        forked.set()
        thread.join()
    alarm.close()
