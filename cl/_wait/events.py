"""Waiting in a task for something to happen, rather than for a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cl._core.host_clock import host_ns
from cl._values.constants import FRAMES_PER_SECOND, NEVER

from .tasks import Waiter
from .threads import advance_a_portion

if TYPE_CHECKING:
    from cl._core.engine import Engine
    from cl._core.virtual import Participant

    from .backend import Parker

POLL_FRAMES: Final = 100
"""Where nobody can say when something comes, a waiter looks this often: every 4 ms."""
_STALE_FRAMES: Final = FRAMES_PER_SECOND // 500
"""A waiter moves the device itself only where others have not done so for 2 ms.

A command takes effect behind what was given, so needless moving would make commands late.
"""
_LONGEST_SLEEP_S: Final = 0.5
_SHORTEST_SLEEP_S: Final = 0.001
"""The resolution of event loops' timers; anything shorter may come to be a busy loop."""


class EventWaiter(Waiter):
    """The waits of one participant for what `party.probe` tells of. It can be woken early, by `wake`.

    `exact` says that what the probe tells of comes just then, and not only at the earliest; `surprises` that
    something may come sooner than the probe knew: stims, or what programs append.
    """

    __slots__ = ("_exact", "_longest_s", "_parker", "stopped")

    def __init__(self, engine: Engine, participant: Participant, exact: bool, surprises: bool) -> None:
        super().__init__(engine, participant)
        self._exact = exact
        self._longest_s = POLL_FRAMES / FRAMES_PER_SECOND if surprises else _LONGEST_SLEEP_S
        self._parker: Parker | None = None
        self.stopped = False
        """Whether nobody is to wait any more."""

    def wake(self) -> None:
        """End a wait that goes on, from any thread. Locked."""
        participant, parker = self.participant, self._parker
        participant.served = True
        if participant.wake is not None:
            participant.wake()
        if parker is not None:
            parker.wake()

    async def wait_event(self) -> None:
        """Wait until the party's probe says that there may be something, or until woken."""
        engine = self.engine
        if engine.clock is None:
            await self._wait_virtual(NEVER)
        elif engine.device.info.pushes:
            await self._wait_pushed()
        else:
            await self._wait_made()

    def _due(self) -> int:
        """Return the timestamp that the party waits for, at or before the position when it has come."""
        assert self.participant.probe is not None
        return self.participant.probe()

    async def _wait_made(self) -> None:
        """Wait for a wall-clock device that produces on demand."""
        engine = self.engine
        clock = engine.clock
        assert clock is not None
        while not self.stopped:
            with engine.lock:
                engine.check()
                due = self._due()
                if due <= engine.position:
                    return
                now = clock.now()
                to = self._reachable(due, now)
                if to is not None:
                    advance_a_portion(engine, to)
                else:
                    parker = self._parker = self._backend.parker()
            if to is None:
                await self._park(parker, clock.seconds_until(due if self._exact else now + POLL_FRAMES))
            elif not self.may_go_on():
                await self.checkpoint()

    def _reachable(self, due: int, now: int) -> int | None:
        """Return where to move the device to, or None if that is not for this waiter to do now."""
        if self._exact:
            return due if due <= now else None
        return now if now - self.engine.position > _STALE_FRAMES else None

    async def _wait_pushed(self) -> None:
        """Wait for a wall-clock device whose data arrive by themselves, or for those who ask."""
        engine = self.engine
        while not self.stopped:
            with engine.lock:
                engine.check()
                due = self._due()
                if due <= engine.position:
                    return
                target = due if self._exact else engine.position + POLL_FRAMES
                seconds = self._demand(target)
                parker = self._parker = self._backend.parker()
                wake = parker.wake
                if engine.demand is None:
                    # It comes by itself: whoever logs it looks whether it is for this waiter.
                    target, wake = due, self._look
                engine.on_arrival(target, wake)
            try:
                await self._park(parker, seconds)
            finally:
                with engine.lock:
                    engine.forget_arrival(wake)

    def _look(self) -> None:
        """Wake the task if what it waits for has come, else look again when something has. Locked."""
        engine, parker = self.engine, self._parker
        if parker is None:
            return
        due = NEVER if engine.closed or engine.failure is not None else self._due()
        if engine.position < due < NEVER:
            engine.on_arrival(due, self._look)
        else:
            parker.wake()

    def _demand(self, target: int) -> float:
        """Ask for what there is now, where one has to; return how long to wait for it. Locked."""
        engine = self.engine
        clock = engine.clock
        assert clock is not None
        if engine.demand is None:
            return self._longest_s
        now = clock.now()
        if target > now:
            return clock.seconds_until(target)
        engine.demand(now)
        return self._longest_s

    async def _park(self, parker: Parker, seconds: float) -> None:
        self._served_in_a_row = 0
        await parker.park_for(min(max(seconds, _SHORTEST_SLEEP_S), self._longest_s))
        self._parker = None
        self._yielded_ns = host_ns()
