"""Waiting in a task: the interpreter of a wait's steps that lets others run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cl._core import steps
from cl._core.host_clock import host_ns
from cl._core.participant import Participant
from cl._core.steps import Step
from cl._core.work_budget import PORTION_NS
from cl._values.constants import NEVER
from cl._values.no_op import no_op

from .backend import Backend, current_backend
from .owner import hold_in, serve_with
from .threads import close, go_on, join, refuse_reentry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from cl._core.engine import Engine
    from cl._core.participant import Hold
    from cl._core.timebase import PassesOn
    from cl._core.turns import Turns
    from cl._core.virtual import Scheduler

    from .alarm import Alarm

_LONGEST_SLEEP_NS: Final = 100_000_000
"""A device that has gone is noticed by a sleeper within this time."""
_SHORTEST_PARK_S: Final = 0.001
"""The resolution of event loops' timers; anything shorter may come to be a busy loop."""
_ARRIVALS: Final = 3
"""Rounds of the event loop that a newcomer waits, so that tasks started with it register first."""


class Waiter:
    """The waits of one participant on its event loop."""

    __slots__ = (
        "_alarm", "_parker", "_turns", "backend", "engine", "fresh", "participant", "portion", "stopped",
    )  # fmt: skip

    def __init__(self, engine: Engine, participant: Participant) -> None:
        self.engine = engine
        self.participant = participant
        self.backend: Backend = current_backend()
        self._alarm: Alarm | None = None
        self._parker = self.backend.parker()
        participant.in_order = self.backend.in_order
        self.fresh = True
        """Whether tasks that were started with it are to get here first."""
        self.portion = self.backend.portion
        self._turns: Turns
        self.stopped = False
        """Whether events are to be waited for no more."""

    def close(self) -> None:
        """Give back what wakes it."""
        alarm, self._alarm = self._alarm, None
        if alarm is not None:
            alarm.close()

    def passing_on(self) -> PassesOn | None:
        """Return what `Timebase.passing_on` does, where tasks run in the order in which they are woken."""
        passing = self.engine.time.passing_on()
        if passing is None or not self.backend.in_order:
            return None
        passes_on, self._turns = passing
        return passes_on

    def turned(self, before_ns: int) -> Step | None:
        """Take note that the task runs again after a turn of the others; return what `woken` does.

        It had run since `before_ns` when that began.
        """
        portion = self.portion
        # What `Portion.begin` does, here and below without the call: this is done once a tick.
        portion.in_a_row = 0
        portion.since_ns = now = host_ns()
        if not self.participant.served:
            self._turns.in_vain()
            return None
        self._turns.good += 1
        return steps.AGAIN if now - before_ns > PORTION_NS else steps.DONE

    async def checkpoint(self) -> None:
        """Let the other ready tasks run once."""
        await self.backend.checkpoint()
        self.portion.begin()

    def wake(self) -> None:
        """End a wait for events that goes on, from any thread. Locked."""
        participant = self.participant
        participant.served = True
        if participant.parked:
            self._parker.wake()

    def wait(self, deadline: int) -> Coroutine[Any, Any, None]:
        """Return what to await until device time has come to `deadline` and what is before it is given."""
        return self._wait(deadline, self.engine.time.poll)

    def wait_event(self) -> Coroutine[Any, Any, None]:
        """Return what to await until the participant's probe says that there may be something, or woken."""
        return self._wait(NEVER, self.engine.time.poll_event)

    def begin(self, deadline: int, poll: Callable[[Participant], Step]) -> Step:
        """Begin a wait, and return its first step. To be given up where it is interrupted."""
        engine, participant = self.engine, self.participant
        lock, time = engine.lock, engine.time
        if lock.held_here():
            refuse_reentry(engine)
        with lock:
            if engine.failure is not None or engine.closed:
                engine.check()
            participant.blocks = False
            participant.place, participant.parked = self._parker, False
            if time.begin(participant, deadline, self._owner_in, self.fresh):
                return steps.AGAIN
            self.fresh = False
            # A task that may go on is decided about at once: under the same lock.
            return poll(participant) if self.portion.may_go_on() else steps.AGAIN

    async def follow(self, step: Step | None, deadline: int, poll: Callable[[Participant], Step]) -> None:
        """Do what the steps of a wait say, until it is over; None: the next one is to be asked."""
        engine, participant = self.engine, self.participant
        lock = engine.lock
        if self.fresh:
            self.fresh = False
            await self.backend.rounds(_ARRIVALS)
            self.portion.begin()
            with lock:
                engine.time.arrive(participant)
            step = None
        while not self.stopped:
            if step is None:
                with lock:
                    if engine.failure is not None or engine.closed:
                        engine.check()
                    step = poll(participant)
            if step is steps.DONE:
                return
            if step is steps.PARK:
                place = self.place(step)
                if place is not None:
                    await place
                    step = self.woken()
                    continue
                await self._park_for_a_while()
                if participant.served:
                    return
            else:
                await self._follow(step, deadline)
            step = None

    def place(self, step: Step | None) -> Awaitable[Any] | None:
        """Return what to await where a wait parks until it is woken; None where it does not."""
        if step is not steps.PARK or self.participant.pause_s is not None:
            return None
        on_park = self.engine.on_park
        if on_park is not no_op:
            on_park()
        return self._parker.park()

    def woken(self) -> Step | None:
        """Take note that the task runs again; return the next step, None where that has to be asked."""
        participant = self.participant
        portion = self.portion
        portion.in_a_row = 0
        portion.since_ns = now = host_ns()
        if not participant.served:
            return None
        if participant.ahead_ns is not None and now - participant.ahead_ns > PORTION_NS:
            # Woken with others whose bodies took so long that other tasks are to run first.
            return steps.AGAIN
        return steps.DONE

    def done(self) -> None:
        """Take note that a wait has ended well: what runs now is the body that it was for."""
        hold = self.participant.hold
        if hold is not None:
            serve_with(hold)

    def give_up(self) -> None:
        """End a wait that was interrupted."""
        engine = self.engine
        if engine.lock.held_here():
            return  # It was refused: this is in the midst of a change.
        with engine.lock:
            engine.time.give_up(self.participant)
            go_on(engine)

    async def _wait(self, deadline: int, poll: Callable[[Participant], Step]) -> None:
        try:
            step = self.begin(deadline, poll)
            if step is not steps.DONE:
                await self.follow(step, deadline, poll)
        except BaseException:
            self.give_up()
            raise
        if deadline == NEVER:
            self.engine.time.over(self.participant)
        self.done()

    async def _follow(self, step: Step, deadline: int) -> None:
        """Do what the rarer steps say."""
        if step is steps.SLEEP:
            await self._sleep(deadline)
        elif step is steps.ASK:
            assert self.participant.ask is not None
            self.participant.ask()
            if not self.portion.may_go_on():
                await self.checkpoint()
        else:
            await self.checkpoint()

    def _owner_in(self, scheduler: Scheduler) -> tuple[object, Hold | None]:
        """Return the running task, and the hold of the body that runs in this context."""
        return self.backend.task(), hold_in(scheduler)

    async def _park_for_a_while(self) -> None:
        pause = self.participant.pause_s
        assert pause is not None
        self.engine.on_park()
        await self._parker.park_for(max(pause, _SHORTEST_PARK_S))
        self.portion.begin()

    async def _sleep(self, deadline: int) -> None:
        """Sleep until the frames before `deadline` are due, or a while."""
        alarm = self._alarm
        if alarm is None:
            alarm = self._alarm = self.backend.alarm()
        await alarm.until(min(self.engine.time.wake_ns(deadline), host_ns() + _LONGEST_SLEEP_NS))
        self.portion.begin()


async def catch_up(engine: Engine) -> None:
    """Let the history reach the present, in batches: to make all that is missing may take too long."""
    backend = current_backend()
    to = engine.supply.present(engine.now())
    while True:
        with engine.lock:
            engine.check()
            step = engine.supply.reach(to)
            ask = engine.supply.asks(False) if step is steps.ASK else None
        if ask is not None:
            ask()
        elif step is not steps.AGAIN:
            return
        await backend.checkpoint()


async def wait(engine: Engine, participant: Participant, deadline: int, alone: bool | None = None) -> None:
    """Wait until `deadline` as a participant that is there; `alone` is what `Backend.is_alone` has said."""
    waiter = Waiter(engine, participant)
    waiter.fresh = not (waiter.backend.is_alone() if alone is None else alone)
    try:
        await waiter.wait(deadline)
    finally:
        waiter.close()


async def join_and_wait(
    engine: Engine, participant: Participant, deadline: int, alone: bool | None = None
) -> None:
    """Wait until `deadline` as `participant`, which takes part for just this wait. See `wait`."""
    try:
        try:
            join(engine, participant)
            await wait(engine, participant, deadline, alone)
        finally:
            close(engine, participant)
    except BaseException:
        close(engine, participant)  # An interruption may have come just before it was closed.
        raise


async def wait_once(engine: Engine, name: str, kind: int, deadline: int) -> None:
    """Wait until `deadline` as a participant for just this wait."""
    refuse_reentry(engine)
    backend = current_backend()
    alone = backend.is_alone()
    if alone:
        time = engine.time
        with engine.lock:
            engine.check()
            hold = time.pass_alone(name, deadline, lambda scheduler: (backend.task(), hold_in(scheduler)))
        if hold is not None:
            serve_with(hold)
            return
    await join_and_wait(engine, Participant(name, kind), deadline, alone)
