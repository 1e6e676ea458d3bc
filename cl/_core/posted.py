"""Data that a device posts by itself, and waiting for what it posts: of the card and of a link alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl._values.constants import NEVER

from . import steps
from .steps import Step
from .wall_time import WallTimebase

if TYPE_CHECKING:
    from collections.abc import Callable

    from .engine import Engine
    from .participant import Participant


class Posted:
    """The supply of a device that posts its data by itself."""

    def __init__(self, engine: Engine, catch_up: Callable[[], None]) -> None:
        """`catch_up` takes what has been posted by now, without waiting for the thread that follows."""
        self._engine = engine
        self._catch_up = catch_up

    def reach(self, frame: int, lends: bool = False) -> Step:
        return steps.DONE if self._engine.position >= frame else steps.PARK

    def deliver(self, frame: int) -> Step:
        return steps.DONE if self._engine.position >= frame else steps.SLEEP

    def move(self, frame: int) -> bool:
        return self._engine.position >= frame

    def foresee(self, frame: int) -> None:
        """Do nothing: what the device senses is known when it has."""

    def present(self, now: int) -> int:
        return self._engine.position

    def bring_up(self, frame: int) -> None:
        """Take what the device has posted by now, without waiting for the reader thread to."""
        self._catch_up()

    def quiet_until(self) -> int:
        return self._engine.position

    def asks(self, lends: bool) -> Callable[[], None] | None:
        return None

    def reach_alone(self, frame: int, lends: bool, alone: Callable[[], bool]) -> bool:
        return False

    def is_awaited(self) -> bool:
        return False

    def is_asked_here(self) -> bool:
        return False


class PostedTimebase(WallTimebase):
    """The time of such a device: those who wait for it are woken by what it posts."""

    def poll_event(self, participant: Participant) -> Step:
        assert participant.probe is not None
        due = participant.probe()
        if due <= self._engine.position or participant.served:
            return steps.DONE
        wake = participant.park().wake
        participant.pause_s = participant.longest_s

        def look() -> None:
            """Wake the waiter if what it waits for has come, else look again when something has. Locked."""
            engine = self._engine
            due = participant.probe() if engine.is_open() and participant.probe is not None else NEVER
            if engine.position < due < NEVER:
                engine.on_arrival(due, look)
            else:
                wake()

        # It comes by itself: whoever logs it looks whether it is for this waiter.
        self._wake_at(participant, due, look)
        return steps.PARK
