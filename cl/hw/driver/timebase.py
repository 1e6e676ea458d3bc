"""The device's own time: it posts where it is, and those who wait for it are woken by that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cl._core.host_clock import host_ns
from cl._core.steps import Step
from cl._values.constants import NEVER
from cl.error import ControlRequiredError, DeviceDisconnectedError
from cl.hw.wire.layout import Capability, Status
from cl.hw.wire.moderation import fitting_moderation

from .clock import HardwareClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from cl._core.engine import Engine
    from cl._core.participant import Hold, Participant
    from cl._core.timebase import Consumer, Owner

    from .link import Link

_AT_ONCE_S: Final = 0.003
"""A waiter that has longer than this sleeps until then, and is not woken by the interrupts before."""
_LONGEST_REST_S: Final = 0.05
"""Device time may leap, where a device has lost frames: a sleeper looks as often as this."""


class DeviceTimebase:
    """Time as the device tells it, with the host's clock in between."""

    peeks = False
    grid = 1

    def __init__(self, engine: Engine, link: Link) -> None:
        self._engine = engine
        self._link = link
        self.clock = HardwareClock(link)
        self._usual_moderation = link.moderation
        self._periods: list[int] = []

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

    def comes(self) -> bool:
        return self._link.status == Status.RUNNING

    def restart(self) -> None:
        """Do nothing: time began when the device was switched on."""

    # -- taking part ----------------------------------------------------------------------

    def join(self, participant: Participant) -> None:
        """Do nothing: time goes on, whoever takes part."""

    def expect(self, participant: Participant) -> None:
        """Do nothing: the device's time cannot stand."""

    def leave(self, participant: Participant) -> None:
        """Let it wait no longer."""
        self.give_up(participant)

    def take_hold(self, hold: Hold) -> None:
        """Do nothing: nobody can hold the device's time."""

    def give_back(self, hold: Hold) -> None:
        """Do nothing: nobody can hold the device's time."""

    def lets_take(self, owner: object) -> bool:
        return True

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
        return False

    def arrive(self, participant: Participant) -> None:
        """Do nothing: nobody is waited for."""

    def poll(self, participant: Participant) -> Step:
        deadline = participant.deadline
        assert deadline is not None
        if self._engine.position >= deadline:
            return Step.DONE
        if participant.blocks and not self._link.waiter.is_busy():
            return Step.SLEEP
        self._await(participant, deadline, self._arm(participant))
        return Step.PARK

    def poll_event(self, participant: Participant) -> Step:
        assert participant.probe is not None
        due = participant.probe()
        if due <= self._engine.position or participant.served:
            return Step.DONE
        wake = self._arm(participant)
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
        self._await(participant, due, look)
        return Step.PARK

    def _arm(self, participant: Participant) -> Callable[[], None]:
        assert participant.arm is not None
        wake = participant.wake = participant.arm()
        return wake

    def _await(self, participant: Participant, frame: int, wake: Callable[[], None]) -> None:
        if participant.arrival is not None:
            self._engine.forget_arrival(participant.arrival)
        participant.arrival = wake
        self._engine.on_arrival(frame, wake)

    def may_block(self, participant: Participant) -> bool:
        return True

    def give_up(self, participant: Participant) -> None:
        participant.wake = None
        if participant.arrival is not None:
            self._engine.forget_arrival(participant.arrival)
            participant.arrival = None

    def lone_pass(self, participant: Participant, lends: bool) -> Callable[[int], bool] | None:
        return None

    def wake_ns(self, frame: int) -> int:
        return self.due_ns(frame)

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

    def go_on(self, moves: bool) -> None:
        """Do nothing: nobody waits for another."""

    def holders(self) -> list[str]:
        return []

    def waiting(self) -> list[str]:
        return []

    def arrived(self) -> None:
        """Do nothing: those who wait for data are woken by their arrival."""

    def recalled(self) -> None:
        """Do nothing: those who wait have been woken."""

    def release(self) -> None:
        """Do nothing: those who wait are woken as by an arrival."""


class Posted:
    """Data that a device posts by itself: a `cl._core.supply.Supply`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def reach(self, frame: int, lends: bool = False) -> Step:
        return Step.DONE if self._engine.position >= frame else Step.PARK

    def deliver(self, frame: int) -> Step:
        return Step.DONE if self._engine.position >= frame else Step.SLEEP

    def move(self, frame: int) -> bool:
        return self._engine.position >= frame

    def present(self, now: int) -> int:
        return self._engine.position

    def bring_up(self, frame: int) -> None:
        """Do nothing: it comes by itself."""

    def quiet_until(self) -> int:
        return self._engine.position

    def asks(self, lends: bool) -> Callable[[], None] | None:
        return None

    def reach_alone(self, frame: int, lends: bool, alone: Callable[[], bool]) -> bool:
        return False

    def is_awaited(self) -> bool:
        return False
