"""Waiting in a thread."""

from __future__ import annotations

from _thread import TIMEOUT_MAX, allocate_lock
from typing import TYPE_CHECKING, Final

from cl._core.virtual import Participant

from .owner import current_owner, current_task, serving

if TYPE_CHECKING:
    from _thread import LockType

    from cl._core.engine import Engine

_LONGEST_SLEEP_S: Final = 0.1
"""A device that has gone is noticed by a sleeper within this time."""
_LOOK_UP_S: Final = 0.5
"""Whoever is waiting for others looks up this often."""


def wait(engine: Engine, participant: Participant, deadline: int) -> None:
    """Block until device time has come to `deadline`, as `party`, and everything before it is given."""
    if engine.clock is None:
        _wait_virtual(engine, participant, deadline)
    elif engine.device.info.pushes:
        _wait_arrival(engine, deadline)
    else:
        _wait_wall(engine, deadline)


def wait_once(engine: Engine, name: str, kind: int, deadline: int) -> None:
    """Block until `deadline` as a participant for just this wait."""
    if engine.clock is not None:
        wait(engine, _NOBODY, deadline)
        return
    participant = Participant(name, kind)
    with engine.lock:
        engine.scheduler.register(participant)
    try:
        wait(engine, participant, deadline)
    finally:
        close(engine, participant)


_NOBODY: Final = Participant("nobody", 0)


def wait_for_more(engine: Engine, timeout_seconds: float) -> None:
    """Block until a device that pushes has given anything more; TimeoutError if it does not."""
    came = allocate_lock()
    came.acquire()
    wake = came.release
    longest = max(0.0, min(timeout_seconds, TIMEOUT_MAX))
    with engine.lock:
        engine.check()
        before = engine.position
        engine.on_arrival(before + 1, wake)
    try:
        in_time = came.acquire(timeout=longest)
    finally:
        with engine.lock:
            engine.forget_arrival(wake)
    if engine.position > before:
        return
    engine.check()
    if not in_time:
        raise TimeoutError(f"{engine.device.info.name} has given no frames for {timeout_seconds:g} s")


def close(engine: Engine, participant: Participant) -> None:
    """End a participant; what waits behind it goes on."""
    with engine.lock:
        engine.scheduler.unregister(participant)
        go_on(engine)


def drop(engine: Engine, participant: Participant) -> None:
    """End a participant from wherever its iterator is let go, which may be inside of the engine's lock.

    Where the lock is taken, whoever holds it or comes next clears up.
    """
    engine.dropped.append(participant)
    if engine.lock.acquire(blocking=False):
        try:
            go_on(engine)
        finally:
            engine.lock.release()


def go_on(engine: Engine) -> None:
    """Let whoever is next be served now that somebody is out of the way. Locked."""
    engine.reap()
    if engine.failure is not None or engine.closed:
        return
    # A task does not move time for others on its way out: among them may be some that were cancelled
    # with it and do not know yet. They are woken, and find out.
    if current_task() is not None or not engine.scheduler.dispatch(engine.budget):
        engine.scheduler.nudge()


def advance_a_portion(engine: Engine, to: int) -> bool:
    """Make frames for half a millisecond or so, towards `to`; return whether it is reached. Locked.

    For devices that produce on demand, in wall-clock time.
    """
    budget = engine.budget
    frames = budget.begin()
    while (at := engine.position) < to:
        engine.advance(min(to, at + frames))
        if budget.over(engine.position - at):
            break
    return engine.position >= to


def _dispatch(engine: Engine) -> None:
    if engine.failure is not None or engine.closed:
        return
    engine.reap()
    while not engine.scheduler.dispatch(engine.budget):
        engine.lock.release()
        engine.lock.acquire()


def _wait_wall(engine: Engine, deadline: int) -> None:
    clock = engine.clock
    assert clock is not None
    while clock.seconds_until(deadline) > 2 * _LONGEST_SLEEP_S:
        clock.nap(deadline, int(_LONGEST_SLEEP_S * 1e9))
        engine.check()
    clock.wait(deadline)
    with engine.lock:
        engine.check()
        engine.advance(deadline)


def _wait_arrival(engine: Engine, deadline: int) -> None:
    remote = engine.remote
    if remote is not None and engine.position < deadline and remote.wait(deadline):
        engine.check()
        return
    clock = engine.clock
    if engine.demand is not None and clock is not None:
        while clock.seconds_until(deadline) > 2 * _LONGEST_SLEEP_S:
            clock.nap(deadline, int(_LONGEST_SLEEP_S * 1e9))
            engine.check()
        clock.wait(deadline)
    with engine.lock:
        engine.check()
        if engine.position >= deadline or engine.pass_quietly(deadline):
            return
        if engine.demand is not None:
            engine.demand(deadline)
        gate = allocate_lock()
        gate.acquire()
        wake = gate.release
        engine.on_arrival(deadline, wake)
    try:
        _pass(gate)
    except BaseException:
        with engine.lock:
            engine.forget_arrival(wake)
        raise
    if engine.position < deadline:
        engine.check()


def _wait_virtual(engine: Engine, participant: Participant, deadline: int) -> None:
    scheduler = engine.scheduler
    owner = current_owner()
    with engine.lock:
        engine.check()
        scheduler.begin(participant, deadline, owner, serving.get())
        scheduler.arrive(participant)
    try:
        while not participant.served:
            _turn(engine, participant)
    except BaseException:
        with engine.lock:
            scheduler.withdraw(participant)
            go_on(engine)
        raise
    serving.set(scheduler.hold_of(participant))


def _turn(engine: Engine, participant: Participant) -> None:
    """Move time if it is ours to move; unless served by that, block until woken."""
    with engine.lock:
        engine.check()
        if current_task() is not None and not engine.scheduler.is_next(participant):
            raise _would_deadlock(engine, participant)
        _dispatch(engine)
        if participant.served:
            return
        gate = allocate_lock()
        gate.acquire()
        participant.wake = gate.release
    engine.watch()
    _pass(gate)


def _pass(gate: LockType) -> None:
    """Wait until a gate is opened."""
    # A signal that comes just before a thread blocks does not wake it: Ctrl-C must not be lost by that.
    while not gate.acquire(True, _LOOK_UP_S):
        pass


def _would_deadlock(engine: Engine, participant: Participant) -> RuntimeError:
    """Return the error for a wait that would block the event loop whose tasks have to run first."""
    others = [other.name for other in engine.scheduler.waiting() if other is not participant]
    return RuntimeError(
        f"{participant.name} would block the event loop while other participants of accelerated time have to "
        f"run first ({', '.join(engine.scheduler.holders() + others)}): use the async form"
    )
