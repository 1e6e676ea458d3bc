"""The scheduler of virtual time by itself: nobody waits here, nothing takes time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cl._core.constants import NEVER
from cl._core.pace import Pace
from cl._core.schedule import LOOP, READ, SLEEP, STREAM, Hold, Party, Scheduler


class Owner:
    """Stands for a task."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ended = False

    def __repr__(self) -> str:
        return self.name


class Time:
    """Stands for the engine: moves at once, or, for a device that pushes, when told so."""

    def __init__(self, pushes: bool = False) -> None:
        self.position = 0
        self.pushes = pushes
        self.asked = 0
        self.moves: list[int] = []

    def move(self, to: int) -> bool:
        self.moves.append(to)
        if self.pushes:
            self.asked = to
            return False
        self.position = to
        return True


class World:
    """A scheduler with what it needs, and the order in which it served."""

    def __init__(self, pushes: bool = False) -> None:
        self.time = Time(pushes)
        self.scheduler = Scheduler(self.time, lambda owner: getattr(owner, "ended", False))
        self.served: list[str] = []
        self.pace = Pace(lambda: 0)
        self.pace.frames = 10_000

    def open(self, name: str, kind: int = LOOP, period: int = 0, **more: Any) -> Party:
        party = Party(name, kind, period, **more)
        self.scheduler.register(party)
        return party

    def wait(self, party: Party, deadline: int, owner: Any = None, inherited: Hold | None = None) -> None:
        """Begin a wait, by an owner named like the party if none is given."""
        if owner is None:
            owner = party.owner or Owner(party.name)
        self.scheduler.begin(party, deadline, owner, inherited)
        party.wake = lambda: self.served.append(party.name)

    def run(self) -> list[str]:
        """Dispatch until nothing moves; return who was served."""
        before = len(self.served)
        while not self.scheduler.dispatch(self.pace):
            pass
        return self.served[before:]


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
    parties = [
        world.open("read", READ),
        world.open("sleep", SLEEP),
        world.open("stream", STREAM, 5),
        world.open("finer stream", STREAM, 3),
        world.open("slow loop", LOOP, 250),
        world.open("fast loop", LOOP, 25),
        world.open("fast loop again", LOOP, 25),
    ]
    for party in (*parties, old):
        world.wait(party, 100)
    order = []
    while served := world.run():
        order += served
        party = next(p for p in (*parties, old) if p.name == served[0])
        world.scheduler.unregister(party)
        party.owner.ended = True
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
        parties = {key: world.open(str(key), *key) for key in order}
        for key, party in parties.items():
            world.wait(party, key[1])
        log = []
        while served := world.run():
            key = next(k for k, p in parties.items() if p.name == served[0])
            log.append((served[0], world.time.position))
            left[key] -= 1
            if left[key]:
                world.wait(parties[key], world.time.position + key[1])
            else:
                world.scheduler.unregister(parties[key])
        return log

    shuffled = rng.sample(distinct, len(distinct))
    log = run(distinct)
    assert log == run(shuffled)
    assert [position for _, position in log] == sorted(position for _, position in log)
    assert len(log) == sum(counts[key] for key in distinct)


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


def test_a_participant_waits_for_one_thing_at_a_time(world: World) -> None:
    loop = world.open("loop")
    world.wait(loop, 10, Owner("first"))
    with pytest.raises(RuntimeError, match="loop is waited for already: give each task and thread its own"):
        world.wait(loop, 20, Owner("second"))
    assert world.run() == ["loop"]
    assert world.time.position == 10


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
    body = world.scheduler.hold_of(loop)
    child, inherited = Owner("child"), body
    for i in range(3):
        read = world.open(f"read {i}", READ)
        world.wait(read, 11, child, inherited)
        assert world.run() == [f"read {i}"]
        world.scheduler.unregister(read)
        inherited = world.scheduler.hold_of(read)
        assert world.scheduler.holders() == ["loop"], "the body's hold covers the work; it is back"
    world.wait(loop, 20)
    assert world.run() == ["other"]


def test_work_for_work_for_a_body(world: World) -> None:
    loop, other = world.open("loop"), world.open("other")
    world.wait(loop, 10)
    world.wait(other, 20)
    world.run()
    first = world.open("first", SLEEP)
    world.wait(first, 11, Owner("child"), world.scheduler.hold_of(loop))
    world.run()
    second = world.open("second", READ)
    world.wait(second, 25, Owner("grandchild"), world.scheduler.hold_of(first))
    assert world.run() == ["other"], "all of them wait, down to the body"
    world.wait(other, 50)
    assert world.run() == ["second"]
    assert world.scheduler.holders() == ["loop"]


def test_what_outlives_the_body_is_on_its_own(world: World) -> None:
    loop, background = world.open("loop"), world.open("background", STREAM)
    world.wait(loop, 10)
    world.run()
    body = world.scheduler.hold_of(loop)
    world.wait(loop, 20)
    world.wait(background, 15, Owner("task"), body)
    assert world.run() == ["background"]
    assert world.scheduler.holders() == ["background"]
    assert world.run() == []
    world.wait(background, 30, inherited=world.scheduler.hold_of(background))
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
    world.wait(child, 20, Owner("child"), world.scheduler.hold_of(loop))
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


def test_time_stops_before_somebody_who_must_miss_nothing_would(world: World) -> None:
    stream = Party("stream", STREAM)
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
    world.pace.frames = 100
    loop = world.open("loop")
    world.wait(loop, 250)
    assert not world.scheduler.dispatch(world.pace)
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
    world.scheduler.release_all()
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
def test_portions_come_to_take_a_millisecond(ns_per_frame: int) -> None:
    clock = Clock()
    pace = Pace(clock)
    for _ in range(12):
        frames = pace.begin()
        over = False
        while not over:
            clock.ns += frames * ns_per_frame
            over = pace.over(frames)
    frames = pace.begin()
    took = frames * ns_per_frame
    assert took <= 1_000_000 or frames == 25, "never above a millisecond, but for the least portion"
    assert took >= 125_000 or frames == 10_000


def test_a_portion_of_many_small_steps_ends_in_time() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.begin()
    steps = 0
    while True:
        steps += 1
        clock.ns += 300_000
        if pace.over(1):
            break
    assert steps == 4


def test_a_body_holds_again_when_none_of_its_workers_waits(world: World) -> None:
    loop, other = world.open("loop"), world.open("other")
    world.wait(loop, 10)
    world.wait(other, 100)
    world.run()
    body = world.scheduler.hold_of(loop)
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
    world.wait(child, 20, Owner("child"), world.scheduler.hold_of(sleeper))
    assert world.run() == ["child"]
    assert world.scheduler.holders() == ["sleeper"]
    stranger = world.open("stranger")
    world.wait(stranger, 30)
    assert world.run() == ["stranger"]
