"""A scheduler of virtual time with everything around it made of nothing."""

from __future__ import annotations

from typing import Any

from cl._core.participant import LOOP, Hold, Participant
from cl._core.virtual import Scheduler
from cl._core.work_budget import WorkBudget


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
        self.stands = False

    def where(self) -> int | None:
        return None if self.stands else self.position

    def move(self, to: int) -> bool:
        self.moves.append(to)
        if self.pushes:
            self.asked = to
            return False
        self.position = to
        return True


class Place:
    """Where a participant parks: it says who was woken."""

    def __init__(self, served: list[str], name: str) -> None:
        self._served = served
        self._name = name

    def arm(self) -> None:
        """Do nothing."""

    def wake(self) -> None:
        self._served.append(self._name)


class World:
    """A scheduler with what it needs, and the order in which it served."""

    def __init__(self, pushes: bool = False) -> None:
        self.time = Time(pushes)
        self.scheduler = Scheduler(self.time, lambda owner: getattr(owner, "ended", False))
        self.served: list[str] = []
        self.budget = WorkBudget(lambda: 0)
        self.budget.frames = 10_000

    def open(self, name: str, kind: int = LOOP, period: int = 0, **more: Any) -> Participant:
        participant = Participant(name, kind, period, **more)
        self.scheduler.register(participant)
        return participant

    def wait(
        self, participant: Participant, deadline: int, owner: Any = None, inherited: Hold | None = None
    ) -> None:
        """Begin a wait, by an owner named like the party if none is given."""
        if owner is None:
            owner = participant.owner or Owner(participant.name)
        self.scheduler.begin(participant, deadline, owner, inherited)
        participant.place, participant.parked = Place(self.served, participant.name), True

    def hold_of(self, participant: Participant) -> Hold | None:
        """Return the hold that a participant was served with."""
        return self.scheduler._holds.of(participant.owner)

    def run(self) -> list[str]:
        """Dispatch until nothing moves; return who was served."""
        before = len(self.served)
        while not self.scheduler.dispatch(self.budget):
            pass
        return self.served[before:]
