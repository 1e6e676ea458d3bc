"""A clock that is set, and processes that are told how they end: weeks of a schedule in a moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cl._schedule.document import Schedule, read_schedule
from cl._schedule.supervisor import Supervisor

BEGAN = datetime(2026, 11, 30, 8, 0, tzinfo=UTC)


class Crash(BaseException):
    """The supervisor's own end, at some moment."""


class World:
    """What there is beside a supervisor: time, and the processes that it has started."""

    def __init__(
        self,
        length: float = 60,
        status: Callable[[str, int], tuple[int, str]] | None = None,
        step: float = 0.2,
    ) -> None:
        """Processes last `length` s; `status` says how the n-th of a name ends; time goes on by `step`."""
        self.step = step
        self.time = BEGAN
        self.length = length
        self.status = status or (lambda name, attempt: (0, ""))
        self.crash_at: datetime | None = None
        self.begun: list[tuple[str, str, datetime]] = []
        self.processes: dict[int, FakeProcess] = {}
        self.said: list[str] = []
        self.ignores_interrupts = False

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=max(seconds, self.step))
        if self.crash_at is not None and self.time >= self.crash_at:
            self.crash_at = None
            raise Crash

    def start(
        self, job: dict[str, Any], folder: Path, directory: Path, environment: dict[str, str]
    ) -> FakeProcess:
        assert folder.is_dir() and all(p.poll() is not None for p in self.processes.values()), "two at once"
        attempt = sum(name == job["name"] for name, _, _ in self.begun)
        self.begun.append((job["name"], job["due"], self.time))
        process = FakeProcess(self, len(self.processes) + 1, *self.status(job["name"], attempt))
        self.environment = environment
        self.processes[process.pid] = process
        return process

    def find(self, pid: int, start: int, folder: Path) -> FakeProcess:
        return self.processes[pid] if pid else FakeProcess(self, 0, 1, "never begun", ended=True)


class FakeProcess:
    def __init__(self, world: World, pid: int, status: int, text: str, ended: bool = False) -> None:
        self.world, self.pid, self.start = world, pid, 1
        self._status, self._text = status, text
        self._ends = world.time if ended else world.time + timedelta(seconds=world.length)
        self.killed = False

    def poll(self) -> tuple[int, str] | None:
        return (self._status, self._text) if self.world.time >= self._ends else None

    def interrupt(self) -> None:
        if not self.world.ignores_interrupts:
            self._ends, self._status, self._text = self.world.time, 1, "it was interrupted"

    def kill(self) -> None:
        self._ends, self.killed = self.world.time, True


def schedule(folder: Path, text: str) -> Schedule:
    path = folder / "plan.toml"
    path.write_text(text)
    return read_schedule(path)


def run(plan: Schedule, world: World) -> tuple[int, Supervisor]:
    """Run a schedule; begin anew whenever the supervisor has crashed."""
    while True:
        supervisor = Supervisor(plan, world, world, world.said.append)
        try:
            with supervisor:
                return supervisor.run(), supervisor
        except Crash:
            continue
