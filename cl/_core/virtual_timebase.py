"""One device's part in a virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl._values.constants import FRAME_NS, NEVER

from . import steps
from .steps import Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from .engine import Engine
    from .participant import Hold, Participant
    from .timebase import Consumer, Owner, PassesOn, WaitObserver
    from .turns import Turns
    from .virtual_time import VirtualTime

GRID = 25
"""Where spikes cannot be foreseen their streams are served every millisecond of device time.

A source that answers stims would otherwise have to be asked frame by frame.
"""
_FOREVER = float("inf")


class VirtualTimebase:
    """The time of a device that is virtual, its own or shared with others."""

    clock = None

    def __init__(self, engine: Engine, time: VirtualTime, order: int = 0) -> None:
        self.calls = 0
        self.program: WaitObserver | None = None
        self._engine = engine
        self._time = time
        self._order = order
        self._participants: dict[Participant, None] = {}
        self.named = ""
        """What is told of its participants, where messages may name those of several devices."""
        self.scheduler = time._scheduler
        self.budget = time._budget
        engine.lock = time._lock
        self._passes_on = self._make_passes_on()
        engine.listeners.append(self._release)
        engine.on_posted = time.arrived
        engine.on_recalled = time.recalled
        predictable = engine.device.acquisition.predictable
        self.peeks = predictable
        self.grid = 1 if predictable else GRID

    def disown(self) -> None:
        self._participants.clear()
        self._time.begin_anew()

    def now(self) -> int:
        return self._engine.position

    def lateness(self, due: int) -> int:
        return self._engine.position - due

    def lateness_ns(self, due: int) -> int:
        return (self._engine.position - due) * FRAME_NS

    def seconds_until(self, frame: int) -> float:
        """Return infinity: only waiting brings frames about, and nothing of it takes time."""
        return _FOREVER

    def due_ns(self, frame: int) -> int:
        return 0 if frame <= self._engine.position else NEVER

    def comes(self) -> bool:
        return False

    def restart(self) -> None:
        """Let the device share the time from now on."""
        with self._engine.lock:
            self._time.add(self._engine)

    # -- taking part ----------------------------------------------------------------------

    def join(self, participant: Participant) -> None:
        participant.name += self.named
        participant.base = self._engine.base
        participant.device = self._engine
        self._participants[participant] = None
        self.scheduler.register(participant, self._order)

    def participants(self) -> tuple[Participant, ...]:
        """Return who takes part, for those who look on. From any thread."""
        return tuple(self._participants)

    def expect(self, participant: Participant) -> None:
        self.scheduler.await_arrivals(participant)

    def leave(self, participant: Participant) -> None:
        self.scheduler.unregister(participant)
        self._participants.pop(participant, None)

    def take_hold(self, hold: Hold) -> None:
        hold.scheduler, hold.device = self.scheduler, self._engine
        self.scheduler.take(hold)

    def give_back(self, hold: Hold) -> None:
        self.scheduler.give_back(hold)

    def lets_take(self, owner: object) -> bool:
        return self.scheduler.is_held_by(owner)

    def begin_loop(self, period: int) -> int:
        return self._engine.position

    def end_loop(self, period: int) -> None:
        """Do nothing: a loop's end changes nothing of virtual time."""

    def watch(self, consumer: Consumer) -> None:
        self._engine.consumers.append(consumer)
        self._engine.refresh()

    def unwatch(self, consumer: Consumer) -> None:
        if consumer in self._engine.consumers:
            self._engine.consumers.remove(consumer)
            self._engine.refresh()

    def taken(self) -> None:
        engine = self._engine
        if engine.standing:
            engine.standing -= 1
        engine.refresh()
        self.scheduler.nudge()

    # -- waiting --------------------------------------------------------------------------

    def begin(self, participant: Participant, deadline: int, owner: Owner, fresh: bool = False) -> bool:
        participant.pause_s = None
        scheduler = self.scheduler
        task, inherited = owner(scheduler)
        scheduler.begin(participant, deadline, task, inherited)
        if fresh:
            scheduler.await_arrivals(participant)
        return fresh

    def arrive(self, participant: Participant) -> None:
        self.scheduler.arrive(participant)

    def poll(self, participant: Participant) -> Step:
        engine, scheduler = self._engine, self.scheduler
        if engine.dropped or scheduler.shared:
            self._reap()
        if participant.served:
            return steps.DONE
        if participant.ahead_ns is not None:
            participant.ahead_ns = None
            scheduler.in_vain()
        arrived = scheduler.dispatch(self.budget)
        if participant.served:
            return steps.DONE
        if not arrived:
            return steps.AGAIN
        if engine.failure is not None or engine.closed:
            # It has failed while time moved: the one who looks again is told.
            return steps.AGAIN
        if scheduler.moving:
            participant.ask = self._time.asking(participant.blocks, engine)
            if participant.ask is not None:
                return steps.ASK
        participant.park()
        if scheduler.may_end_silently():
            participant.pause_s = min(2 * (participant.pause_s or _LOOK_S), _LOOK_MAX_S)
        else:
            participant.pause_s = None
        return steps.PARK

    poll_event = poll

    def may_block(self, participant: Participant) -> bool:
        return self.scheduler.is_next(participant)

    def give_up(self, participant: Participant) -> None:
        self.scheduler.withdraw(participant)

    def lone_pass(self, participant: Participant, lends: bool) -> Callable[[int], bool] | None:
        engine, scheduler = self._engine, self.scheduler
        supply = engine.supply
        # Half the cost of a `with`, in what is done once a tick.
        acquire, release = engine.lock.acquire, engine.lock.release

        def alone() -> bool:
            return scheduler.solo is participant

        def passes(due: int) -> bool:
            has_passed: bool | None = False
            try:
                acquire()
                if scheduler.solo is participant and engine.position <= due:
                    if due <= engine.quiet_until:
                        engine.position = engine.committed = due
                        has_passed = True
                    else:
                        has_passed = engine.step(due) or None
            finally:
                try:
                    release()
                except RuntimeError:
                    pass  # It was not taken: an interruption came before.
            return supply.reach_alone(due, lends, alone) if has_passed is None else has_passed

        return passes

    def pass_alone(
        self, name: str, deadline: int, owner: Owner, participant: Participant | None = None
    ) -> Hold | None:
        engine, scheduler = self._engine, self.scheduler
        task, inherited = owner(scheduler)
        if (
            engine.dropped
            or engine.standing
            or scheduler.shared
            or not scheduler.is_alone(task, inherited, participant)
        ):
            return None
        if deadline > engine.quiet_until:
            if not engine.step(deadline):
                return None
        elif deadline > engine.position:
            engine.position = engine.committed = deadline
        return scheduler.serve_alone(task, name, engine)

    def passing_on(self) -> tuple[PassesOn, Turns]:
        return self._passes_on, self.scheduler.turns

    def _make_passes_on(self) -> PassesOn:
        engine, scheduler, budget = self._engine, self.scheduler, self.budget
        hand_on, turns = scheduler.hand_on, scheduler.turns
        acquire, release, held_here = engine.lock.acquire, engine.lock.release, engine.lock.held_here

        def passes_on(participant: Participant, due: int, task: object) -> Step | None:
            if held_here():
                return None
            step = None
            try:
                acquire()
                if not (
                    engine.failure is not None
                    or engine.closed
                    or engine.dropped
                    or engine.standing
                    or scheduler.shared
                    or engine.position > due
                ):
                    step = hand_on(participant, due, task, budget)
                    if step is not None and step is not steps.DONE:
                        if turns.likely:
                            step = steps.TURN
                        elif step is steps.PARK:
                            assert participant.place is not None
                            participant.place.arm()
                            participant.parked, participant.pause_s = True, None
            finally:
                try:
                    release()
                except RuntimeError:
                    pass  # As above.
            return step

        return passes_on

    def over(self, participant: Participant) -> None:
        """Do nothing: time stands still where no participant waits."""

    def wake_ns(self, frame: int) -> int:
        return self.due_ns(frame)

    def sleep(self, frame: int) -> None:
        """Do nothing: virtual time does not come by sleeping."""

    def go_on(self, moves: bool) -> None:
        self._reap()
        if self._engine.is_open():
            self._time.go_on(moves)
        else:
            self.scheduler.nudge()

    def _reap(self) -> None:
        if self.scheduler.shared:
            self._time.reap()
        else:
            self._engine.reap()

    def holders(self) -> list[str]:
        return self.scheduler.holders()

    def waiting(self) -> list[str]:
        return [participant.name for participant in self.scheduler.waiting()]

    def _release(self) -> None:
        """Wake those who wait for the device: it is gone."""
        self.scheduler.solo = None
        self.scheduler.release(self._participants, self._engine)
        self._participants.clear()
        self._time.remove(self._engine)


_LOOK_S = 0.0005
_LOOK_MAX_S = 0.02
"""Whether a holder that may end without a word has ended is looked at after a moment, then less often."""
