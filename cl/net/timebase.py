"""The time of a device across the network: it goes on with what arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl._core import steps
from cl._core.posted import PostedTimebase
from cl._core.steps import Step

from .clock import NetworkClock

if TYPE_CHECKING:
    from cl._core.engine import Engine
    from cl._core.participant import Participant

    from .link import Link


class NetworkTimebase(PostedTimebase):
    """Time by what arrives; those who wait for it are woken by the thread that reads."""

    clock: NetworkClock

    def __init__(self, engine: Engine, link: Link) -> None:
        super().__init__(engine, NetworkClock(link, engine.start, link.welcome.interval_frames))
        self._link = link

    def comes(self) -> bool:
        return self._link.state.status == "running"

    def begin_loop(self, period: int) -> int:
        # With what comes next: its first tick is then as soon after a block as the others.
        return max(self.clock.now(), self._engine.position)

    def end_loop(self, period: int) -> None:
        """Do nothing: nothing was begun."""

    def poll(self, participant: Participant) -> Step:
        deadline = participant.deadline
        assert deadline is not None
        if self._engine.position >= deadline:
            return steps.DONE
        self._wake_at(participant, deadline, participant.park().wake)
        return steps.PARK

    def sleep(self, frame: int) -> None:
        """Do nothing: who waits is parked until what comes has come."""
