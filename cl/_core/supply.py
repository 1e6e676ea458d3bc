"""Where a device's data come from: made on demand, asked of a user's source, or posted by a device."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from .steps import Step

if TYPE_CHECKING:
    from .device import MadeOnDemand
    from .engine import Engine


class Supply(Protocol):
    """What gives an engine its data. The methods want the engine's lock, but `bring_up`."""

    def reach(self, frame: int, lends: bool = False) -> Step:
        """Give everything before `frame`, as far as that can be done now.

        DONE if it is given; AGAIN where a portion was made, and more is to be made; ASK where the caller is
        to call what `asks` returns (with `lends` its thread may be lent to a user's source for that); PARK
        where it comes by itself.
        """
        ...

    def deliver(self, frame: int) -> Step:
        """Give what is before `frame`, where that needs nobody else; SLEEP where it comes by itself."""
        ...

    def move(self, frame: int) -> bool:
        """Give everything before `frame`; False where it arrives later."""
        ...

    def present(self, now: int) -> int:
        """Return up to where data can be made at once, at the time `now`."""
        ...

    def bring_up(self, frame: int) -> None:
        """Have what there is before `frame` given soon: where the data end before that, nobody minds.

        Without the lock.
        """
        ...

    def quiet_until(self) -> int:
        """Return up to where time may pass with nothing to give."""
        ...

    def asks(self, lends: bool) -> Callable[[], None] | None:
        """Return what asks a user's source for what is waited for, if the caller is to do that.

        It is to be called without the lock. None where nothing is waited for, or others do it.
        """
        ...

    def reach_alone(self, frame: int, lends: bool, alone: Callable[[], bool]) -> bool:
        """Give everything before `frame`, while a participant is `alone`; False where that is not for it to
        do.

        Without the lock.
        """
        ...

    def is_awaited(self) -> bool:
        """Return whether data that were asked for have not come yet."""
        ...


class OnDemand:
    """Data that are made when they are wanted, with the lock held: they are a pure function of time."""

    def __init__(self, engine: Engine, device: MadeOnDemand) -> None:
        self._engine = engine
        self._acquisition = device.acquisition
        self.quiet_until = device.quiet_until
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
        return Step.DONE if engine.position >= frame else Step.AGAIN

    def deliver(self, frame: int) -> Step:
        return self.reach(frame)

    def move(self, frame: int) -> bool:
        self._engine.advance(frame)
        return True

    def present(self, now: int) -> int:
        """Return the present, or where the data end: only those who want more find the device ended."""
        return min(now, self._acquisition.end_timestamp)

    def bring_up(self, frame: int) -> None:
        """Make a portion of it."""
        with self._engine.lock:
            self.reach(self.present(frame))

    def asks(self, lends: bool) -> Callable[[], None] | None:
        return None

    def reach_alone(self, frame: int, lends: bool, alone: Callable[[], bool]) -> bool:
        return False

    def is_awaited(self) -> bool:
        return False
