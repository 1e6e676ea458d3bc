"""One run, in a process of its own: whatever an experiment does to its process is gone with that."""

from __future__ import annotations

import fcntl
import inspect
import os
import random
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from .canonical import from_json
from .experiment import first_parameter
from .folder import LOCK, set_aside
from .grid import COLUMNS
from .results import FAILURE, RESULT, checked, save_arrays, write_json

if TYPE_CHECKING:
    from cl.sim import Simulator

LOG: Final = "log.txt"
"""What the experiment prints."""
ENDED: Final = 0
RAISED: Final = 70
"""The status of a process whose experiment raised an exception, which `failure.json` tells."""


def main(experiment: Callable[..., Any], simulator: Mapping[str, Any], job: Mapping[str, Any]) -> NoReturn:
    """Make a run, and end the process."""
    status = RAISED
    try:
        status = _made(experiment, simulator, job)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        os._exit(status)


def _made(experiment: Callable[..., Any], simulator: Mapping[str, Any], job: Mapping[str, Any]) -> int:
    folder = Path(job["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    _wait_for_others(folder)
    if (folder / RESULT).exists():
        return ENDED  # another process has made it meanwhile
    set_aside(folder)
    params = {name: from_json(value) for name, value in job["params"].items()}
    write_json(folder / "params.json", {name: job[name] for name in ("id", "params", "seed", "code")})
    _settle(folder, job["id"])
    began = time.perf_counter()
    try:
        result, arrays = checked(_run(experiment, simulator, params, job["seed"]), params, COLUMNS)
        if arrays.found:
            save_arrays(folder, arrays.found)
    except BaseException as error:
        traceback.print_exc()
        write_json(folder / FAILURE, _told(error))
        return RAISED
    seconds = round(time.perf_counter() - began, 6)
    told = {"status": "done", "seconds": seconds, "code": job["code"], "result": result}
    write_json(folder / RESULT, {name: job[name] for name in ("id", "params", "seed")} | told)
    return ENDED


def _wait_for_others(folder: Path) -> None:
    """Wait until no other process makes this run; the lock goes with the process."""
    file = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    with suppress(OSError):  # a file system that has none
        fcntl.flock(file, fcntl.LOCK_EX)


def _settle(folder: Path, identity: str) -> None:
    """Have the process work in its folder and print into its log, with randomness that is its own."""
    os.chdir(folder)
    log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    seed = int(identity, 16)
    random.seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed & 0xFFFFFFFF)


def _run(experiment: Callable[..., Any], arguments: Mapping[str, Any], params: Any, seed: int) -> Any:
    from cl.sim import Simulator

    simulator = Simulator(**arguments, seed=seed, accelerated=True)
    opens = first_parameter(experiment) == "open"
    if inspect.iscoroutinefunction(experiment):
        import asyncio

        return asyncio.run(_arun(experiment, simulator, params, opens))
    from cl._session import opening

    if opens:
        return experiment(_opener(opening.open, simulator), **params)
    with opening.open(device=simulator) as neurons:
        return experiment(neurons, **params)


async def _arun(experiment: Callable[..., Any], simulator: Simulator, params: Any, opens: bool) -> Any:
    from cl._session import opening

    if opens:
        return await experiment(_opener(opening.aopen, simulator), **params)
    async with opening.aopen(device=simulator) as neurons:
        return await experiment(neurons, **params)


def _opener(opened: Callable[..., Any], simulator: Simulator) -> Callable[..., Any]:
    """Return what an experiment opens its device with."""

    def open(take_control: bool = True, wait_until_recordable: bool = True, **options: Any) -> Any:
        return opened(take_control, wait_until_recordable, **{"device": simulator, **options})

    return open


def _told(error: BaseException) -> dict[str, Any]:
    text = "".join(traceback.format_exception_only(error)).strip()
    return {"error": text, "traceback": "".join(traceback.format_exception(error))}
