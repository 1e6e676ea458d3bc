"""Participants in device time, and what their owners hold of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

LOOP: Final = 0
STREAM: Final = 1
SLEEP: Final = 2
READ: Final = 3
UNKNOWN: Final = -1
"""The due time of a participant with a probe, as long as it may change."""
_POSITION_BITS: Final = 64
_PERIOD_BITS: Final = 96
"""A stream's period is its channels and its kinds."""
_NUMBER_BITS: Final = 64


class KeepsHolds(Protocol):
    """What a hold is one of: the scheduler of a virtual time."""

    idle: bool
    """Whether the last device has gone: what its bodies held is over."""

    def keeps(self, hold: Hold) -> bool:
        """Return whether `hold` is its owner's present one."""
        ...


class Place(Protocol):
    """Where a participant's task or thread parks until it is woken."""

    def arm(self) -> None:
        """Make the place ready for one more wait."""
        ...

    def wake(self) -> None:
        """Wake who parks there, or is about to; from any thread."""
        ...


class Hold:
    """Virtual time held by an owner, from the moment it is served.

    `parent` is the hold of the body that the owner was started from, and works for. A hold with `workers`,
    participants that wait and work for it, does not count: its body may be waiting for them.
    """

    __slots__ = ("active", "device", "name", "over", "owner", "parent", "scheduler", "transient", "workers")

    def __init__(
        self,
        owner: object,
        name: str,
        transient: bool,
        parent: Hold | None = None,
        scheduler: KeepsHolds | None = None,
    ) -> None:
        self.owner = owner
        self.name = name
        self.transient = transient
        self.parent = parent
        self.scheduler = scheduler
        """Whose time is held: a program may have several devices, each with a time of its own."""
        self.device: object = None
        """The engine that its owner waited for when it was served, or held; None of a time's own hold."""
        self.active = False
        self.over = False
        """Whether its block has ended, which counts before the hold is forgotten."""
        self.workers: set[Participant] | None = None

    @property
    def counts(self) -> bool:
        """Whether it stops time."""
        return self.active and not self.workers

    def begin_work(self, participant: Participant) -> None:
        """Let a participant work for the body that holds."""
        if self.workers is None:
            self.workers = set()
        self.workers.add(participant)

    def end_work(self, participant: Participant) -> None:
        """Let a participant work for it no longer."""
        if self.workers is not None:
            self.workers.discard(participant)


class Participant:
    """A loop, stream, read, sleep or wait that takes part in device time.

    `deadline` is the timestamp it waits for, or None; `served` says that the wait is over.
    `probe`, for one that waits for events, returns the next timestamp at which it may have one,
    and a timestamp at or before the position when it has; it may set `due` to an answer that is final.
    `horizon`, for one that must miss nothing, returns the timestamp beyond which time must not go while it
    does not wait.
    """

    __slots__ = (
        "_alike", "ahead_ns", "arrival", "ask", "base", "blocks", "deadline", "device", "due", "entry",
        "exact", "goal", "hold", "horizon", "in_order", "key", "longest_s", "name", "own", "owner", "parent",
        "parked", "pause_s", "place", "probe", "served", "transient",
    )  # fmt: skip

    def __init__(self, name: str, kind: int, period: int = 0, probe: Callable[[], int] | None = None) -> None:
        self.name = name
        self.transient = kind >= SLEEP
        self._alike = kind << _PERIOD_BITS | period
        self.key = 0
        """The order of those that are due at the same time: one number, which is compared all the time."""
        self.base = 0
        """What its device's timestamps are ahead of the time that several devices share."""
        self.device: object = None
        """Which of the devices that share a time it waits for."""
        self.probe = probe
        self.horizon: Callable[[], int] | None = None
        self.goal: int | None = None
        """The timestamp at which it will be over, where that is known: for lines of progress."""
        self.deadline: int | None = None
        self.due = UNKNOWN
        """When it is to be served; of one with a probe only if that can no longer change."""
        self.served = False
        self.owner: object = None
        self.parent: Hold | None = None
        self.own: Hold | None = None
        """What its owner held when it began to wait."""
        self.hold: Hold | None = None
        """What it was served with last."""
        self.entry: object = None
        """Its place among those whose due time is known."""
        self.place: Place | None = None
        """Where it parks."""
        self.parked = False
        """Whether it is to be woken there, once."""
        self.in_order = False
        """Whether it is a task on an event loop that runs tasks in the order in which they were woken."""
        self.ahead_ns: int | None = None
        """When, on the host's clock, it was woken before it was served."""
        self.arrival: Callable[[], None] | None = None
        """What wakes it when its frame has come, where that is waited for so."""
        self.ask: Callable[[], None] | None = None
        """What asks a user's source for what it waits for."""
        self.blocks = False
        """Whether it waits by blocking its thread, which may be lent to a user's source meanwhile."""
        self.exact = True
        """Whether what its probe tells of comes just then, and not only at the earliest."""
        self.longest_s = 0.5
        """How long it may rest without a look at what may have come sooner than its probe knew."""
        self.pause_s: float | None = None
        """How many seconds it parks for at most; None for as long as it takes."""

    def park(self) -> Place:
        """Make its place ready: it is to be woken there. Return the place."""
        place = self.place
        assert place is not None
        place.arm()
        self.parked = True
        return place

    def rouse(self) -> None:
        """Wake it, where it parks."""
        if self.parked:
            assert self.place is not None
            self.place.wake()
            self.parked = False

    def rank(self, order: int, position: int, number: int) -> None:
        """Put it behind those of devices before, of registrations before, of lesser kinds and periods."""
        after = (order << _POSITION_BITS) + position
        self.key = (after << _PERIOD_BITS + 2 | self._alike) << _NUMBER_BITS | number
