"""The device's own time: it posts where it is, and those who wait for it are woken by that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cl._core import steps
from cl._core.posted import PostedTimebase
from cl._core.steps import Step
from cl.error import ControlRequiredError, DeviceDisconnectedError
from cl.hw.wire.layout import Capability, Status
from cl.hw.wire.moderation import fitting_moderation

from .clock import HardwareClock

if TYPE_CHECKING:
    from cl._core.engine import Engine
    from cl._core.participant import Participant

    from .link import Link

_AT_ONCE_S: Final = 0.003
"""A waiter that has longer than this sleeps until then, and is not woken by the interrupts before."""
_LONGEST_REST_S: Final = 0.05
"""Device time may leap, where a device has lost frames: a sleeper looks as often as this."""


class DeviceTimebase(PostedTimebase):
    """Time as the device tells it, with the host's clock in between."""

    clock: HardwareClock

    def __init__(self, engine: Engine, link: Link) -> None:
        super().__init__(engine, HardwareClock(link))
        self._link = link
        self._usual_moderation = link.moderation
        self._periods: list[int] = []

    def comes(self) -> bool:
        return self._link.status == Status.RUNNING

    def begin_loop(self, period: int) -> int:
        """Return when a loop whose ticks are `period` frames long had best begin.

        That is with an interrupt, and the interrupts are asked to come with its ticks. A device that posts
        another block before it takes the wish may give them blocks that are out of step, and at most a
        block late.
        """
        self._periods.append(period)
        block = self._moderate() or self._link.moderation
        # The next block begins where the last one ended, be it known to everybody yet or not.
        posted = max(self._link.posted, self._engine.position)
        return posted + -(-(self.clock.now() - posted) // block) * block

    def end_loop(self, period: int) -> None:
        self._periods.remove(period)
        self._moderate()

    def _moderate(self) -> int:
        """Ask for the interrupts that the loops want; return their distance, or 0 where nobody is asked."""
        link, periods = self._link, tuple(self._periods)
        if not link.controls or Capability.MODERATION not in link.facts.capabilities:
            return 0
        frames = fitting_moderation(periods, self._usual_moderation) if periods else 0
        try:
            link.set_moderation(frames)
        except (ControlRequiredError, ValueError):
            return 0  # control was given back, or the link closed, this very moment
        return frames

    # -- waiting --------------------------------------------------------------------------

    def poll(self, participant: Participant) -> Step:
        deadline = participant.deadline
        assert deadline is not None
        if self._engine.position >= deadline:
            return steps.DONE
        if participant.blocks and not self._link.waiter.is_busy():
            return steps.SLEEP
        self._wake_at(participant, deadline, participant.park().wake)
        return steps.PARK

    def sleep(self, frame: int) -> None:
        """Block on the interrupt until everything before `frame` is given."""
        link = self._link
        try:
            while (left := self.clock.seconds_until(frame) - _AT_ONCE_S) > _AT_ONCE_S and link.error is None:
                link.rest(min(left, _LONGEST_REST_S))
            if link.waiter.try_wait(frame):
                link.catch_up()
        except DeviceDisconnectedError as error:
            with self._engine.lock:
                self._engine.fail(error)
