"""Does what a schedule says: one run after the other, each in a process of its own."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from .document import Schedule
from .page import page
from .planner import NO_DEVICE_OUTCOME, Begin, End, next_step, take_result
from .processes import Process, Processes
from .state import Result, Running, State, StateFile, write_whole
from .worker import NO_DEVICE, STATUS

if TYPE_CHECKING:
    from types import TracebackType

LONGEST_S: Final = 30.0
"""It looks at the clock as often: that may have been set, or the machine have slept."""
_POLL_S: Final = 0.2
GRACE_S: Final = 60.0
"""What an interrupted run gets to make its recordings whole."""
_TIMED_OUT: Final = 124


class Clock(Protocol):
    """What time it is."""

    def now(self) -> datetime:
        """Return the time, in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait so long."""
        ...


class Supervisor:
    """Runs a schedule until its end; a context manager that holds its folder: only one at a time does."""

    def __init__(
        self,
        schedule: Schedule,
        clock: Clock,
        processes: Processes | Any = None,
        say: Callable[[str], None] = print,
    ) -> None:
        """Take up the state that there is, or begin; OSError or ValueError if it cannot be read or kept."""
        self._schedule = schedule
        self._clock = clock
        self._processes = processes or Processes()
        self._say = say
        self._lock: int = -1
        self._runs = {run.name: run for run in schedule.runs}
        schedule.output.mkdir(parents=True, exist_ok=True)
        self._file = StateFile(schedule.output)
        self.state = State(began=clock.now())
        self.results: deque[Result] = deque()
        """The last results."""

    def __enter__(self) -> Supervisor:
        self._lock = _locked(self._schedule.output)
        try:
            self.state = self._file.load() or self.state
            self.results = self._file.results()
            self._save()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def run(self) -> int:
        """Do all of it; return 0, or 1 where a failure has ended the schedule."""
        if self.state.running is not None:
            self._take_up(self.state.running)
        while True:
            now = self._clock.now()
            step, missed = next_step(self._schedule, self.state, now)
            for result in missed:
                self._note(result)
                self._tell(f"{result.run}: missed, {result.text}")
            if isinstance(step, End):
                self._tell(f"the schedule has ended: {step.reason}")
                self._save()
                return 1 if self.state.stopped else 0
            if isinstance(step, Begin):
                self._begin(step)
            else:
                seconds = (step.until - now).total_seconds()
                self._clock.sleep(min(max(seconds, 0.001), LONGEST_S))

    # -- one run

    def _begin(self, step: Begin) -> None:
        run, now = step.run, self._clock.now()
        folder = self._same_folder(step) or _new_folder(self._schedule.output / run.name, now)
        running = self.state.running = Running(run.name, step.due, now, folder.name)
        self._save()
        job = {
            "name": run.name,
            "due": step.due.isoformat(),
            "application": run.application,
            "configuration": run.configuration,
            "record_seconds": run.record_seconds,
            "recording": dict(run.recording),
        }
        environment = dict(self._schedule.environment)
        if self._schedule.device is not None:
            environment["CL_DEVICE"] = self._schedule.device
        self._tell(f"{run.name} begins")
        try:
            process = self._processes.start(job, folder, self._schedule.folder, environment)
        except OSError as error:
            self._end(running, 1, f"it could not be started: {error}", False)
            return
        running.pid, running.process_start = process.pid, process.start
        self._save()
        self._watch(running, process)

    def _same_folder(self, step: Begin) -> Path | None:
        """Return the folder of what could not begin without its device, and is tried again."""
        last = self.results[-1] if self.results else None
        if last is None or (last.run, last.due, last.outcome) != (step.run.name, step.due, NO_DEVICE_OUTCOME):
            return None
        folder = self._schedule.output / last.folder
        (folder / STATUS).unlink(missing_ok=True)
        return folder if folder.is_dir() else None

    def _take_up(self, running: Running) -> None:
        """Go on with a run that an earlier supervisor has begun, whatever has become of it."""
        last = self.results[-1] if self.results else None
        if last is not None and (last.run, last.started) == (running.run, running.started):
            # It has ended, and the supervisor just behind it.
            self._settle(last)
            return
        self._tell(f"{running.run} was begun earlier")
        process = self._processes.find(running.pid, running.process_start, self._folder(running))
        self._watch(running, process)

    def _watch(self, running: Running, process: Process) -> None:
        """Wait for the end of a run, and see to it."""
        run = self._runs.get(running.run)
        limit = None if run is None or run.limit is None else running.started + run.limit
        late = False
        try:
            while (found := process.poll()) is None:
                now = self._clock.now()
                if limit is not None and now >= limit:
                    self._tell(f"{running.run} has taken longer than its limit: it is told to end")
                    late, found = True, self._stop(process)
                    break
                self._clock.sleep(_POLL_S)
        except BaseException:
            # The supervisor is to end, and its run with it: another one would not know the device is taken.
            status, text = self._stop(process)
            self._end(running, status or 1, text or "the schedule was interrupted", False, "interrupted")
            raise
        assert found is not None
        self._end(running, *found, late)

    def _stop(self, process: Process) -> tuple[int, str]:
        with suppress(OSError):
            process.interrupt()
        until = self._clock.now() + timedelta(seconds=GRACE_S)
        while (found := process.poll()) is None:
            if self._clock.now() >= until:
                process.kill()
                return -9, "it did not end, and was killed"
            self._clock.sleep(_POLL_S)
        return found

    def _end(self, running: Running, status: int, text: str, late: bool, outcome: str = "") -> None:
        outcome = outcome or _outcome(status, late)
        if status < 0 and not text:
            text = f"it was ended by signal {-status}"
        result = Result(
            running.run,
            running.due,
            running.started,
            self._clock.now(),
            outcome,
            text,
            _place(running),
        )
        self._note(result)
        self._settle(result)

    def _settle(self, result: Result) -> None:
        """Have the state know of a result, which the history has."""
        self.state.running = None
        run = self._runs.get(result.run)
        then = "" if run is None else take_result(run, self.state, result)
        parts = [f"{result.run}: {result.outcome}", result.text, then]
        self._tell(", ".join(part for part in parts if part))
        self._save()

    # -- what is told and kept

    def _note(self, result: Result) -> None:
        last = self.results[-1] if self.results else None
        if (
            last is not None
            and last.outcome == result.outcome == NO_DEVICE_OUTCOME
            and (last.run, last.due) == (result.run, result.due)
        ):
            # It waits for its device: one line for all of that.
            last.started, last.ended = result.started, result.ended
            return
        self.results.append(result)
        self._file.add(result)

    def _tell(self, text: str) -> None:
        self._say(f"{self._clock.now().isoformat(timespec='seconds')} {text}")

    def _save(self) -> None:
        self._file.save(self.state)
        shown = page(self._schedule, self.state, self.results, self._clock.now())
        write_whole(self._schedule.output / "index.html", shown, settled=False)

    def _folder(self, running: Running) -> Path:
        return self._schedule.output / _place(running)


def _place(running: Running) -> str:
    return f"{running.run}/{running.folder}"


def _outcome(status: int, late: bool) -> str:
    if late or status == _TIMED_OUT:
        return "timed out"
    if status == NO_DEVICE:
        return NO_DEVICE_OUTCOME
    return "failed" if status else "done"


def _new_folder(parent: Path, now: datetime) -> Path:
    stamp = now.astimezone(UTC).strftime("%Y_%m_%d_%H_%M_%S")
    number = 1
    while True:
        folder = parent / (stamp if number == 1 else f"{stamp}_{number}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            number += 1


def _locked(folder: Path) -> int:
    """Hold a folder; RuntimeError where another supervisor does."""
    import fcntl

    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise RuntimeError(f"{folder} is used by another process that runs this schedule") from None
    return descriptor
