"""`python -m cl run SCHEDULE.toml`: applications and recordings at their times, for weeks."""

from __future__ import annotations

import argparse
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

SUMMARY = "Run applications and recordings at times of day or intervals, one after the other on one device."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("schedule", metavar="SCHEDULE.toml", help="what is to be run, and when")
    parser.add_argument("--check", action="store_true", help="only say what would be run next, and when")
    parser.epilog = (
        "It goes on where it was when it is started again. index.html in its output folder shows what has "
        "happened. The exit status is 0 at the schedule's end, 1 if a failure has ended it."
    )


def run(options: argparse.Namespace) -> int:
    """Run it."""
    from cl._schedule.document import read_schedule
    from cl._schedule.supervisor import Supervisor

    schedule = read_schedule(Path(options.schedule))
    clock = _HostClock()
    if options.check:
        _check(options.schedule, clock.now())
        return 0
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with Supervisor(schedule, clock, say=_say) as supervisor:
            return supervisor.run()
    except KeyboardInterrupt:
        _say("interrupted: it goes on where it was when it is started again")
        return 130
    finally:
        signal.signal(signal.SIGTERM, before)


class _HostClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    from cl._values.printing import printable

    print(printable(text), flush=True)


def _check(path: str, now: datetime) -> None:
    from cl._schedule.document import read_schedule

    for run in read_schedule(Path(path)).runs:
        due = run.times.next(now, now)
        what = run.application or f"record {run.record_seconds:g} s"
        when = "never" if due is None else due.astimezone().isoformat(timespec="seconds")
        _say(f"{run.name}: {what}, next {when}")
