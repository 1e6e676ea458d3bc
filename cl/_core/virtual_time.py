"""Virtual time: a clock that moves only when it is waited for, shared by one device or several."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from cl._values.constants import FRAME_NS, NEVER
from cl.error import DeviceDisconnectedError

from .engine import never_ends
from .host_clock import host_ns
from .participant import Hold, Participant
from .reentry_lock import ReentryLock
from .steps import Step
from .virtual import Scheduler
from .work_budget import WorkBudget

if TYPE_CHECKING:
    from .engine import Engine
    from .timebase import Consumer, Owner, WaitObserver

GRID = 25
"""Where spikes cannot be foreseen their streams are served every millisecond of device time.

A source that answers stims would otherwise have to be asked frame by frame.
"""
_FOREVER = float("inf")


class VirtualTime:
    """A virtual clock for several simulators: each `cl.sim.Simulator(time=...)` is given the same one.

    It moves when all who take part wait, on whichever device, and serves them one at a time in the order
    of their deadlines; ties go by the order in which the Simulators were made, then as on one device
    (docs/virtual-time.md). A device joins where time stands when it is opened: there it is at its own
    `start_timestamp`. It belongs to its process, and cannot be pickled.
    """

    def __init__(self) -> None:
        self._lock = ReentryLock()
        self._engines: list[Engine] = []
        self._at = 0
        """Where time stands while no device is open."""
        self._target = 0
        """Where devices were moved to last: some may be there, and others on their way."""
        self._scheduler = Scheduler(self, self._has_ended)
        self.ended: Callable[[object], bool] = never_ends
        """Whether the task or thread that holds time has ended; the devices know."""
        self._budget = WorkBudget(host_ns)

    @contextmanager
    def hold(self, name: str = "hold") -> Iterator[None]:
        """Hold time within a `with` block, as `Neurons.hold` does; also while no device is open yet.

        Nobody who waits, on whichever device, is served before the block has ended.
        """
        hold = Hold(object(), name, transient=False, scheduler=self._scheduler)
        self._lock.refuse_reentry()
        try:
            with self._lock:
                self._scheduler.take(hold)
            yield
        finally:
            # First, which no interruption can come before: the lock is taken by a call, where one may.
            hold.over = True
            with self._lock:
                self._scheduler.give_back(hold)
                # Whether a task calls, which must not move time for others, is not known here.
                self.go_on(False)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a VirtualTime belongs to its process: it can be neither copied nor pickled")

    def _has_ended(self, owner: object) -> bool:
        return self.ended(owner)

    # -- what the scheduler moves ---------------------------------------------------------

    @property
    def position(self) -> int:
        """Where time stands: the least of the devices' positions, counted as the first one's are."""
        engines = self._engines
        if len(engines) == 1:
            engine = engines[0]
            return engine.position - engine.base
        return min((engine.position - engine.base for engine in engines), default=self._at)

    @property
    def stands(self) -> bool:
        """Whether a consumer has to take what there is before time goes on."""
        engines = self._engines
        if len(engines) == 1:
            return engines[0].standing > 0
        return any(engine.standing for engine in engines)

    def move(self, to: int) -> bool:
        """Move all devices towards `to`; False where one arrives later. Locked."""
        self._target = to
        arrived = True
        for engine in tuple(self._engines):
            frame = to + engine.base
            if engine.position >= frame:
                continue
            try:
                arrived = engine.supply.move(frame) and arrived
            except DeviceDisconnectedError:
                # It has failed, and those who use it hear of it. The others go on.
                if not self._engines:
                    raise
        return arrived

    # -- the devices ----------------------------------------------------------------------

    def add(self, engine: Engine) -> None:
        """Let a device share this time from where it stands, or is about to stand. Locked."""
        if not self._engines and self._at == 0:
            self._at = engine.start
        self.ended = engine.has_ended
        # Some devices may have arrived where others are still on their way: none is ahead of a newcomer.
        at = max(self.position, self._target, *(other.committed - other.base for other in self._engines))
        engine.base = engine.start - at
        self._engines.append(engine)
        self._scheduler.idle = False
        self._scheduler.shared = len(self._engines) > 1
        self._scheduler.solo = None

    def remove(self, engine: Engine) -> None:
        """Let a device share this time no longer. Locked."""
        if engine in self._engines:
            self._at = self.position
            self._engines.remove(engine)
            self._scheduler.idle = not self._engines
            self._scheduler.shared = len(self._engines) > 1
        if not self._engines:
            self._scheduler.rest()
        # Those on other devices go on without this one: not from here, where time may be on the move.
        self._look_arrived()
        self._scheduler.nudge()

    def begin_anew(self) -> None:
        """Forget who takes part: they are in the process that this one is a fork of."""
        self._at, self._engines = self.position, []
        self._scheduler.solo = None
        self._scheduler = Scheduler(self, self._has_ended)

    def reap(self) -> None:
        """Forget the participants of all devices that were dropped. Locked."""
        for engine in self._engines:
            engine.reap()

    def asking(self, lends: bool, own: Engine | None = None) -> Callable[[], None] | None:
        """Return what asks the source that time waits for, if the caller is to do so. Locked.

        With `lends` the caller's thread may be lent to a source that has one of its own. A failure is raised
        only where it is that of the caller's `own` device.
        """
        if not self._scheduler.moving:
            return None
        for engine in self._engines:
            ask = engine.supply.asks(lends)
            if ask is not None:
                return ask if engine is own else partial(_ask_for_others, ask)
        return None

    def arrived(self) -> None:
        """Take note that a device has come to where it was moved, and go on if all have. Locked."""
        self._look_arrived()
        while not self._scheduler.dispatch(self._budget):
            pass
        if self.asking(False) is not None:
            self._scheduler.nudge()

    def recalled(self) -> None:
        """Take note that a device is not on its way any more: it is to be moved anew. Locked."""
        self._look_arrived()
        self._scheduler.nudge()

    def _look_arrived(self) -> None:
        if not any(engine.supply.is_awaited() for engine in self._engines):
            self._scheduler.moved()

    def go_on(self, moves: bool) -> None:
        """Let the next participant be served; with `moves` the caller moves time itself. Locked."""
        if not moves or not self._scheduler.dispatch(self._budget) or self.asking(False) is not None:
            self._scheduler.nudge()


def _ask_for_others(ask: Callable[[], None]) -> None:
    # A failure ends that device, and those who use it hear of it.
    with suppress(DeviceDisconnectedError):
        ask()


class VirtualTimebase:
    """One device's part in a virtual time."""

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
        scheduler.begin(participant, deadline, *owner(scheduler))
        if fresh:
            scheduler.await_arrivals(participant)
        else:
            scheduler.arrive(participant)
        return fresh

    def arrive(self, participant: Participant) -> None:
        self.scheduler.arrive(participant)

    def poll(self, participant: Participant) -> Step:
        engine, scheduler = self._engine, self.scheduler
        if engine.dropped or scheduler.shared:
            self._reap()
        if participant.served:
            return Step.DONE
        arrived = scheduler.dispatch(self.budget)
        if participant.served:
            return Step.DONE
        if not arrived:
            return Step.AGAIN
        if not engine.is_open():
            # It has failed while time moved: the one who looks again is told.
            return Step.AGAIN
        if scheduler.moving:
            participant.ask = self._time.asking(participant.blocks, engine)
            if participant.ask is not None:
                return Step.ASK
        assert participant.arm is not None
        participant.wake = participant.arm()
        if scheduler.may_end_silently():
            participant.pause_s = min(2 * (participant.pause_s or _LOOK_S), _LOOK_MAX_S)
        else:
            participant.pause_s = None
        return Step.PARK

    poll_event = poll

    def may_block(self, participant: Participant) -> bool:
        return self.scheduler.is_next(participant)

    def give_up(self, participant: Participant) -> None:
        self.scheduler.withdraw(participant)

    def lone_pass(self, participant: Participant, lends: bool) -> Callable[[int], bool] | None:
        engine, scheduler, lock = self._engine, self.scheduler, self._engine.lock
        supply = engine.supply

        def alone() -> bool:
            return scheduler.solo is participant

        def passes(due: int) -> bool:
            if scheduler.solo is not participant:
                return False
            with lock:
                if scheduler.solo is not participant or engine.position > due:
                    return False
                if due <= engine.quiet_until:
                    engine.position = engine.committed = due
                    return True
                if engine.step(due):
                    return True
            return supply.reach_alone(due, lends, alone)

        return passes

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
