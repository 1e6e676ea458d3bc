"""What an executor is given to do: one run."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .child import ENDED, RAISED
from .results import FAILURE, RESULT, read_json, write_json
from .row import FAILED
from .workers import WorkerDiedError, current

if TYPE_CHECKING:
    from .job import Job

_WORKERS: Final = 3
"""So many workers may be killed under a run before that is the run's own fault."""


def execute(job: Job) -> dict[str, Any]:
    """Make a run in a process of its own, again where it fails and may, and return what its file says.

    Never raises for what the run does. A run that was stopped returns {}: it has not ended.
    """
    for attempt in range(1, job.retries + 2):
        told = _attempt(job)
        if not told:
            return {}
        told["attempts"] = attempt
        if told["status"] != FAILED:
            break
    own = {"id": job.id, "params": job.params, "seed": job.seed, "code": job.code}
    if told["status"] == FAILED or told["attempts"] > 1:
        folder = Path(job.folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / RESULT, own | told)
    return own | told


def _attempt(job: Job) -> dict[str, Any]:
    for _ in range(_WORKERS):
        workers = current.get()
        if workers.stopped:
            return {}
        try:
            worker = workers.take(job.origin)
        except WorkerDiedError:
            continue
        ended = None
        try:
            if not worker.state["ready"]:
                return _failed(worker.state["error"], worker.state["traceback"])
            ended = worker.run(job)
        except WorkerDiedError:
            continue
        finally:
            workers.give_back(worker, ended is not None and not worker.state.get("alone"))
        if workers.stopped and ended["status"] < 0:
            return {}
        return _told(job, ended)
    return {} if current.get().stopped else _failed(f"{_WORKERS} workers have ended before it was made")


def _told(job: Job, ended: dict[str, Any]) -> dict[str, Any]:
    """Return what has become of a run whose process has ended."""
    folder, status, seconds = Path(job.folder), ended["status"], ended["seconds"]
    found = read_json(folder / RESULT)
    if found is not None:
        return found
    if ended["timeout"]:
        return _failed(f"TimeoutError: it took longer than {job.timeout:g} s", seconds=seconds)
    failure = read_json(folder / FAILURE) if status == RAISED else None
    if failure is not None:
        return _failed(failure["error"], failure["traceback"], seconds)
    return _failed(_how_it_died(status), seconds=seconds)


def _how_it_died(status: int) -> str:
    if status >= 0:
        said = "" if status == ENDED else f" with status {status}"
        return f"its process ended{said} before the experiment had returned (os._exit?)"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    reason = " (out of memory?)" if -status == signal.SIGKILL else ""
    return f"its process was killed by {name}{reason}"


def _failed(error: str, traceback: str | None = None, seconds: float | None = None) -> dict[str, Any]:
    return {"status": FAILED, "error": error, "traceback": traceback, "seconds": seconds}
