"""Virtual time: its participants, what they wait for, and which is served next.

The rules (docs/virtual-time.md says them at length):

| event                       | effect                                                                   |
|-----------------------------|--------------------------------------------------------------------------|
| a participant waits         | its owner's hold ends; those of the bodies that it works for do not count |
| such a wait ends, or is     | they count again, unless others who work for them wait; what is done for  |
| given up                    | a body that holds time is done in its hold                                |
| time is not held            | time moves to the earliest deadline; ties: registered earlier in device   |
|                             | time, then kind, then shorter period, then order of registration          |
| a participant is served     | its owner (task or thread) holds time; no other is served                 |
| it waits again, is closed,  | the hold ends                                                             |
| its task or thread ends     |                                                                           |
| a stream is not being read  | time stops before the history would lose what is still to be read         |
| a newcomer waits that works | holds left by single reads, sleeps and waits end: those that hold them may |
| for nobody                  | be waiting for the newcomer                                               |

No I/O and no clock in here: the caller holds the engine's lock, moves time, and does the waiting.
"""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Callable, Collection

from cl._values.constants import NEVER

from . import steps
from .due_times import DueTimes
from .holds import Holds, line
from .mover import Budget, Mover
from .own_waits import refuse_own_hold, refuse_own_wait
from .participant import Hold, Participant
from .reentry_lock import REENTRY
from .steps import Step
from .turns import Turns
from .wakes_ahead import MOST_AHEAD, WakesAhead

_new = object.__new__
_FAR = NEVER >> 1
"""What is due later is never due: timestamps of several devices differ by less than that."""


class Scheduler:
    """Serves the participants of virtual time one at a time, in deadline order.

    An interruption (Ctrl-C) may come between any two steps of these methods. So they are written to be
    called again: what counts is kept in sets, and what says that a step is over is set last.
    """

    def __init__(self, mover: Mover, ended: Callable[[object], bool]) -> None:
        self._mover = mover
        self._holds = holds = Holds(ended)
        self.holding = holds.stop_time
        """Returns whether time is held; not by owners that have ended."""
        self.may_end_silently = holds.may_end_silently
        self.is_held_by = holds.are_of
        self.rest = holds.end_all
        self._registered = 0
        self._open: dict[Participant, None] = {}
        self._ahead = WakesAhead()
        self.in_vain = self._ahead.in_vain
        self.turns = Turns()
        self._due = DueTimes()
        self._blocking: dict[object, Participant] = {}
        """Those of them that block a thread, by their owners."""
        self._keen: dict[Participant, None] = {}
        """Those of the open ones that must miss nothing."""
        self._explicit: dict[Hold, int] = {}
        """Those that were taken explicitly, and the threads that did."""
        self.moving = False
        """Whether time is on its way to where it was moved: data are awaited."""
        self._arriving: dict[Participant, int] = {}
        """Those that are about to wait for the first time, and the threads that said so."""
        self._serving: Participant | None = None
        """The participant that is being served: an interruption may have come in between."""
        self.idle = False
        """Whether the last device has gone: what its bodies held is over."""
        self.shared = False
        """Whether several devices share this time, so that none can move it alone."""
        self.solo: Participant | None = None
        """The only participant, which holds: time moves as it says."""

    def ask_for_ends(self, ended: Callable[[object], bool]) -> None:
        """Ask `ended` from now on whether a task or thread that holds time has ended."""
        self._holds.ended = ended

    def register(self, participant: Participant, order: int = 0) -> None:
        """Make `participant` a participant from now on; `order` is its device's place among several."""
        self.solo = None
        self._registered += 1
        participant.rank(order, self._mover.position, self._registered)
        self._open[participant] = None
        self._holds.own(participant, participant.owner)
        if participant.horizon is not None:
            self._keen[participant] = None

    def unregister(self, participant: Participant) -> None:
        """Forget `participant`; the time that its owner holds for it alone is free."""
        if participant not in self._open:
            return
        self.solo = None
        self._holds.disown(participant, participant.owner)
        self._keen.pop(participant, None)
        self.withdraw(participant)
        self.arrive(participant)
        if self._serving is participant:
            self._serving = None
        if not participant.transient:
            self._holds.end_unless_lasting(participant.owner)
        self._open.pop(participant, None)

    def _change_owner(self, participant: Participant, owner: object) -> None:
        before = participant.owner
        if before is not owner:
            participant.owner = owner
            if participant in self._open:
                self._holds.disown(participant, before)
                self._holds.own(participant, owner)

    def withdraw(self, participant: Participant) -> None:
        """End a wait: its owner, and the bodies that it works for, hold time again if they did before."""
        if participant.deadline is None:
            return
        self._leave_line(participant)
        own = participant.own
        if own is not None and self._holds.of(own.owner) is own:
            self._holds.activate(own)
        participant.own = None
        participant.deadline = None

    def _leave_line(self, participant: Participant) -> None:
        """Let it wait no longer; the bodies that it works for hold time again if they did before."""
        self._due.remove(participant)
        if participant.blocks and self._blocking.get(participant.owner) is participant:
            del self._blocking[participant.owner]
        if self._arriving:
            self._arriving.pop(participant, None)
        body = participant.parent
        while body is not None:
            body.end_work(participant)
            body = body.parent

    def begin(self, participant: Participant, deadline: int, owner: object, inherited: Hold | None) -> None:
        """Let `participant` wait for `deadline` on behalf of `owner`.

        `inherited` is the hold in whose context the owner runs: its own last one, or that of the body that it
        was started from. While a participant works for a body and waits, the body waits.
        """
        if participant.deadline is not None:
            raise RuntimeError(f"{participant.name} is waited for already: give each task and thread its own")
        if participant.blocks:
            if owner in self._blocking:
                # Were the interrupted wait served, it could not go on, and time would stand.
                raise RuntimeError(REENTRY)
            if self._explicit or self._arriving:
                refuse_own_hold(participant, owner, self._arriving, self._explicit)
        elif self._blocking:
            refuse_own_wait(self._blocking)
        self.solo = None
        if participant.owner is not owner:
            self._hand_over(participant, owner)
        holds = self._holds
        parent = None
        if inherited is not None and (inherited.owner is not owner or inherited.parent is not None):
            parent = holds.living(inherited, owner)
        participant.served = False
        participant.ahead_ns = None
        participant.parent = parent
        participant.deadline = deadline
        hold = holds.of(owner)
        if hold is None:
            holds.welcome(owner, participant.name, parent, self)
        elif hold.active:
            participant.own = hold
            # As `deactivate`, without the call.
            holds.active.pop(hold, None)
            hold.active = False
        body = parent
        while body is not None:
            body.begin_work(participant)
            body = body.parent
        if participant.owner is not owner:
            self._change_owner(participant, owner)
        if participant.blocks:
            self._blocking[owner] = participant
        self._due.add(participant, deadline)
        if self._arriving:
            self._arriving.pop(participant, None)

    def hand_on(self, participant: Participant, deadline: int, owner: object, budget: Budget) -> Step | None:
        """Let the participant that was served last wait again, and the next one be served; None: not done.

        What `begin` and `dispatch` do, for the body of a task that works for no other, and has let none
        work for it: the way that most ticks go. Its context's hold must be the participant's, and no consumer
        may have to take what there is. Return how that goes on: PARK where another one's loop or stream holds
        time now, AGAIN where that is not known.
        """
        hold, holds = participant.hold, self._holds
        if (
            hold is None
            or holds.present.get(owner) is not hold
            or not hold.active
            or hold.workers
            or hold.parent is not None
            or participant.deadline is not None
            or self._serving is not None
            or self._blocking
            or self._arriving
        ):
            return None
        self.solo = None
        participant.served = False
        participant.ahead_ns = None
        participant.parent = None
        participant.deadline = deadline
        participant.own = hold
        active, due_times = holds.active, self._due
        active.pop(hold, None)
        hold.active = False
        due_times.time(participant, deadline - participant.base)
        if due_times.ready and not (active or self.moving or due_times.probing):
            following = due_times.taken_out()
            if following is not None:
                self._serve(following)
                due_times.ready.popleft()
                if following is self._ahead.last:
                    self._ahead.wake(due_times.behind(MOST_AHEAD), budget.now())
                return steps.AGAIN if following.transient else steps.PARK
        before = self._mover.position
        arrived = self.dispatch(budget)
        if arrived and not self.turns.likely and self._mover.position != before:
            self.turns.time_has_moved(len(self._open))
        return steps.DONE if participant.served else steps.AGAIN

    def _hand_over(self, participant: Participant, owner: object) -> None:
        """End the hold of the participant's owner before, where that has nothing else to hold for."""
        before = participant.owner
        if before is None or before is owner:
            return
        self._change_owner(participant, owner)
        hold = self._holds.of(before)
        if hold is not None and not hold.transient:
            self._holds.end_unless_lasting(before)

    def await_arrivals(self, participant: Participant) -> None:
        """Let no time pass until `arrive` has been called for `participant`, or it is served or gone."""
        self._arriving[participant] = get_ident()

    def arrive(self, participant: Participant) -> None:
        """End what `await_arrivals` began."""
        self._arriving.pop(participant, None)

    def is_alone(self, owner: object, inherited: Hold | None, participant: Participant | None) -> bool:
        """Return whether nobody else takes part, and at most `owner`, which works for nobody, holds time."""
        if self._explicit or self._arriving or self.moving or self._serving is not None:
            return False
        if self._open and (len(self._open) > 1 or participant not in self._open):
            return False
        if participant is not None and not (participant.transient and participant.deadline is None):
            return False
        if inherited is not None and (inherited.owner is not owner or inherited.parent is not None):
            return False
        return self._holds.are_only_of(owner)

    def serve_alone(self, owner: object, name: str, device: object) -> Hold:
        """Return what an owner that is alone holds after a wait for a device."""
        return self._holds.renew(owner, name, device, self)

    def dispatch(self, budget: Budget) -> bool:
        """Serve the next participant, moving time there; return False when there is more to move.

        The call ends when `budget` says so, since callers must not work for long.
        """
        if self._serving is not None:
            self._serve(self._serving)
        mover, due_times, ahead, most = self._mover, self._due, self._ahead, 0
        while not (self.moving or self._arriving or self.holding()):
            position = mover.where()
            if position is None or (first := due_times.first(position)) is None:
                return True
            participant, due = first
            if due <= position:
                more = participant is ahead.last or (not due_times.ready and due_times.gather(position))
                holds = self._serve(participant)
                if more:
                    ahead.wake(due_times.behind(MOST_AHEAD), budget.now())
                if holds and not self._holds.ended(participant.owner):
                    return True
                continue
            if due >= _FAR:
                return True
            most = most or budget.begin()
            if self._keen:
                due = min((due, *(bound for _, bound in self._horizons())))
                if due <= position:
                    return True
            step = min(due - position, most)
            self.moving = not mover.move(position + step)
            if budget.over(step) and not self.moving:
                return False
        return True

    def _horizons(self) -> list[tuple[Participant, int]]:
        """Return those that must miss nothing and do not wait, and beyond what time must not go for each."""
        keen = [p for p in self._keen if p.deadline is None]
        return [(p, p.horizon() - p.base) for p in keen if p.horizon is not None]

    def take(self, hold: Hold) -> None:
        """Hold time explicitly. `hold.owner` must be its own."""
        self.solo = None
        self._explicit[hold] = get_ident()
        self._holds.put(hold)
        self._holds.activate(hold)

    def give_back(self, hold: Hold) -> None:
        """End an explicit hold."""
        self._explicit.pop(hold, None)
        self._holds.forget(hold)

    def moved(self) -> None:
        """Take note that time has arrived where it was moved to."""
        self.moving = False

    def holders(self) -> list[str]:
        """Return the names of those that hold time."""
        position = self._mover.position
        return self._holds.names() + [p.name for p, bound in self._horizons() if bound <= position]

    def keeps(self, hold: Hold) -> bool:
        """Return whether `hold` is its owner's present one."""
        return self._holds.of(hold.owner) is hold

    def is_next(self, participant: Participant) -> bool:
        """Return whether `participant` is the one that time moves for, as far as can be seen now."""
        if self._arriving or self.holding():
            return False
        first = self._due.first(self._mover.position)
        return first is not None and first[0] is participant

    def waiting(self) -> list[Participant]:
        """Return those that wait."""
        return [p for p in tuple(self._open) if p.deadline is not None]

    def nudge(self) -> None:
        """Wake one that waits, unserved, to go on moving time where a caller of `dispatch` stopped."""
        for participant in self._open:
            if participant.parked and participant.deadline is not None:
                participant.rouse()
                return

    def release(self, participants: Collection[Participant], device: object) -> None:
        """Forget some participants, and wake those that wait, unserved: their device is gone.

        What their owners hold after waits for that device ends, unless they take part on another one.
        """
        for participant in tuple(participants):
            waits = participant.deadline is not None
            self.unregister(participant)
            if waits:
                participant.rouse()
        self._holds.end_device(device)

    def _serve(self, participant: Participant) -> bool:
        """Let a participant go on; return whether its owner holds time now, if that has not ended."""
        owner, holds, parent = participant.owner, self._holds, participant.parent
        self._serving = participant
        if parent is None and participant.probe is None and not participant.blocks and not self._arriving:
            # As below, without the calls.
            participant.entry = None
        else:
            self._leave_line(participant)
        participant.own = participant.deadline = None
        transient = participant.transient and not holds.lasts(owner)
        before = holds.present.get(owner)
        if before is not None and before.active:
            holds.deactivate(before)
        # What is done for a body is covered by the body's hold, which ends when the body says so. That a task
        # or a thread has ended has to be noticed, which takes a moment.
        active = not (transient and any(body.counts for body in line(parent)))
        # Without a call of __init__, which costs a twentieth of an async tick.
        hold = _new(Hold)
        hold.owner, hold.name, hold.transient = owner, participant.name, transient
        hold.parent, hold.scheduler, hold.device = parent, self, participant.device
        hold.active, hold.over, hold.workers = active, False, None
        holds.present[owner] = participant.hold = hold
        if active:
            holds.active[hold] = None
        participant.served = True
        if len(self._open) == 1 and not (transient or self.shared) and holds.are_only_of(owner):
            self.solo = participant
        if participant.parked:
            assert participant.place is not None
            participant.place.wake()
            participant.parked = False
        self._serving = None
        return active
