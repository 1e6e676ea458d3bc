"""What an alarm decides: how long its timer runs, and when a wait is over. Nothing here takes time."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from cl._wait.alarm import Alarm

LEAD_NS = 50_000


class Parked:
    """Suspends a task until the test sends it on."""

    def __await__(self) -> Iterator[Parked]:
        yield self


class World:
    """A clock and a timer that go on when told, and what was asked of them."""

    def __init__(self) -> None:
        self.now = 1_000_000
        self.started: list[int] = []
        self.turns = self.ends = self.closes = 0
        self.at_start: Callable[[], Any] = lambda: None

    def start(self, ns: int) -> None:
        self.started.append(ns)
        self.at_start()

    def ended(self) -> Awaitable[Any]:
        return Parked()

    def end(self) -> None:
        self.ends += 1

    def close(self) -> None:
        self.closes += 1

    async def checkpoint(self) -> None:
        self.turns += 1
        await Parked()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    monkeypatch.setattr("cl._wait.alarm.host_ns", lambda: world.now)
    return world


class Wait:
    """A wait that is driven by hand."""

    def __init__(self, alarm: Alarm, due_ns: int) -> None:
        self._coroutine = alarm.until(due_ns)
        self.result: bool | None = None

    def go_on(self) -> bool | None:
        """Run until it waits, or return its result."""
        try:
            self._coroutine.send(None)
        except StopIteration as end:
            self.result = end.value
        return self.result


def test_the_timer_ends_before_the_time_and_the_rest_passes_in_turns(world: World) -> None:
    alarm = Alarm(world, world.checkpoint)
    wait = Wait(alarm, world.now + 1_000_000)
    assert wait.go_on() is None
    assert world.started == [1_000_000 - LEAD_NS]
    world.now += 1_000_000 - LEAD_NS
    for turns in range(1, 6):
        assert wait.go_on() is None
        assert world.turns == turns
        world.now += LEAD_NS // 5
    assert wait.go_on() is True
    assert len(world.started) == 1


def test_a_time_that_has_come_is_not_waited_for(world: World) -> None:
    alarm = Alarm(world, world.checkpoint)
    assert Wait(alarm, world.now).go_on() is True
    assert Wait(alarm, -1).go_on() is True
    assert (world.started, world.turns) == ([], 0)


def test_a_timer_that_ends_too_early_is_started_again(world: World) -> None:
    alarm = Alarm(world, world.checkpoint)
    wait = Wait(alarm, world.now + 1_000_000)
    for left in (1_000_000, 700_000, 100_000):
        assert wait.go_on() is None
        assert world.started[-1] == left - LEAD_NS
        world.now += {1_000_000: 300_000, 700_000: 600_000, 100_000: 100_000}[left]
    assert wait.go_on() is True
    assert world.turns == 0


def test_a_time_that_no_timer_can_hold_is_waited_for_in_parts(world: World) -> None:
    wait = Wait(Alarm(world, world.checkpoint), 2**63 - 1)
    assert wait.go_on() is None
    world.now += world.started[0]
    assert wait.go_on() is None
    assert world.started == [10**15, 10**15]


def test_a_wake_ends_the_wait_that_goes_on_and_no_other(world: World) -> None:
    alarm = Alarm(world, world.checkpoint)
    wait = Wait(alarm, world.now + 1_000_000)
    wait.go_on()
    alarm.wake()
    assert world.ends == 1
    assert wait.go_on() is False
    assert Wait(alarm, world.now + 1_000_000).go_on() is None


def test_a_wake_is_remembered_for_the_next_wait(world: World) -> None:
    alarm = Alarm(world, world.checkpoint)
    alarm.wake()
    alarm.wake()
    assert Wait(alarm, world.now + 1_000_000).go_on() is False
    assert world.started == []
    assert Wait(alarm, world.now + 1_000_000).go_on() is None


@pytest.mark.parametrize("what", ["wake", "close"])
def test_what_another_thread_does_while_the_timer_is_started_is_not_lost(world: World, what: str) -> None:
    # The timer is started after that was done, and would run until its time.
    alarm = Alarm(world, world.checkpoint)
    world.at_start = getattr(alarm, what)
    assert Wait(alarm, world.now + 1_000_000).go_on() is False


def test_a_wake_in_the_last_moment_ends_the_turns(world: World) -> None:
    alarm = Alarm(world, world.checkpoint)
    wait = Wait(alarm, world.now + LEAD_NS)
    assert wait.go_on() is None
    assert (world.started, world.turns) == ([], 1)
    alarm.wake()
    assert wait.go_on() is False


def test_a_closed_alarm_closes_its_timer_once_and_does_not_wait(world: World) -> None:
    alarm = Alarm(world, world.checkpoint)
    wait = Wait(alarm, world.now + 1_000_000)
    wait.go_on()
    alarm.close()
    alarm.close()
    assert world.closes == 1
    assert wait.go_on() is False
    alarm.wake()
    assert world.ends == 0
    for _ in range(2):
        assert Wait(alarm, world.now + 1_000_000).go_on() is False


def test_an_alarm_that_is_dropped_closes_its_timer(world: World) -> None:
    alarm = Alarm(world, world.checkpoint)
    del alarm
    gc.collect()
    assert world.closes == 1
