"""A worker: a process that imports the experiment once, and forks for every run.

`python -m cl._sweep.worker`, started and spoken to by `cl._sweep.workers`: lines of JSON on its stdin (what
it imports, then a run at a time) and on its stdout. It ends when its stdin does. A fork of a process with
several threads may find locks that nobody gives back: a worker whose imports have started threads makes one
run, by itself, and says so.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from . import child, limits
from .carried import put
from .experiment import IMPORTING, Experiment

_IDLE_SECONDS: Final = 60
"""A worker that has had nothing to do for so long ends: an executor keeps none of it."""


def main() -> None:
    """Serve."""
    replies = os.dup(1)
    os.dup2(2, 1)  # what imports print is no reply
    lines = _lines()
    start = json.loads(next(lines))
    try:
        experiment = _warm(start)
    except BaseException as error:
        text = "".join(traceback.format_exception_only(error)).strip()
        _reply(replies, {"ready": False, "error": text, "traceback": traceback.format_exc()})
        return
    alone = not hasattr(os, "pidfd_open") or _threads() > 1
    _reply(replies, {"ready": True, "alone": alone})
    for line in lines:
        job = json.loads(line)
        if alone:
            limits.limit_memory()
            child.main(experiment, start["simulator"], job)
        _reply(replies, _forked(experiment, start, job, replies))


def _warm(start: Mapping[str, Any]) -> Callable[..., Any]:
    """Import the experiment, and all that a run needs besides."""
    os.environ[IMPORTING] = "1"
    put(start["variables"])
    sys.path[:] = [*start["path"], *(folder for folder in sys.path if folder not in start["path"])]
    experiment = Experiment(start["module"], start["name"], start["file"]).load()
    del os.environ[IMPORTING]
    limits.load()
    _load_device(start["simulator"].get("source"))
    gc.collect()
    gc.freeze()
    return experiment


def _load_device(source: str | None) -> None:
    """Import what a device and a recording are made of, by opening one for a moment."""
    from cl._recording import capture, recorder  # noqa: F401
    from cl._session.opening import open
    from cl._store.write import writer  # noqa: F401
    from cl.sim import Simulator
    from cl.sim.user.factory_path import imported

    # With jitter detection, for then a loop has nothing to say on stderr.
    simulator = Simulator("random", seed=0, accelerated=True, jitter_detection=True)
    with open(device=simulator) as neurons:
        for _ in neurons.loop(1000, stop_after_ticks=2):
            pass
    if source not in (None, "random"):
        with suppress(Exception):  # a run will say what is wrong
            imported(source, "source")


def _forked(experiment: Callable[..., Any], start: Mapping[str, Any], job: Any, replies: int) -> Any:
    """Make a run in a fork, and return how that ended: its `status` (below 0: a signal), `timeout`."""
    began, worker = time.monotonic(), os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            os.close(replies)
            limits.end_with(worker)
            limits.limit_memory()
        except BaseException:
            os._exit(child.RAISED)
        child.main(experiment, start["simulator"], job)
    late = not _wait(pid, job["timeout"])
    _, status = _ended(pid)
    seconds = round(time.monotonic() - began, 6)
    return {"status": os.waitstatus_to_exitcode(status), "timeout": late, "seconds": seconds}


def _wait(pid: int, timeout: float | None) -> bool:
    """Wait until a child has ended, and return True; False after the timeout. End with one's own stdin."""
    process = os.pidfd_open(pid)
    try:
        found, _, _ = select.select([process, 0], [], [], timeout)
        if 0 in found and process not in found:  # who asked for the run has gone
            _ended(pid)
            os._exit(0)
        return bool(found)
    finally:
        os.close(process)


def _ended(pid: int) -> tuple[int, int]:
    """Kill a child and all that it has started, which is its session, and return how it ended."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)  # not yet waited for: its number is its own
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)  # it may not have come to its session yet
    return os.waitpid(pid, 0)


def _lines() -> Iterator[bytes]:
    """Yield the lines of stdin, without reading ahead of the line; end with it, or after a while without."""
    rest = b""
    while select.select([0], [], [], _IDLE_SECONDS)[0]:
        data = os.read(0, 1 << 16)
        if not data:
            return
        *lines, rest = (rest + data).split(b"\n")
        yield from lines


def _reply(replies: int, value: Mapping[str, Any]) -> None:
    data = json.dumps(value).encode() + b"\n"
    while data:
        data = data[os.write(replies, data) :]


def _threads() -> int:
    """Return how many threads this process has, those of libraries among them."""
    return len(os.listdir("/proc/self/task"))


if __name__ == "__main__":
    main()
