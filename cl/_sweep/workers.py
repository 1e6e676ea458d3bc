"""The workers of this process: started when needed, kept for the next run, replaced when they die."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .job import Job, Origin

_ENVIRONMENT: Final = {"PYTHONHASHSEED": "0"}
"""The order of sets is the same in every run."""
_ONE_EACH: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
"""There is a worker for each core: none of them takes several, unless the environment says otherwise."""


class WorkerDiedError(Exception):
    """A worker has ended before its run has: it was killed."""


class Worker:
    """A worker process, for the runs of one sweep; used by one thread at a time, killed by any."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        environment = {**dict.fromkeys(_ONE_EACH, "1"), **os.environ, **_ENVIRONMENT}
        own = str(Path(__file__).parents[2])
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (own, os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "cl._sweep.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the program that sweeps
        )
        self._rest = b""
        try:
            self._tell(origin.plain())
            self.state = self._reply()
            """What it said when it had imported everything."""
        except BaseException:
            self.kill()
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    def run(self, job: Job) -> dict[str, Any]:
        """Make a run, and return how its process ended. WorkerDiedError where the worker was killed."""
        self._tell(job.plain())
        if self.state.get("alone"):
            return self._alone(job.timeout)
        return self._reply()

    def kill(self) -> None:
        """End it, with its run."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """End it, which has no run."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(OSError):
                pipe.close()
        self._process.wait()

    def _alone(self, timeout: float | None) -> dict[str, Any]:
        """Wait for a run that the worker makes itself, and ends with."""
        began = time.monotonic()
        late = not _ends(self._process, timeout)
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)  # not yet waited for: its number is its own
        return {"status": self._process.wait(), "timeout": late, "seconds": time.monotonic() - began}

    def _tell(self, value: Any) -> None:
        assert self._process.stdin is not None
        data = json.dumps(value).encode() + b"\n"
        try:
            while data:
                data = data[self._process.stdin.write(data) or 0 :]
        except OSError as error:
            raise WorkerDiedError from error

    def _reply(self) -> dict[str, Any]:
        """Return the next line; WorkerDiedError where there is none any more."""
        assert self._process.stdout is not None
        while b"\n" not in self._rest:
            data = self._process.stdout.read(1 << 16)
            if not data:
                raise WorkerDiedError
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        found: dict[str, Any] = json.loads(line)
        return found


def _ends(process: subprocess.Popen[bytes], timeout: float | None) -> bool:
    """Wait for the end of a process, and return whether it came before the timeout."""
    if hasattr(os, "pidfd_open"):
        own = os.pidfd_open(process.pid)
        try:
            return bool(select.select([own], [], [], timeout)[0])
        finally:
            os.close(own)
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        return False
    return True


class Workers:
    """Those that are there: some idle, some at work."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._busy: list[Worker] = []
        self.stopped = False
        self.started = 0
        """How many have been started."""

    def take(self, origin: Origin) -> Worker:
        """Return an idle worker for these runs, or a new one."""
        with self._lock:
            found = next((worker for worker in self._idle if worker.origin == origin), None)
            others = [worker for worker in self._idle if worker.origin.sweep != origin.sweep]
            if found is not None:
                self._idle.remove(found)
                self._busy.append(found)
                return found
            self._idle = [worker for worker in self._idle if worker not in others]
        _close(others)
        made = Worker(origin)
        with self._lock:
            self.started += 1
            self._busy.append(made)
            if self.stopped:
                made.kill()
        return made

    def give_back(self, worker: Worker, alive: bool) -> None:
        """Take a worker back; one that has ended, or whose sweep has, is closed."""
        with self._lock:
            self._busy.remove(worker)
            kept = alive and not self.stopped
            if kept:
                self._idle.append(worker)
        if not kept:
            worker.kill()
            worker.close()

    def stop(self) -> None:
        """Kill all that work, and close all that do not: nothing is to be run any more."""
        with self._lock:
            self.stopped = True
            idle, self._idle = self._idle, []
            for worker in self._busy:
                worker.kill()
        _close(idle)


def _close(workers: list[Worker]) -> None:
    for worker in workers:
        worker.close()


PROCESS: Final = Workers()
"""Those of a process that is an executor's own worker: it serves one sweep after the other."""
current: Final[ContextVar[Workers]] = ContextVar("cl_sweep_workers", default=PROCESS)
"""Those that runs of this context are made by."""
