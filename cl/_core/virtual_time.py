"""Virtual time as a value: a clock that moves only when it is waited for, of one device or several."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from cl.error import DeviceDisconnectedError

from .engine import never_ends
from .host_clock import host_ns
from .participant import Hold
from .reentry_lock import ReentryLock
from .virtual import Scheduler
from .work_budget import WorkBudget

if TYPE_CHECKING:
    from .engine import Engine


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
        self._scheduler = Scheduler(self, never_ends)
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

    # -- what the scheduler moves ---------------------------------------------------------

    @property
    def position(self) -> int:
        """Where time stands: the least of the devices' positions, counted as the first one's are."""
        engines = self._engines
        if len(engines) == 1:
            engine = engines[0]
            return engine.position - engine.base
        return min((engine.position - engine.base for engine in engines), default=self._at)

    def where(self) -> int | None:
        """Return where time stands; None where a consumer has to take what there is before it goes on."""
        engines = self._engines
        if len(engines) == 1:
            engine = engines[0]
            return None if engine.standing else engine.position - engine.base
        return None if any(engine.standing for engine in engines) else self.position

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
        self._scheduler.ask_for_ends(engine.has_ended)
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
        self._scheduler = Scheduler(self, never_ends)

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
