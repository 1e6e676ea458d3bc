"""Who holds virtual time, and until when: the scheduler by itself."""

from __future__ import annotations

import pytest
from aio_world import Owner, World

from cl._core.participant import READ, SLEEP, STREAM, Hold, Participant


@pytest.fixture
def world() -> World:
    return World()


def test_a_hold_ends_with_the_owner(world: World) -> None:
    sleeper, loop = world.open("sleeper", SLEEP), world.open("loop")
    world.wait(sleeper, 10)
    world.wait(loop, 20)
    assert world.run() == ["sleeper"]
    assert world.scheduler.holding()
    sleeper.owner.ended = True
    assert world.scheduler.holders() == []
    assert world.run() == ["loop"]


def test_closing_a_durable_participant_frees_what_its_owner_holds(world: World) -> None:
    loop, other = world.open("loop"), world.open("other")
    world.wait(loop, 10)
    world.wait(other, 20)
    assert world.run() == ["loop"]
    world.scheduler.unregister(loop)
    assert world.run() == ["other"]


def test_closing_one_of_two_participants_of_an_owner_frees_nothing(world: World) -> None:
    task = Owner("task")
    loop, stream, other = world.open("loop"), world.open("stream", STREAM), world.open("other")
    world.wait(other, 20)
    world.wait(stream, 5, task)
    world.run()
    world.wait(loop, 10, task)
    assert world.run() == ["loop"]
    world.scheduler.unregister(stream)
    assert world.run() == []
    world.scheduler.unregister(loop)
    assert world.run() == ["other"]


def test_a_participant_may_be_handed_over(world: World) -> None:
    loop, other = world.open("loop"), world.open("other")
    first, second = Owner("first"), Owner("second")
    world.wait(loop, 10, first)
    world.wait(other, 15)
    assert world.run() == ["loop"]
    world.wait(loop, 20, second)
    assert world.run() == ["other"], "it waits, so nobody holds for it"
    world.wait(other, 100)
    assert world.run() == ["loop"]
    stream = world.open("stream", STREAM)
    world.wait(stream, 25, second)
    assert world.run() == ["stream"]
    world.wait(loop, 30, first)
    assert world.run() == [], "who has another participant holds for that"
    world.wait(stream, 200, second)
    assert world.run() == ["loop"]


def test_a_newcomer_ends_the_holds_of_single_waits_only(world: World) -> None:
    sleeper, loop = world.open("sleeper", SLEEP), world.open("loop")
    world.wait(sleeper, 10)
    world.wait(loop, 10)
    assert world.run() == ["loop"]
    world.wait(loop, 40)
    assert world.run() == ["sleeper"]
    newcomer = world.open("newcomer")
    world.wait(newcomer, 30)
    assert world.run() == ["newcomer"], "the sleeper may be waiting for it"
    another = world.open("another")
    world.wait(another, 35)
    assert world.run() == [], "a loop's hold is not ended by newcomers"


def test_a_sleep_in_a_loops_body_holds_as_the_loop_does(world: World) -> None:
    task = Owner("task")
    loop, sleep = world.open("loop"), world.open("sleep", SLEEP)
    world.wait(loop, 10, task)
    world.run()
    world.wait(sleep, 15, task)
    assert world.run() == ["sleep"]
    newcomer = world.open("newcomer")
    world.wait(newcomer, 30)
    assert world.run() == []


def test_a_body_waits_while_somebody_works_for_it(world: World) -> None:
    loop, other = world.open("loop"), world.open("other")
    world.wait(loop, 10)
    world.wait(other, 12)
    world.run()
    body = world.hold_of(loop)
    child, inherited = Owner("child"), body
    for i in range(3):
        read = world.open(f"read {i}", READ)
        world.wait(read, 11, child, inherited)
        assert world.run() == [f"read {i}"]
        world.scheduler.unregister(read)
        inherited = world.hold_of(read)
        assert world.scheduler.holders() == ["loop"], "the body's hold covers the work; it is back"
    world.wait(loop, 20)
    assert world.run() == ["other"]


def test_work_for_work_for_a_body(world: World) -> None:
    loop, other = world.open("loop"), world.open("other")
    world.wait(loop, 10)
    world.wait(other, 20)
    world.run()
    first = world.open("first", SLEEP)
    world.wait(first, 11, Owner("child"), world.hold_of(loop))
    world.run()
    second = world.open("second", READ)
    world.wait(second, 25, Owner("grandchild"), world.hold_of(first))
    assert world.run() == ["other"], "all of them wait, down to the body"
    world.wait(other, 50)
    assert world.run() == ["second"]
    assert world.scheduler.holders() == ["loop"]


def test_what_outlives_the_body_is_on_its_own(world: World) -> None:
    loop, background = world.open("loop"), world.open("background", STREAM)
    world.wait(loop, 10)
    world.run()
    body = world.hold_of(loop)
    world.wait(loop, 20)
    world.wait(background, 15, Owner("task"), body)
    assert world.run() == ["background"]
    assert world.scheduler.holders() == ["background"]
    assert world.run() == []
    world.wait(background, 30, inherited=world.hold_of(background))
    assert world.run() == ["loop"]


def test_a_wait_that_is_given_up_leaves_the_holds_as_they_were(world: World) -> None:
    loop, other = world.open("loop"), world.open("other")
    world.wait(loop, 10)
    world.wait(other, 50)
    world.run()
    read = world.open("read", READ)
    world.wait(read, 20, loop.owner)
    assert world.scheduler.holders() == []
    world.scheduler.withdraw(read)
    world.scheduler.unregister(read)
    assert world.scheduler.holders() == ["loop"], "the body goes on, and holds"
    assert world.run() == []

    child = world.open("child", READ)
    world.wait(child, 20, Owner("child"), world.hold_of(loop))
    world.scheduler.unregister(child)
    assert world.scheduler.holders() == ["loop"]
    world.wait(loop, 60)
    assert world.run() == ["other"]


def test_an_explicit_hold_stops_everybody_until_it_is_given_back(world: World) -> None:
    loop = world.open("loop")
    world.wait(loop, 10)
    hold = Hold(object(), "a thread's work", transient=False)
    world.scheduler.take(hold)
    assert world.run() == []
    newcomer = world.open("newcomer")
    world.wait(newcomer, 5)
    assert world.run() == []
    assert world.scheduler.holders() == ["a thread's work"]
    world.scheduler.give_back(hold)
    assert world.run() == ["newcomer"]


def test_time_stops_before_somebody_who_must_miss_nothing_would(world: World) -> None:
    stream = Participant("stream", STREAM)
    stream.horizon = lambda: 150
    world.scheduler.register(stream)
    loop = world.open("loop")
    for due in (100, 200):
        world.wait(loop, due)
        world.run()
    assert world.time.position == 150
    assert world.served == ["loop"]
    assert world.scheduler.holders() == ["stream"]
    world.wait(stream, 120)
    assert world.run() == ["stream"]
    world.wait(stream, 300)
    assert world.run() == ["loop"]
    world.scheduler.unregister(stream)
    world.wait(loop, 400)
    assert world.run() == ["loop"]


def test_a_body_holds_again_when_none_of_its_workers_waits(world: World) -> None:
    loop, other = world.open("loop"), world.open("other")
    world.wait(loop, 10)
    world.wait(other, 100)
    world.run()
    body = world.hold_of(loop)
    first, second = world.open("first", SLEEP), world.open("second", SLEEP)
    world.wait(first, 20, Owner("a"), body)
    world.wait(second, 30, Owner("b"), body)
    assert world.run() == ["first"]
    assert world.scheduler.holders() == ["first"], "the body does not count while the second one waits"
    assert world.run() == []
    assert world.scheduler.may_end_silently()
    first.owner.ended = True
    assert world.run() == ["second"]
    assert world.scheduler.holders() == ["loop"]
    assert not world.scheduler.may_end_silently()


def test_a_newcomer_that_works_for_somebody_ends_no_holds(world: World) -> None:
    sleeper, bystander, loop = (
        world.open("sleeper", SLEEP),
        world.open("bystander", SLEEP),
        world.open("loop"),
    )
    world.wait(bystander, 5)
    world.wait(sleeper, 10)
    world.wait(loop, 100)
    assert world.run() == ["bystander"]
    bystander.owner.ended = True
    assert world.run() == ["sleeper"]
    child = world.open("child", SLEEP)
    world.wait(child, 20, Owner("child"), world.hold_of(sleeper))
    assert world.run() == ["child"]
    assert world.scheduler.holders() == ["sleeper"]
    stranger = world.open("stranger")
    world.wait(stranger, 30)
    assert world.run() == ["stranger"]
