"""The scheduler of virtual time by itself: nobody waits here, nothing takes time."""

from __future__ import annotations

from typing import Any

import pytest
from aio_world import Owner, World
from hypothesis import given, settings
from hypothesis import strategies as st

from cl._core.participant import LOOP, READ, SLEEP, STREAM, Hold, Participant
from cl._core.wakes_ahead import MOST_AHEAD
from cl._core.work_budget import WorkBudget
from cl._values.constants import NEVER


@pytest.fixture
def world() -> World:
    return World()


def test_the_earliest_deadline_is_served_and_holds(world: World) -> None:
    late, early = world.open("late"), world.open("early")
    world.wait(late, 200)
    world.wait(early, 100)
    assert world.run() == ["early"]
    assert world.time.position == 100
    assert world.run() == [], "nobody is served while somebody holds"
    world.wait(early, 300)
    assert world.run() == ["late"]
    assert world.time.position == 200
    assert world.scheduler.holders() == ["late"]


def test_ties_go_by_registration_in_device_time_then_kind_then_period_then_order(world: World) -> None:
    old = world.open("old", SLEEP)
    world.time.position = 10
    participants = [
        world.open("read", READ),
        world.open("sleep", SLEEP),
        world.open("stream", STREAM, 5),
        world.open("finer stream", STREAM, 3),
        world.open("slow loop", LOOP, 250),
        world.open("fast loop", LOOP, 25),
        world.open("fast loop again", LOOP, 25),
    ]
    for participant in (*participants, old):
        world.wait(participant, 100)
    order = []
    while served := world.run():
        order += served
        participant = next(p for p in (*participants, old) if p.name == served[0])
        world.scheduler.unregister(participant)
        participant.owner.ended = True
    assert order == [
        "old", "fast loop", "fast loop again", "slow loop", "finer stream", "stream", "sleep", "read",
    ]  # fmt: skip


@given(
    st.lists(
        st.tuples(st.sampled_from([LOOP, STREAM]), st.integers(1, 40), st.integers(1, 6)),
        min_size=1,
        max_size=6,
    ),
    st.randoms(use_true_random=False),
)
@settings(max_examples=80, deadline=None)
def test_the_order_does_not_depend_on_who_waited_first(
    specification: list[tuple[int, int, int]], rng: Any
) -> None:
    """Parties of different keys, started in any order, are served in one order."""
    distinct = list(dict.fromkeys((kind, period) for kind, period, _ in specification))
    counts = {key: count for *key_, count in specification for key in [tuple(key_)]}

    def run(order: list[tuple[int, int]]) -> list[tuple[str, int]]:
        world = World()
        left = {key: counts[key] for key in distinct}
        participants = {key: world.open(str(key), *key) for key in order}
        for key, participant in participants.items():
            world.wait(participant, key[1])
        log = []
        while served := world.run():
            key = next(k for k, p in participants.items() if p.name == served[0])
            log.append((served[0], world.time.position))
            left[key] -= 1
            if left[key]:
                world.wait(participants[key], world.time.position + key[1])
            else:
                world.scheduler.unregister(participants[key])
        return log

    shuffled = rng.sample(distinct, len(distinct))
    log = run(distinct)
    assert log == run(shuffled)
    assert [position for _, position in log] == sorted(position for _, position in log)
    assert len(log) == sum(counts[key] for key in distinct)


def test_a_participant_waits_for_one_thing_at_a_time(world: World) -> None:
    loop = world.open("loop")
    world.wait(loop, 10, Owner("first"))
    with pytest.raises(RuntimeError, match="loop is waited for already: give each task and thread its own"):
        world.wait(loop, 20, Owner("second"))
    assert world.run() == ["loop"]
    assert world.time.position == 10


def test_no_time_passes_while_a_newcomer_arrives(world: World) -> None:
    first, second = world.open("first"), world.open("second")
    world.wait(first, 10)
    world.scheduler.await_arrivals(first)
    assert world.run() == []
    world.wait(second, 5)
    world.scheduler.await_arrivals(second)
    world.scheduler.arrive(first)
    world.scheduler.arrive(first)
    assert world.run() == []
    world.scheduler.arrive(second)
    assert world.run() == ["second"]
    third = world.open("third")
    world.wait(third, 20)
    world.scheduler.await_arrivals(third)
    world.scheduler.unregister(third)
    world.wait(second, 30)
    assert world.run() == ["first"], "one that was cancelled while it arrived stops nobody"


def test_a_probe_is_asked_anew_until_it_has_come(world: World) -> None:
    bounds = iter([10, 20, 31, 31])
    stream = world.open("stream", STREAM, probe=lambda: next(bounds))
    world.wait(stream, 0)
    assert world.run() == ["stream"]
    assert world.time.moves == [10, 20, 31]


def test_what_never_comes_moves_nothing(world: World) -> None:
    stream = world.open("stream", STREAM, probe=lambda: NEVER)
    world.wait(stream, 0)
    assert world.run() == []
    assert world.time.moves == []


def test_a_device_that_pushes_is_asked_once_and_waited_for() -> None:
    world = World(pushes=True)
    loop = world.open("loop")
    world.wait(loop, 100)
    assert world.run() == []
    assert world.run() == []
    assert world.time.moves == [100]
    world.time.position = 60
    world.scheduler.moved()
    assert world.run() == []
    assert world.time.moves == [100, 100]
    world.time.position = 100
    world.scheduler.moved()
    assert world.run() == ["loop"]


def test_work_is_done_in_portions(world: World) -> None:
    world.budget.frames = 100
    loop = world.open("loop")
    world.wait(loop, 250)
    assert not world.scheduler.dispatch(world.budget)
    assert (world.time.position, world.served) == (100, [])
    world.run()
    assert world.time.position == 250
    assert world.served == ["loop"]


def test_a_single_participant_that_holds_moves_time_by_itself(world: World) -> None:
    loop = world.open("loop")
    world.wait(loop, 10)
    world.run()
    assert world.scheduler.solo is loop
    world.open("other")
    assert world.scheduler.solo is None
    world.wait(loop, 20)
    world.run()
    assert world.scheduler.solo is None
    hold = Hold(object(), "hold", transient=False)
    world.scheduler.take(hold)
    assert world.scheduler.solo is None


def test_everybody_is_woken_when_the_device_is_gone(world: World) -> None:
    first, second = world.open("first"), world.open("second")
    world.wait(first, 10)
    world.wait(second, 20)
    world.scheduler.release(list(world.scheduler.waiting()), "the device")
    assert sorted(world.served) == ["first", "second"]
    assert not first.served
    assert world.scheduler.waiting() == []


class Clock:
    """A clock that goes by itself as work is done."""

    def __init__(self) -> None:
        self.ns = 0

    def __call__(self) -> int:
        return self.ns


@given(st.integers(1, 200_000))
@settings(max_examples=60, deadline=None)
def test_portions_come_to_take_half_a_millisecond(ns_per_frame: int) -> None:
    clock = Clock()
    budget = WorkBudget(clock)
    for _ in range(12):
        frames = budget.begin()
        over = False
        while not over:
            clock.ns += frames * ns_per_frame
            over = budget.over(frames)
    frames = budget.begin()
    took = frames * ns_per_frame
    assert took <= 500_000 or frames == 25, "never above it, but for the least portion"
    assert took >= 62_500 or frames == 10_000


def test_a_portion_of_many_small_steps_ends_in_time() -> None:
    clock = Clock()
    budget = WorkBudget(clock)
    budget.begin()
    steps = 0
    while True:
        steps += 1
        clock.ns += 150_000
        if budget.over(1):
            break
    assert steps == 4


def _forty_due_together(world: World) -> list[Participant]:
    participants = [world.open(f"{number}") for number in range(40)]
    for participant in reversed(participants):
        participant.in_order = True
        world.wait(participant, 100)
    return participants


def test_those_that_are_due_together_are_woken_together_and_served_one_by_one(world: World) -> None:
    participants = _forty_due_together(world)
    names = [participant.name for participant in participants]
    woken = world.run()
    assert woken == names[: 1 + MOST_AHEAD]
    for number, participant in enumerate(participants[:-1]):
        assert [p.name for p in participants if p.served] == [str(number)]
        world.wait(participant, 200)
        woken += world.run()
        assert len(woken) == min(40, 1 + MOST_AHEAD * (1 + (number + 1) // MOST_AHEAD))
    assert woken == names


def test_where_those_that_are_woken_ahead_are_not_served_by_then_nobody_is_for_a_while(world: World) -> None:
    participants = _forty_due_together(world)
    for _ in range(22):
        world.scheduler.in_vain()
    assert world.run() == ["0"]
    for number, participant in enumerate(participants):
        world.wait(participant, 200)
        assert world.run() == [str((number + 1) % 40)]
