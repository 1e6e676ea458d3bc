"""Time that goes on by itself, whoever waits for it: what the host's and a device's own have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .host_clock import host_ns
from .participant import Participant

if TYPE_CHECKING:
    from collections.abc import Callable

    from .engine import Engine
    from .host_clock import Clock
    from .participant import Hold
    from .timebase import Consumer, Owner, PassesOn, WaitObserver
    from .turns import Turns


class WallTimebase:
    """Time that nobody can hold, and in which nobody waits for another.

    How long frames take to come, and how they are waited for, is what the two kinds of it differ in.
    """

    peeks = False
    grid = 1

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self.clock = clock
        self.calls = 0
        self.program: WaitObserver | None = None

    def disown(self) -> None:
        """Do nothing: nobody waits for another."""

    def now(self) -> int:
        return max(self.clock.now(), self._engine.position)

    def lateness(self, due: int) -> int:
        return self.clock.behind(due)

    def lateness_ns(self, due: int) -> int:
        return host_ns() - self.clock.due_ns(due)

    def seconds_until(self, frame: int) -> float:
        return self.clock.seconds_until(frame)

    def due_ns(self, frame: int) -> int:
        return self.clock.due_ns(frame)

    # -- taking part ----------------------------------------------------------------------

    def join(self, participant: Participant) -> None:
        """Do nothing: time goes on, whoever takes part."""

    def expect(self, participant: Participant) -> None:
        """Do nothing: time cannot stand."""

    def leave(self, participant: Participant) -> None:
        """Let it wait no longer."""
        self.give_up(participant)

    def take_hold(self, hold: Hold) -> None:
        """Do nothing: nobody can hold time."""

    def give_back(self, hold: Hold) -> None:
        """Do nothing: nobody can hold time."""

    def lets_take(self, owner: object) -> bool:
        return True

    def watch(self, consumer: Consumer) -> None:
        """Do nothing: time does not wait for a consumer, which has to keep up."""

    def unwatch(self, consumer: Consumer) -> None:
        """Do nothing: it was not waited for."""

    def taken(self) -> None:
        """Do nothing: it was not waited for."""

    # -- waiting --------------------------------------------------------------------------

    def begin(self, participant: Participant, deadline: int, owner: Owner, fresh: bool = False) -> bool:
        participant.served = False
        participant.deadline = deadline
        if self.program is not None:
            self.program.begins(participant)
        return False

    def over(self, participant: Participant) -> None:
        if self.program is not None:
            self.program.ends(participant)

    def arrive(self, participant: Participant) -> None:
        """Do nothing: nobody is waited for."""

    def _wake_at(self, participant: Participant, frame: int, wake: Callable[[], None]) -> None:
        """Have `wake` called once the position has come to `frame`, or the device is gone."""
        if participant.arrival is not None:
            self._engine.forget_arrival(participant.arrival)
        participant.arrival = wake
        self._engine.on_arrival(frame, wake)

    def may_block(self, participant: Participant) -> bool:
        return True

    def give_up(self, participant: Participant) -> None:
        participant.parked = False
        self.over(participant)
        if participant.arrival is not None:
            self._engine.forget_arrival(participant.arrival)
            participant.arrival = None

    def lone_pass(self, participant: Participant, lends: bool) -> Callable[[int], bool] | None:
        return None

    def pass_alone(
        self, name: str, deadline: int, owner: Owner, participant: Participant | None = None
    ) -> Hold | None:
        return None

    def passing_on(self) -> tuple[PassesOn, Turns] | None:
        return None

    def wake_ns(self, frame: int) -> int:
        return self.due_ns(frame)

    def go_on(self, moves: bool) -> None:
        """Do nothing: nobody waits for another."""

    def holders(self) -> list[str]:
        return []

    def waiting(self) -> list[str]:
        return []
