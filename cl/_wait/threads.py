"""Waiting in a thread: the interpreter of a wait's steps that blocks."""

from __future__ import annotations

from _thread import TIMEOUT_MAX, allocate_lock
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from cl._core import steps
from cl._core.participant import READ, Participant
from cl._core.reentry_lock import REENTRY
from cl._values.constants import NEVER

from .owner import asyncio_runs, current_task, owner_in, serve_with

if TYPE_CHECKING:
    from _thread import LockType
    from collections.abc import Iterator

    from cl._core.engine import Engine

_LOOK_UP_S: Final = 0.5
"""A thread that waits for others looks up this often."""


class _Gate:
    """Where a thread parks."""

    __slots__ = ("_lock",)

    def arm(self) -> None:
        """Make it ready for one more wait."""
        lock = allocate_lock()
        lock.acquire()
        self._lock = lock

    def wake(self) -> None:
        """Open it: from any thread, again and again."""
        lock = self._lock
        if lock.locked():
            lock.release()

    def park(self) -> None:
        """Wait until it is opened."""
        lock: LockType = self._lock
        # A signal that comes just before a thread blocks does not wake it: Ctrl-C must not be lost by that.
        while not lock.acquire(True, _LOOK_UP_S):
            pass


def wait(engine: Engine, participant: Participant, deadline: int) -> None:
    """Block until device time has come to `deadline`, as `participant`, and everything before it is given."""
    time, lock = engine.time, engine.lock
    refuse_reentry(engine)
    try:
        with lock:
            engine.check()
            engine.reap()
            hold = time.pass_alone(participant.name, deadline, owner_in, participant)
            if hold is None:
                gate = _Gate()
                participant.blocks, participant.place, participant.parked = True, gate, False
                time.begin(participant, deadline, owner_in)
        if hold is not None:
            participant.hold = hold
            serve_with(hold)
            return
        in_task = asyncio_runs() or current_task() is not None
        while True:
            with lock:
                engine.check()
                # One that another thread has served holds time itself now.
                if in_task and not (participant.served or time.may_block(participant)):
                    raise _would_deadlock(engine, participant)
                step = time.poll(participant)
            if step is steps.DONE:
                break
            if step is steps.SLEEP:
                time.sleep(deadline)
            elif step is steps.PARK:
                engine.on_park()
                gate.park()
            elif step is steps.ASK:
                assert participant.ask is not None
                participant.ask()
    except BaseException:
        with lock:
            time.give_up(participant)
            go_on(engine)
        raise
    if participant.hold is not None:
        serve_with(participant.hold)


def refuse_reentry(engine: Engine) -> None:
    """Raise RuntimeError in a thread that would wait for itself: it has the lock, or asks the source.

    It was interrupted there, and calls from a signal's handler, a `__del__` or the like; or it is the source
    that calls.
    """
    if engine.lock.held_here() or engine.supply.is_asked_here():
        raise RuntimeError(REENTRY)


def wait_once(engine: Engine, name: str, kind: int, deadline: int) -> None:
    """Block until `deadline` as a participant for just this wait."""
    join_and_wait(engine, Participant(name, kind), deadline)


def join_and_wait(engine: Engine, participant: Participant, deadline: int) -> None:
    """Block until `deadline` as `participant`, which takes part for just this wait."""
    try:
        try:
            join(engine, participant)
            wait(engine, participant, deadline)
        finally:
            close(engine, participant)
    except BaseException:
        close(engine, participant)  # An interruption may have come just before it was closed.
        raise


@contextmanager
def at_work(engine: Engine) -> Iterator[None]:
    """Have the program count as at work within a block that may take long, and is no wait for a frame."""
    program = engine.time.program
    if program is None or engine.lock.held_here():
        yield
        return
    participant = Participant("a call", READ)
    participant.deadline = NEVER
    with engine.lock:
        program.begins(participant)
    try:
        yield
    finally:
        engine.time.calls += 1
        program.ends(participant)


def join(engine: Engine, participant: Participant) -> None:
    """Let a participant take part in device time."""
    refuse_reentry(engine)
    with engine.lock:
        engine.check()
        engine.time.join(participant)


def hasten(engine: Engine, frame: int) -> None:
    """Have everything before `frame` given, as far as that needs no other thread, without a turn in time."""
    while True:
        with engine.lock:
            engine.check()
            standing, engine.standing = engine.standing, 0
            try:
                step = engine.supply.deliver(frame)
                ask = engine.supply.asks(False) if step is steps.ASK else None
            finally:
                engine.standing += standing
                engine.refresh()
        if ask is not None:
            ask()
        elif step is steps.SLEEP:
            wait_once(engine, "stop", READ, frame)
        elif step is not steps.AGAIN:
            return


def catch_up(engine: Engine) -> None:
    """Let the history reach the present, where the data can be made at once."""
    refuse_reentry(engine)
    to = engine.supply.present(engine.now())
    while True:
        with engine.lock:
            engine.check()
            step = engine.supply.reach(to)
            ask = engine.supply.asks(False) if step is steps.ASK else None
        if ask is not None:
            ask()
        elif step is not steps.AGAIN:
            return


def wait_for_sign(engine: Engine, timeout_seconds: float) -> None:
    """Block until the device shows that it gives frames; TimeoutError if it does not."""
    frame = engine.device.control.next_sign()
    came = allocate_lock()
    came.acquire()
    wake = came.release
    longest = max(0.0, min(timeout_seconds, TIMEOUT_MAX))
    with engine.lock:
        engine.check()
        if engine.position >= frame:
            return
        engine.on_arrival(frame, wake)
    try:
        with at_work(engine):
            in_time = came.acquire(timeout=longest)
    finally:
        with engine.lock:
            engine.forget_arrival(wake)
    if engine.position >= frame:
        return
    engine.check()
    if not in_time:
        raise TimeoutError(f"{engine.device.info.name} has given no frames for {timeout_seconds:g} s")


def close(engine: Engine, participant: Participant) -> None:
    """End a participant, which may have ended; what waits behind it goes on."""
    try:
        if engine.lock.held_here():
            # This thread was interrupted in the midst of a change: it goes on first.
            drop(engine, participant)
            return
        with engine.lock:
            engine.time.leave(participant)
            go_on(engine)
    except BaseException:
        # Interrupted: the next one who comes does it.
        engine.dropped.append(participant)
        raise


def drop(engine: Engine, participant: Participant) -> None:
    """End a participant from wherever its iterator is let go, which may be inside of the engine's lock.

    Where the lock is taken, the one who holds it or comes next clears up.
    """
    engine.dropped.append(participant)
    if engine.lock.held_here():
        return
    try:
        if engine.lock.acquire(blocking=False):
            go_on(engine)
    finally:
        # At once, whether it was taken or not: an interruption may have come before that was known, and comes
        # after a call, but not between here and the release.
        try:
            engine.lock.release()
        except RuntimeError:
            pass  # It was not.


def go_on(engine: Engine) -> None:
    """Let the next participant be served now that one is out of the way. Locked."""
    engine.reap()
    # A task does not move time for others on its way out: among them may be some that were cancelled with it
    # and do not know yet. They are woken, and find out.
    engine.time.go_on(current_task() is None)


def _would_deadlock(engine: Engine, participant: Participant) -> RuntimeError:
    """Return the error for a wait that would block the event loop whose tasks have to run first."""
    others = [name for name in engine.time.waiting() if name != participant.name]
    return RuntimeError(
        f"{participant.name} would block the event loop while other participants of accelerated time have to "
        f"run first ({', '.join(engine.time.holders() + others)}): use the async form"
    )
