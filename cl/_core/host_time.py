"""The host's time: frame n of a simulator exists once n/25000 s have passed since it was opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from . import steps
from .host_clock import WallClock
from .participant import Participant
from .steps import Step
from .wall_time import WallTimebase

if TYPE_CHECKING:
    from .engine import Engine

POLL_FRAMES: Final = 100
"""Where it cannot be said when an event comes, a waiter looks this often: every 4 ms."""
_ROOM_S: Final = 0.0005
"""A sleep that is longer has room for work that is not a tick's own."""
_PREPARED_FRAMES: Final = 15_000
"""So far ahead the source is asked for its spikes while there is room."""
_LONGEST_SLEEP_S: Final = 0.2
_NAP_NS: Final = 100_000_000
"""A device that has gone is noticed by a sleeper within this time."""


class HostTimebase(WallTimebase):
    """The time of a simulated device in wall-clock time."""

    clock: WallClock

    def __init__(self, engine: Engine, clock: WallClock) -> None:
        super().__init__(engine, clock)

    def comes(self) -> bool:
        return True

    def begin_loop(self, period: int) -> int:
        return self.now()

    def end_loop(self, period: int) -> None:
        """Do nothing: nothing was begun."""

    # -- waiting --------------------------------------------------------------------------

    def poll(self, participant: Participant) -> Step:
        engine, deadline = self._engine, participant.deadline
        assert deadline is not None
        if engine.position >= deadline:
            return steps.DONE
        if self.clock.seconds_until(deadline) > 0:
            return steps.SLEEP
        return self._reach(participant, deadline, deadline)

    def poll_event(self, participant: Participant) -> Step:
        engine = self._engine
        assert participant.probe is not None
        due = participant.probe()
        if due <= engine.position or participant.served:
            return steps.DONE
        now = self.clock.now()
        target = due if participant.exact else engine.position + POLL_FRAMES
        participant.pause_s = participant.longest_s
        if target > now:
            participant.pause_s = min(self.clock.seconds_until(target), participant.longest_s)
            self._await(participant, target)
            return steps.PARK
        step = self._reach(participant, due if participant.exact else now, target)
        return steps.AGAIN if step is steps.DONE else step

    def _reach(self, participant: Participant, frame: int, target: int) -> Step:
        """Have what is before `frame` given; where it comes by itself, have the waiter woken at `target`."""
        supply = self._engine.supply
        step = supply.reach(frame, participant.blocks)
        if step is steps.ASK:
            participant.ask = supply.asks(participant.blocks)
            if participant.ask is None:
                step = steps.PARK
        if step is steps.PARK:
            self._await(participant, target)
        return step

    def _await(self, participant: Participant, frame: int) -> None:
        self._wake_at(participant, frame, participant.park().wake)

    def wake_ns(self, frame: int) -> int:
        if self.clock.seconds_until(frame) > _ROOM_S:
            # The next spikes are drawn and logged now, rather than in the tick that needs them.
            engine = self._engine
            engine.device.acquisition.prepare(engine.position + _PREPARED_FRAMES)
            if frame > engine.quiet_until and engine.position < frame < engine.position + _PREPARED_FRAMES:
                with engine.lock:
                    if engine.is_open():
                        engine.supply.foresee(frame)
        return self.clock.due_ns(frame)

    def sleep(self, frame: int) -> None:
        """Sleep nearly there, then spin the rest; a long sleep ends early, to look at the device."""
        self.wake_ns(frame)
        clock = self.clock
        if clock.seconds_until(frame) > _LONGEST_SLEEP_S:
            clock.nap(frame, _NAP_NS)
        else:
            clock.wait(frame, self._rehearse)

    def _rehearse(self) -> None:
        """Do what a wait does at its end, with nothing to do: after a sleep that is slow the first time."""
        engine = self._engine
        with engine.lock:
            if engine.is_open():
                engine.supply.reach(engine.position)
                engine.advance(engine.position)
        self.lateness_ns(engine.position)
        self.lateness(engine.position)
