"""A scheduler of virtual time with everything around it made of nothing."""

from __future__ import annotations

from typing import Any

from cl._core.pace import Pace
from cl._core.schedule import LOOP, Hold, Party, Scheduler


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
