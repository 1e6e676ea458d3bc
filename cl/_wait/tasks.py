"""Waiting in a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cl._core.host_clock import host_ns
from cl._core.virtual import Participant

from .backend import Backend, current_backend
from .owner import current_owner, serving
from .threads import advance_a_portion, close, go_on

if TYPE_CHECKING:
    from cl._core.engine import Engine

_LONGEST_SLEEP_S: Final = 0.1
_TIMER_SLACK_S: Final = 0.0015
"""Event loops wake a millisecond late at worst (their timers have its resolution); the rest is napped."""
_NAP_NS: Final = 200_000
_YIELD_NS: Final = 500_000
"""A task that is served again and again lets others run this often."""
_YIELD_WAITS: Final = 16
_LOOK_AGAIN_S: Final = 0.0005
_LOOK_AGAIN_MAX_S: Final = 0.02
"""Whether a task that holds time has ended is looked at after a moment, then after twice as long ..."""
_ARRIVALS: Final = 3
"""Rounds of the event loop that a newcomer waits, so that tasks started with it register first."""


class Waiter:
    """The waits of one participant on its event loop."""

    __slots__ = (
        "_backend", "_fresh", "_look_again_s", "_served_in_a_row", "_yielded_ns", "engine", "participant",
    )  # fmt: skip

    def __init__(self, engine: Engine, participant: Participant) -> None:
        self.engine = engine
        self.participant = participant
        self._backend: Backend = current_backend()
        self._fresh = True
        self._look_again_s = _LOOK_AGAIN_S
        self._served_in_a_row = 0
        self._yielded_ns = host_ns()

    def may_go_on(self) -> bool:
        """Return whether the task may go on without letting others run first."""
        self._served_in_a_row += 1
        return self._served_in_a_row < _YIELD_WAITS and host_ns() - self._yielded_ns < _YIELD_NS

    async def wait(self, deadline: int) -> None:
        """Wait until device time has come to `deadline` and everything before it is given."""
        engine = self.engine
        if engine.clock is None:
            await self._wait_virtual(deadline)
        elif engine.device.info.pushes:
            await self._wait_arrival(deadline)
        else:
            await self._wait_wall(deadline)

    async def checkpoint(self) -> None:
        """Let the other ready tasks run once."""
        self._served_in_a_row = 0
        await self._backend.checkpoint()
        self._yielded_ns = host_ns()

    async def _until(self, deadline: int) -> None:
        clock = self.engine.clock
        assert clock is not None
        remaining = clock.seconds_until(deadline)
        if remaining <= 0 and self.may_go_on():
            return
        while remaining > 2 * _TIMER_SLACK_S:
            await self._backend.sleep(min(remaining - _TIMER_SLACK_S, _LONGEST_SLEEP_S))
            self._yielded_ns = host_ns()
            self.engine.check()
            remaining = clock.seconds_until(deadline)
        await self.checkpoint()
        while not clock.nap(deadline, _NAP_NS):
            await self.checkpoint()

    async def _wait_wall(self, deadline: int) -> None:
        await self._until(deadline)
        engine = self.engine
        while True:
            with engine.lock:
                engine.check()
                if advance_a_portion(engine, deadline):
                    return
            await self.checkpoint()

    async def _wait_arrival(self, deadline: int) -> None:
        engine = self.engine
        if engine.demand is not None:
            await self._until(deadline)
        elif not self.may_go_on():
            await self.checkpoint()
        with engine.lock:
            engine.check()
            if engine.position >= deadline or engine.pass_quietly(deadline):
                return
            if engine.demand is not None:
                engine.demand(deadline)
            parker = self._backend.parker()
            wake = parker.wake
            engine.on_arrival(deadline, wake)
        self._served_in_a_row = 0
        try:
            await parker.park()
        except BaseException:
            with engine.lock:
                engine.forget_arrival(wake)
            raise
        self._yielded_ns = host_ns()
        if engine.position < deadline:
            engine.check()

    async def _wait_virtual(self, deadline: int) -> None:
        engine, participant = self.engine, self.participant
        scheduler = engine.scheduler
        arriving, self._fresh = self._fresh, False
        self._look_again_s = _LOOK_AGAIN_S
        with engine.lock:
            engine.check()
            scheduler.begin(participant, deadline, current_owner(), serving.get())
            if arriving:
                scheduler.await_arrivals(participant)
        try:
            if arriving:
                await self._let_others_arrive()
            elif not self.may_go_on():
                await self.checkpoint()
            while not participant.served:
                await self._turn()
        except BaseException:
            with engine.lock:
                scheduler.withdraw(participant)
                go_on(engine)
            raise
        serving.set(scheduler.hold_of(participant))

    async def _let_others_arrive(self) -> None:
        for _ in range(_ARRIVALS):
            await self.checkpoint()
        with self.engine.lock:
            self.engine.scheduler.arrive(self.participant)

    async def _turn(self) -> None:
        """Move time if it is ours to move; then, unless served, let others run or wait to be woken."""
        engine, participant = self.engine, self.participant
        with engine.lock:
            engine.check()
            engine.reap()
            arrived = engine.scheduler.dispatch(engine.budget)
            if participant.served:
                return
            if arrived:
                parker = self._backend.parker()
                participant.wake = parker.wake
                silent = engine.scheduler.may_end_silently()
        if not arrived:
            await self.checkpoint()
            return
        engine.watch()
        if silent:
            self._look_again_s = min(self._look_again_s * 2, _LOOK_AGAIN_MAX_S)
            await parker.park_for(self._look_again_s)
        else:
            await parker.park()
        self._served_in_a_row = 0
        self._yielded_ns = host_ns()


async def catch_up(engine: Engine) -> None:
    """Do as `Engine.catch_up`, in portions: all that is missing may take too long to make at once."""
    clock = engine.clock
    if clock is None or engine.device.info.pushes:
        return
    backend = current_backend()
    to = min(clock.now(), engine.device.end_timestamp)
    while True:
        with engine.lock:
            engine.check()
            if advance_a_portion(engine, to):
                return
        await backend.checkpoint()


async def wait_once(engine: Engine, name: str, kind: int, deadline: int) -> None:
    """Wait until `deadline` as a participant for just this wait."""
    participant = Participant(name, kind)
    waiter = Waiter(engine, participant)
    with engine.lock:
        engine.check()
        if engine.clock is None:
            engine.scheduler.register(participant)
    try:
        await waiter.wait(deadline)
    finally:
        close(engine, participant)
