"""What a schedule does next, and what follows from how a run has ended: decided from a state and a moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from .document import Run, Schedule
from .state import Result, State

NO_DEVICE_S: Final = 10.0
"""What could not begin without its device is tried again so much later."""
NO_DEVICE_OUTCOME: Final = "no device"
_BEFORE: Final = timedelta(microseconds=1)


@dataclass(frozen=True)
class Begin:
    """Begin a run that was due at a moment."""

    run: Run
    due: datetime


@dataclass(frozen=True)
class Wait:
    """Wait: until then nothing is due."""

    until: datetime


@dataclass(frozen=True)
class End:
    """There is nothing more to do."""

    reason: str


Step = Begin | Wait | End


def next_step(schedule: Schedule, state: State, now: datetime) -> tuple[Step, list[Result]]:
    """Return what is next, and what has been missed; the state then knows of that.

    Of what was due meanwhile a run is done once, for the last time that it was due. The one that has waited
    for longest is first, then the one that comes first in the file.
    """
    if state.stopped:
        return End(state.stopped), []
    if schedule.until is not None and now >= schedule.until:
        return End(f"it goes until {schedule.until.isoformat()}"), []
    missed: list[Result] = []
    ready: list[tuple[datetime, int, Begin]] = []
    coming: list[datetime] = [] if schedule.until is None else [schedule.until]
    has_more = False
    for place, run in enumerate(schedule.runs):
        due, later, lost = _due(run, state, now)
        missed += lost
        if due is not None:
            ready.append((due, place, Begin(run, due)))
        elif later is not None:
            coming.append(later)
        has_more = has_more or due is not None or later is not None
    if ready:
        return min(ready, key=lambda each: each[:2])[2], missed
    if not has_more:
        return End("all runs are done"), missed
    return Wait(min(coming)), missed


def _due(run: Run, state: State, now: datetime) -> tuple[datetime | None, datetime | None, list[Result]]:
    """Return since when a run is due, or when it will be, and what of it has been missed."""
    progress = state.of(run.name)
    if progress.dropped or (run.most is not None and progress.ended >= run.most and progress.again is None):
        return None, None, []
    handled = progress.handled or state.began - _BEFORE
    newest, before = run.times.last(handled, now, state.began)
    if progress.again is not None and progress.again_due is not None:
        if newest is None or progress.again <= now:
            ready = progress.again <= now
            return (progress.again_due, None, []) if ready else (None, progress.again, [])
        # It was to be done again, and is due anew: once is enough.
        progress.again = progress.again_due = None
        progress.failures = 0
    if newest is None:
        return None, run.times.next(handled, state.began), []
    if not before:
        return newest, None, []
    progress.handled = newest - _BEFORE
    text = (
        f"{before} times, while others ran or nothing did"
        if before > 1
        else "while another one ran, or nothing did"
    )
    first = run.times.next(handled, state.began) or newest
    return newest, None, [Result(run.name, first, None, now, "missed", text)]


def take_result(run: Run, state: State, result: Result) -> str:
    """Take note of how a run has ended; return what is done now, in words, nothing if all is well."""
    progress = state.of(run.name)
    progress.again = progress.again_due = None
    if result.outcome == NO_DEVICE_OUTCOME:
        progress.again = result.ended + timedelta(seconds=NO_DEVICE_S)
        progress.again_due = result.due
        progress.handled = max(result.due, progress.handled or result.due)
        return f"it is tried again in {NO_DEVICE_S:g} s"
    progress.handled = max(result.due, progress.handled or result.due)
    if result.outcome == "done":
        progress.failures = 0
        progress.ended += 1
        return ""
    progress.failures += 1
    policy = run.policy
    if policy.after_failure == "retry" and progress.failures <= policy.retries:
        progress.again = result.ended + policy.retry_after
        progress.again_due = result.due
        seconds = policy.retry_after.total_seconds()
        return f"it is done again in {seconds:g} s, {progress.failures} of {policy.retries}"
    progress.ended += 1
    progress.failures = 0
    if policy.after_failure == "stop":
        state.stopped = f"{run.name} has {result.outcome}: {result.text}".rstrip(": ")
        return "the schedule ends"
    if policy.after_failure == "drop":
        progress.dropped = True
        return "it is not done any more"
    return "the schedule goes on"
