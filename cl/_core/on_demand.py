"""The supply of a device whose data are a pure function of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import steps
from .steps import Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from .device import MadeOnDemand
    from .engine import Engine


class OnDemand:
    """Data that are made when they are wanted, with the lock held: they are a pure function of time."""

    def __init__(self, engine: Engine, device: MadeOnDemand) -> None:
        self._engine = engine
        self._acquisition = device.acquisition
        self.quiet_until = device.quiet_until
        self._foresee = device.foresee
        engine.produce = device.produce

    def reach(self, frame: int, lends: bool = False) -> Step:
        """Make frames for half a millisecond or so."""
        engine = self._engine
        budget = engine.budget
        frames = budget.begin()
        while (at := engine.position) < frame:
            engine.advance(min(frame, at + frames))
            if budget.over(engine.position - at):
                break
        return steps.DONE if engine.position >= frame else steps.AGAIN

    def deliver(self, frame: int) -> Step:
        return self.reach(frame)

    def move(self, frame: int) -> bool:
        self._engine.advance(frame)
        return True

    def foresee(self, frame: int) -> None:
        self._foresee(frame)
        self._engine.refresh()

    def present(self, now: int) -> int:
        """Return the present, or where the data end: only a wait for more finds the device ended."""
        return min(now, self._acquisition.end_timestamp)

    def bring_up(self, frame: int) -> None:
        """Make a batch of it."""
        with self._engine.lock:
            self.reach(self.present(frame))

    def asks(self, lends: bool) -> Callable[[], None] | None:
        return None

    def reach_alone(self, frame: int, lends: bool, alone: Callable[[], bool]) -> bool:
        return False

    def is_awaited(self) -> bool:
        return False

    def is_asked_here(self) -> bool:
        return False
