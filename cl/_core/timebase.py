"""What device time is to its participants: virtual, the host's, or a device's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from .host_clock import Clock
    from .participant import Hold, Participant
    from .steps import Step
    from .turns import Turns
    from .virtual import Scheduler


Owner: TypeAlias = "Callable[[Scheduler], tuple[object, Hold | None]]"
"""Returns the task or thread that waits, and the hold of the body that it works for in a scheduler's time."""


PassesOn: TypeAlias = "Callable[[Participant, int, object], Step | None]"
"""Lets a participant wait for a timestamp again on behalf of the running task; returns the wait's first step.

None where the wait has not begun.
"""


class WaitObserver(Protocol):
    """One that is told who waits, since it watches over the program. Locked."""

    def begins(self, participant: Participant) -> None:
        """Take note that a participant begins to wait."""
        ...

    def ends(self, participant: Participant) -> None:
        """Take note that a wait is over. Without the lock."""
        ...


class Consumer(Protocol):
    """One that must miss nothing: time waits for it, where it can wait."""

    limit: int
    """The frame at which it is to be called next."""

    def take(self, position: int) -> bool:
        """Begin to consume what there is before `position`, without waiting, and set a later limit.

        Return whether time is to stand until `Timebase.taken` is called. Locked.
        """
        ...


class Timebase(Protocol):
    """A device's time. The methods want the engine's lock, unless their docstrings say otherwise."""

    @property
    def clock(self) -> Clock | None:
        """The clock by which frames come to be; None where only waiting brings them about."""
        ...

    calls: int
    """How often the program has called the device, more or less: that it has is all that is asked of this."""
    program: WaitObserver | None
    """What is told of waits, where a watchdog watches the program."""
    peeks: bool
    """Whether frames that do not exist yet can be looked at: nothing changes them, and time stands."""
    grid: int
    """In so many frames event streams are served, where what comes cannot be foreseen."""

    def disown(self) -> None:
        """Let the device take part no more: this is a fork, and the device its parent's."""
        ...

    def now(self) -> int:
        """Return the timestamp of the present. From any thread, without the lock."""
        ...

    def lateness(self, due: int) -> int:
        """Return by how many frames a loop is late that asks for `due` now; 0 or less if it is not.

        Without the lock.
        """
        ...

    def lateness_ns(self, due: int) -> int:
        """Return by how many nanoseconds the present is beyond the time `due`. Without the lock."""
        ...

    def seconds_until(self, frame: int) -> float:
        """Return how long it takes until the frames before `frame` exist; negative when they do.

        Infinite where only waiting brings them about. Without the lock.
        """
        ...

    def due_ns(self, frame: int) -> int:
        """Return the `perf_counter_ns` from which on the frames before `frame` exist. Without the lock."""
        ...

    def comes(self) -> bool:
        """Return whether time goes on by itself, also while no participant waits."""
        ...

    # -- taking part ----------------------------------------------------------------------

    def join(self, participant: Participant) -> None:
        """Let a participant take part from now on."""
        ...

    def expect(self, participant: Participant) -> None:
        """Let no time pass before a participant that has joined waits, as far as time can stand."""
        ...

    def leave(self, participant: Participant) -> None:
        """Let a participant take part no longer."""
        ...

    def take_hold(self, hold: Hold) -> None:
        """Let time stand, as far as it can, until the hold is given back."""
        ...

    def give_back(self, hold: Hold) -> None:
        """End an explicit hold."""
        ...

    def lets_take(self, owner: object) -> bool:
        """Return whether `owner` may take what there is: it is its turn."""
        ...

    def begin_loop(self, period: int) -> int:
        """Return when a loop whose ticks are `period` frames long begins, if it is asked for now."""
        ...

    def end_loop(self, period: int) -> None:
        """Take note that such a loop has ended."""
        ...

    def watch(self, consumer: Consumer) -> None:
        """Have time wait for a consumer at its limits, where time can wait."""
        ...

    def unwatch(self, consumer: Consumer) -> None:
        """Have time wait for a consumer no longer."""
        ...

    def taken(self) -> None:
        """Take note that a consumer that time stood for has taken what there was."""
        ...

    # -- waiting --------------------------------------------------------------------------

    def begin(self, participant: Participant, deadline: int, owner: Owner, fresh: bool = False) -> bool:
        """Let a participant wait for `deadline`; `owner` returns on whose behalf, see `Scheduler.begin`.

        With `fresh` it is a newcomer's first wait: True is returned where those that were started with it are
        to be given time to register before time moves, until `arrive` is called.
        """
        ...

    def arrive(self, participant: Participant) -> None:
        """Take note that those that were started with a newcomer have registered."""
        ...

    def poll(self, participant: Participant) -> Step:
        """Return what a waiter does next."""
        ...

    def poll_event(self, participant: Participant) -> Step:
        """Return what a waiter for the events that its probe tells of does next.

        PARK is for `participant.pause_s` seconds at most.
        """
        ...

    def may_block(self, participant: Participant) -> bool:
        """Return whether a task may wait by blocking its event loop's thread: no other has to run first."""
        ...

    def over(self, participant: Participant) -> None:
        """Take note that a wait for events is over. Without the lock."""
        ...

    def give_up(self, participant: Participant) -> None:
        """End a wait that is not over."""
        ...

    def lone_pass(self, participant: Participant, lends: bool) -> Callable[[int], bool] | None:
        """Return what lets time pass to a timestamp if nothing has to be waited for.

        It returns whether time has passed, and takes the lock itself. None where time never passes so. With
        `lends` the thread may be lent to a user's source meanwhile.
        """
        ...

    def pass_alone(
        self, name: str, deadline: int, owner: Owner, participant: Participant | None = None
    ) -> Hold | None:
        """Let time pass to `deadline` if nobody else takes part, and nothing has to be waited for. Locked.

        Nobody but the owner's `participant`, where it has one, which is there for one wait and does not wait.
        Return what the owner holds then; None, with nothing changed but time perhaps, where the ordinary way
        is to be gone.
        """
        ...

    def passing_on(self) -> tuple[PassesOn, Turns] | None:
        """Return what lets a task's body wait for a timestamp again, and the next participant be served.

        It is the same one for all participants, and takes the lock itself; with it come the turns that tasks
        take. None where nobody waits for another.
        """
        ...

    def wake_ns(self, frame: int) -> int:
        """Return the `perf_counter_ns` to sleep until for the frames before `frame`. Without the lock.

        Work that can be done ahead is done now, where there is room for it.
        """
        ...

    def sleep(self, frame: int) -> None:
        """Block the thread until the frames before `frame` are due, or a while. Without the lock."""
        ...

    def go_on(self, moves: bool) -> None:
        """Let the next participant be served now that one is out of the way.

        With `moves` the caller moves time itself; otherwise it wakes a waiter that does.
        """
        ...

    def holders(self) -> list[str]:
        """Return the names of the participants and holds that time stands still for."""
        ...

    def waiting(self) -> list[str]:
        """Return the names of the participants that wait for their turn."""
        ...
