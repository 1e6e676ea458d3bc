"""Virtual time: who waits for what, who holds it, and who is served next.

The rules (docs/virtual-time.md says them at length):

| event                       | effect                                                                   |
|-----------------------------|--------------------------------------------------------------------------|
| a participant waits         | its owner's hold ends; those of the bodies that it works for do not count |
| such a wait ends, or is     | they count again, unless others who work for them wait; what is done for  |
| given up                    | a body that holds time is done in its hold                                |
| nobody holds                | time moves to the earliest deadline; ties: registered earlier in device   |
|                             | time, then kind, then shorter period, then order of registration          |
| a participant is served     | its owner (task or thread) holds time; nobody else is served               |
| it waits again, is closed,  | the hold ends                                                             |
| its task or thread ends     |                                                                           |
| a stream is not being read  | time stops before the history would lose what is still to be read         |
| a newcomer waits that works | holds left by single reads, sleeps and waits end: those that hold them may |
| for nobody                  | be waiting for the newcomer                                               |

No I/O and no clock in here: the caller holds the engine's lock, moves time, and does the waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Protocol

from cl._values.constants import NEVER

LOOP: Final = 0
STREAM: Final = 1
SLEEP: Final = 2
READ: Final = 3
_UNKNOWN: Final = -1


class Mover(Protocol):
    """What moves time for the scheduler: the engine."""

    position: int

    def move(self, to: int) -> bool:
        """Move device time towards `to`; return False where it arrives later, by itself."""
        ...


class Budget(Protocol):
    """How much is moved in one call: the engine's `cl._core.work_budget.Pace`."""

    def begin(self) -> int:
        """Begin, and return how many frames to move in one go."""
        ...

    def over(self, moved: int) -> bool:
        """Return whether it is enough, `moved` frames later."""
        ...


class Hold:
    """Time held by an owner, from the moment it is served.

    `parent` is the hold of the body that the owner was started from, and works for. A hold with `workers`,
    participants that wait and work for it, does not count: its body may be waiting for them.
    """

    __slots__ = ("active", "name", "owner", "parent", "transient", "workers")

    def __init__(self, owner: object, name: str, transient: bool, parent: Hold | None = None) -> None:
        self.owner = owner
        self.name = name
        self.transient = transient
        self.parent = parent
        self.active = False
        self.workers = 0

    @property
    def counts(self) -> bool:
        """Whether it stops time."""
        return self.active and not self.workers


class Participant:
    """A participant in virtual time.

    `deadline` is the timestamp it waits for, or None; `served` says that the wait is over.
    `probe`, for one that waits for events, returns the next timestamp at which it may have one,
    and a timestamp at or before the position when it has; it may set `due` to an answer that is final.
    `horizon`, for one that must miss nothing, returns the timestamp beyond which time must not go while it
    does not wait.
    """

    __slots__ = (
        "arriving", "deadline", "due", "horizon", "key", "name", "own", "owner", "parent", "probe", "served",
        "transient", "wake",
    )  # fmt: skip

    def __init__(self, name: str, kind: int, period: int = 0, probe: Callable[[], int] | None = None) -> None:
        self.name = name
        self.transient = kind >= SLEEP
        self.key: tuple[int, int, int, int] = (0, kind, period, 0)
        self.probe = probe
        self.horizon: Callable[[], int] | None = None
        self.arriving = False
        """Whether it lets tasks that were started with it register before time moves."""
        self.deadline: int | None = None
        self.due = _UNKNOWN
        """When it is to be served; of one with a probe only if that can no longer change."""
        self.served = False
        self.owner: object = None
        self.parent: Hold | None = None
        self.own: Hold | None = None
        """What its owner held when it began to wait."""
        self.wake: Callable[[], None] | None = None


class Scheduler:
    """Serves the participants of virtual time one at a time, in deadline order."""

    def __init__(self, mover: Mover, ended: Callable[[object], bool]) -> None:
        self._mover = mover
        self._ended = ended
        self._registered = 0
        self._open: list[Participant] = []
        self._waiting: list[Participant] = []
        self._keen: list[Participant] = []
        """Those of the open ones that must miss nothing."""
        self._holds: dict[object, Hold] = {}
        self._active: set[Hold] = set()
        """Those that are active: mostly one of many, and looked at all the time."""
        self._moving = False
        self._arriving = 0
        self.solo: Participant | None = None
        """The only participant, which holds: time moves as it says."""

    def register(self, participant: Participant) -> None:
        """Make `party` a participant from now on."""
        self.solo = None
        self._registered += 1
        _, kind, period, _ = participant.key
        participant.key = (self._mover.position, kind, period, self._registered)
        self._open.append(participant)
        if participant.horizon is not None:
            self._keen.append(participant)

    def unregister(self, participant: Participant) -> None:
        """Forget `party`; the time that its owner holds for it alone is free."""
        if participant not in self._open:
            return
        self.solo = None
        self._open.remove(participant)
        if participant.horizon is not None:
            self._keen.remove(participant)
        self.withdraw(participant)
        self.arrive(participant)
        hold = self._holds.get(participant.owner)
        if hold is not None and not participant.transient and not self._has_durable(participant.owner):
            self._deactivate(hold)

    def withdraw(self, participant: Participant) -> None:
        """End a wait: its owner, and the bodies that it works for, hold time again if they did before."""
        if participant.deadline is None:
            return
        self._waiting.remove(participant)
        participant.deadline = None
        self.arrive(participant)
        for hold in _line(participant.parent):
            hold.workers -= 1
        own, participant.own = participant.own, None
        if own is not None and self._holds.get(own.owner) is own:
            self._activate(own)

    def begin(self, participant: Participant, deadline: int, owner: object, inherited: Hold | None) -> None:
        """Let `party` wait for `deadline` on behalf of `owner`.

        `inherited` is the hold in whose context the owner runs: its own last one, or that of the body that it
        was started from. While somebody works for a body and waits, the body waits.
        """
        if participant.deadline is not None:
            raise RuntimeError(f"{participant.name} is waited for already: give each task and thread its own")
        self.solo = None
        self._hand_over(participant, owner)
        parent = inherited
        while parent is not None and parent.owner is owner:
            parent = parent.parent
        hold = self._holds.get(owner)
        if hold is None:
            self._welcome(owner, participant.name, parent)
        elif hold.active:
            self._deactivate(hold)
            participant.own = hold
        participant.parent = parent
        for body in _line(parent):
            body.workers += 1
        participant.owner = owner
        participant.served = False
        participant.deadline = deadline
        participant.due = deadline if participant.probe is None else _UNKNOWN
        self._waiting.append(participant)

    def _hand_over(self, participant: Participant, owner: object) -> None:
        """End the hold of who drove the participant before, where that has nothing else to hold for."""
        before = participant.owner
        if before is None or before is owner:
            return
        participant.owner = owner
        hold = self._holds.get(before)
        if hold is not None and not hold.transient and not self._has_durable(before):
            self._deactivate(hold)

    def await_arrivals(self, participant: Participant) -> None:
        """Let no time pass until `arrive` has been called for `party`, or it is served or unregistered."""
        if not participant.arriving:
            participant.arriving = True
            self._arriving += 1

    def arrive(self, participant: Participant) -> None:
        """End what `await_arrivals` began."""
        if participant.arriving:
            participant.arriving = False
            self._arriving -= 1

    def dispatch(self, budget: Budget) -> bool:
        """Serve whoever is next, moving time there; return False when there is more to move.

        The call ends when `pace` says so, since callers must not work for long.
        """
        mover = self._mover
        most = budget.begin()
        while self._waiting and not self._moving and not self._arriving and not self.holding():
            participant, deadline = self._next()
            if deadline >= NEVER:
                return True
            position = mover.position
            if deadline <= position:
                self._serve(participant)
                continue
            if self._keen:
                deadline = min(deadline, self._bound())
                if deadline <= position:
                    return True
            step = min(deadline - position, most)
            self._moving = not mover.move(position + step)
            if budget.over(step) and not self._moving:
                return False
        return True

    def _bound(self) -> int:
        """Return up to where time may go without a loss for those that must miss nothing."""
        horizons = [p.horizon() for p in self._keen if p.deadline is None and p.horizon is not None]
        return min(horizons, default=NEVER)

    def take(self, hold: Hold) -> None:
        """Hold time explicitly. `hold.owner` must be its own."""
        self.solo = None
        self._holds[hold.owner] = hold
        self._activate(hold)

    def give_back(self, hold: Hold) -> None:
        """End an explicit hold."""
        self._holds.pop(hold.owner, None)
        self._deactivate(hold)

    def _activate(self, hold: Hold) -> None:
        hold.active = True
        self._active.add(hold)

    def _deactivate(self, hold: Hold) -> None:
        hold.active = False
        self._active.discard(hold)

    def moved(self) -> None:
        """Take note that time has arrived where it was moved to."""
        self._moving = False

    def holding(self) -> bool:
        """Return whether anybody holds time; owners that have ended do not."""
        for hold in tuple(self._active):
            if hold.workers:
                continue
            if not self._ended(hold.owner):
                return True
            self._deactivate(hold)
            del self._holds[hold.owner]
        return False

    def holders(self) -> list[str]:
        """Return the names of those that hold time."""
        names = [hold.name for hold in self._holds.values() if hold.counts and not self._ended(hold.owner)]
        position = self._mover.position
        for participant in self._keen:
            if (
                participant.deadline is None
                and participant.horizon is not None
                and participant.horizon() <= position
            ):
                names.append(participant.name)
        return names

    def is_held_by(self, owner: object) -> bool:
        """Return whether `owner` holds time."""
        hold = self._holds.get(owner)
        return hold is not None and hold.counts

    def may_end_silently(self) -> bool:
        """Return whether somebody holds time who may end without a word: after a single wait."""
        return any(hold.transient and hold.counts for hold in self._active)

    def hold_of(self, participant: Participant) -> Hold | None:
        """Return the hold that `party` was served with."""
        return self._holds.get(participant.owner)

    def is_next(self, participant: Participant) -> bool:
        """Return whether `party` is the one that time moves for, as far as can be seen now."""
        return not self._arriving and not self.holding() and self._next()[0] is participant

    def waiting(self) -> list[Participant]:
        """Return those that wait."""
        return list(self._waiting)

    def nudge(self) -> None:
        """Wake somebody who waits, unserved, to go on moving time where a caller of `dispatch` stopped."""
        for participant in self._waiting:
            if participant.wake is not None:
                _wake(participant)
                return

    def release_all(self) -> None:
        """Wake everybody, unserved: the device is gone."""
        for participant in tuple(self._waiting):
            self.withdraw(participant)
            _wake(participant)

    def _next(self) -> tuple[Participant, int]:
        best, best_due = None, NEVER
        position = self._mover.position
        for participant in self._waiting:
            due = participant.due
            if due == _UNKNOWN:
                assert participant.probe is not None
                due = participant.probe()
                if due <= position:
                    # What has come stays until it is taken.
                    participant.due = due
            if best is None or due < best_due or (due == best_due and participant.key < best.key):
                best, best_due = participant, due
        assert best is not None
        return best, best_due

    def _serve(self, participant: Participant) -> None:
        owner = participant.owner
        self.withdraw(participant)
        transient = participant.transient and not self._has_durable(owner)
        before = self._holds.get(owner)
        if before is not None:
            self._deactivate(before)
        hold = self._holds[owner] = Hold(owner, participant.name, transient, participant.parent)
        # What is done for a body is covered by the body's hold, which ends when the body says so. That a task
        # or a thread has ended has to be noticed, which takes a moment.
        if not (transient and any(body.counts for body in _line(participant.parent))):
            self._activate(hold)
        participant.served = True
        if len(self._open) == 1 and not transient and self._only_holder(participant.owner):
            self.solo = participant
        _wake(participant)

    def _only_holder(self, owner: object) -> bool:
        return all(hold.owner is owner for hold in self._active)

    def _has_durable(self, owner: object) -> bool:
        return any(participant.owner is owner and not participant.transient for participant in self._open)

    def _welcome(self, owner: object, name: str, parent: Hold | None) -> None:
        works = any(self._holds.get(body.owner) is body for body in _line(parent))
        for other, hold in tuple(self._holds.items()):
            if hold.transient and not works:
                # Whoever it is may be waiting for the newcomer, and nobody can know.
                self._deactivate(hold)
            if self._ended(other):
                self._deactivate(hold)
                del self._holds[other]
        self._holds[owner] = Hold(owner, name, transient=True)


def _line(hold: Hold | None) -> Iterator[Hold]:
    """Yield a hold, that of the body which it works for, and so on."""
    while hold is not None:
        yield hold
        hold = hold.parent


def _wake(participant: Participant) -> None:
    wake, participant.wake = participant.wake, None
    if wake is not None:
        wake()
