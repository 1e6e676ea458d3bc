"""The processes of runs, started apart from the supervisor's, and found again by one that comes later."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

from .state import write_whole
from .worker import JOB, STATUS

LOG: Final = "log.txt"


class Process(Protocol):
    """A run that is at it."""

    pid: int
    start: int
    """When the process was started, by the system's own clock: a later one of the same number has another."""

    def poll(self) -> tuple[int, str] | None:
        """Return its status, negative for a signal, and what it told; None while it runs."""
        ...

    def interrupt(self) -> None:
        """Tell it to end, as Ctrl-C does."""
        ...

    def kill(self) -> None:
        """End it."""
        ...


class Processes:
    """Starts runs, and finds them again."""

    def start(
        self, job: dict[str, Any], folder: Path, directory: Path, environment: dict[str, str]
    ) -> Process:
        """Start a run in a session of its own, its output going to a log; OSError if it cannot be."""
        path = folder / JOB
        write_whole(path, json.dumps(job, indent=1))
        with (folder / LOG).open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "cl._schedule.worker", str(path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=directory,
                env={**os.environ, "PYTHONUNBUFFERED": "1", "CL_PROGRESS": "0", **environment},
                start_new_session=True,
            )
        return _Child(child, folder)

    def find(self, pid: int, start: int, folder: Path) -> Process:
        """Return a process that another supervisor has started; it may have ended."""
        return _Foundling(pid, start, folder)


class _Child:
    def __init__(self, child: subprocess.Popen[bytes], folder: Path) -> None:
        self._child = child
        self._folder = folder
        self.pid = child.pid
        self.start = started(child.pid)

    def poll(self) -> tuple[int, str] | None:
        status = self._child.poll()
        return None if status is None else (status, told(self._folder)[1])

    def interrupt(self) -> None:
        self._child.send_signal(signal.SIGINT)

    def kill(self) -> None:
        self._child.kill()
        self._child.wait()


class _Foundling:
    def __init__(self, pid: int, start: int, folder: Path) -> None:
        self.pid = pid
        self.start = start
        self._folder = folder

    def poll(self) -> tuple[int, str] | None:
        if self.pid > 0 and self.start and started(self.pid) == self.start:
            return None
        status, text = told(self._folder)
        return (1, "it ended without a word while nothing watched it") if status is None else (status, text)

    def interrupt(self) -> None:
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def started(pid: int) -> int:
    """Return when a process was started, in the system's ticks; 0 where there is none (or no /proc)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    fields = stat.rpartition(")")[2].split()
    return 0 if fields[0] in "ZX" else int(fields[19])


def told(folder: Path) -> tuple[int | None, str]:
    """Return what a run has left as its status, and in words; None if nothing."""
    try:
        found = json.loads((folder / STATUS).read_text(encoding="utf-8"))
        return int(found["status"]), str(found["text"])
    except (OSError, ValueError, KeyError, TypeError):
        return None, ""
