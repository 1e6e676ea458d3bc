"""Tasks that wait for each other by turns of their event loop: when they do, and that nobody sees it."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import pytest

import cl
from cl._core.due_times import DueTimes
from cl._core.participant import LOOP, Participant
from cl._core.turns import MOST_TURNING, Turns

pytestmark = pytest.mark.usefixtures("accelerated")
TICKS = 60
TOO_MANY = MOST_TURNING + 2  # besides the one that is served


async def in_turn(loops: int, rests: bool) -> tuple[list[tuple[int, int]], int]:
    """Return who was served when, in order, and how many ticks came by a turn; with `rests` bodies await."""
    served: list[tuple[int, int]] = []

    async def one(neurons: cl.Neurons, number: int) -> None:
        async for tick in neurons.aloop(100, stop_after_ticks=TICKS):
            served.append((tick.iteration_timestamp, number))
            if rests and (number + tick.iteration) % 3 == 0:
                await anyio.lowlevel.checkpoint()

    async with cl.aopen() as neurons:
        async with anyio.create_task_group() as group:
            with neurons.hold("starting"):
                for number in range(loops):
                    group.start_soon(one, neurons, number)
                for _ in range(3):
                    await anyio.lowlevel.checkpoint()
        turns: Turns = neurons._engine.time.scheduler.turns  # type: ignore[attr-defined]
        return served, turns.good


def expected(served: list[tuple[int, int]], loops: int) -> list[tuple[int, int]]:
    """Return the order of service by the rules: by time, then by registration, as in the first tick."""
    times = sorted({timestamp for timestamp, _ in served})
    registered = [number for _, number in served[:loops]]
    assert sorted(registered) == [*range(loops)]
    return [(timestamp, number) for timestamp in times for number in registered]


@pytest.mark.anyio
@pytest.mark.parametrize("loops", [2, 10, TOO_MANY])
@pytest.mark.parametrize("rests", [False, True])
async def test_loops_are_served_in_order_by_turns_and_without(loops: int, rests: bool) -> None:
    served, _ = await in_turn(loops, rests)
    assert len(served) == loops * TICKS
    assert served == expected(served, loops)


@pytest.mark.usefixtures("standing_host_clock")
def test_loops_of_one_event_loop_wait_by_turns() -> None:
    _, by_turns = asyncio.run(in_turn(10, rests=False))
    assert by_turns > 0.8 * 10 * TICKS


@pytest.mark.usefixtures("standing_host_clock")
def test_loops_whose_bodies_await_park_instead() -> None:
    _, by_turns = asyncio.run(in_turn(10, rests=True))
    assert by_turns < 0.2 * 10 * TICKS


@pytest.mark.usefixtures("standing_host_clock")
def test_more_loops_than_may_go_round_park() -> None:
    _, by_turns = asyncio.run(in_turn(TOO_MANY, rests=False))
    assert by_turns == 0


def test_turns_that_are_in_vain_are_tried_less_and_less() -> None:
    turns = Turns()

    def moves_until_likely() -> int:
        moves = 0
        while not turns.likely:
            turns.time_has_moved(MOST_TURNING)
            moves += 1
        return moves

    rests = []
    for _ in range(9):
        rests.append(moves_until_likely())
        turns.in_vain()
    assert rests == [2, 4, 8, 16, 32, 64, 128, 256, 256]
    moves_until_likely()
    turns.good = 1_000
    turns.in_vain()
    assert moves_until_likely() == 2


def test_a_task_that_is_cancelled_in_its_turn_leaves_the_others_theirs() -> None:
    async def program() -> list[int]:
        counts = [0, 0, 0]

        async def one(neurons: cl.Neurons, number: int) -> None:
            async for tick in neurons.aloop(100, stop_after_ticks=TICKS):
                counts[number] = tick.iteration + 1
                if number == 0 and tick.iteration == 30:
                    tasks[1].cancel()  # It waits by a turn.

        async with cl.aopen() as neurons:
            tasks: list[asyncio.Task[Any]] = []
            with neurons.hold("starting"):
                tasks.extend(asyncio.create_task(one(neurons, number)) for number in range(3))
                await asyncio.sleep(0)
            await asyncio.wait(tasks)
            assert [task.cancelled() for task in tasks] == [False, True, False]
        return counts

    assert asyncio.run(program()) == [TICKS, 30, TICKS]


@pytest.mark.usefixtures("standing_host_clock")
def test_a_loop_that_is_served_again_and_again_lets_other_tasks_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Turns, "time_has_moved", lambda self, waiting: None)  # No turns.

    async def program() -> tuple[int, int]:
        others = slow = 0

        async def other() -> None:
            nonlocal others
            while not fast.done():
                others += 1
                await asyncio.sleep(0)

        async def slowly(neurons: cl.Neurons) -> None:
            nonlocal slow
            async for _ in neurons.aloop(1, stop_after_ticks=10):
                slow += 1

        async def quickly(neurons: cl.Neurons) -> None:
            async for _ in neurons.aloop(1000, stop_after_ticks=TICKS * 10):
                pass

        async with cl.aopen() as neurons:
            fast = asyncio.create_task(quickly(neurons))
            slower = asyncio.create_task(slowly(neurons))
            await other()
            slower.cancel()
            await asyncio.wait([slower])
        return others, slow

    others, slow = asyncio.run(program())
    assert slow == 0
    assert others >= TICKS * 10 / 16


def test_of_those_taken_out_together_none_comes_before_one_that_is_due_earlier() -> None:
    due_times = DueTimes()
    first, second, earlier = (Participant(name, LOOP, 250) for name in ("first", "second", "earlier"))
    for number, participant in enumerate((first, second, earlier)):
        participant.rank(0, 0, number)
    due_times.add(first, 10)
    due_times.add(second, 10)
    assert due_times.gather(10)
    assert due_times.taken_out() is first
    due_times.add(earlier, 5)
    assert due_times.taken_out() is None
    assert due_times.first(10) == (earlier, 5)
    due_times.remove(earlier)
    due_times.remove(first)
    due_times.first(10)
    assert due_times.taken_out() is second
