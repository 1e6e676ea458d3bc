"""`cl.sweep`."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

from cl._values.numbers import kind, real, whole

from .carried import carried
from .experiment import IMPORTING, Experiment, check_signature, code_of, experiment_of
from .folder import SweepFolder
from .grid import Optimiser, Parameters, is_optimiser, seeds_of
from .how import How
from .planned import Identities
from .plans import AskedPlan, FixedPlan, plan_of
from .search_path import own_path
from .simulated import simulated
from .sweep import Sweep

if TYPE_CHECKING:
    from .plans import Plan

Grid = Mapping[str, Any] | Iterable[Mapping[str, Any]] | Optimiser


def sweep(
    experiment: Callable[..., Any],
    grid: Grid,
    seeds: int | Iterable[int] = 1,
    *,
    out: str | os.PathLike[str],
    source: Any = None,
    executor: Executor | int | None = None,
    timeout: float | None = None,
    retries: int = 0,
) -> Sweep:
    """Run an experiment for many parameters and seeds, each run in a process of its own, in accelerated time.

    `experiment(neurons, **params)`, a function of a module or script, sync or async, returns a mapping of
    results: what JSON holds, and numpy's arrays. One whose first parameter is called `open` opens its device
    itself, `with open() as neurons`. `grid` maps parameters to lists of values, of which every combination
    is run, or is a list of such combinations, or has `ask() -> params | None` and `tell(params, row)`.
    `seeds` is how many, from 0 on, or which. `source` is what the simulator plays: a data source, a mapping
    of `cl.sim.Simulator`'s arguments, or None, what the environment says.

    Returned is a `Sweep`, which makes its runs when it is iterated over, or asked for results. A run works in
    a folder of its own, `out/<id>`, with `params.json`, its recordings, `log.txt` and, at its end,
    `result.json`; runs that have one are not made again. `executor` makes the runs: None for a process on
    each core, a number of processes, or a `concurrent.futures.Executor`, such as that of a Dask cluster. A
    run that takes longer than `timeout` seconds is ended; one that fails is made again up to `retries`
    times, and else is a row with its error.

    Raises TypeError and ValueError before anything runs, for a function that cannot be imported or does not
    take the parameters, for a grid of no runs, with clashing names or with parameters that cannot be told
    apart, and for an `out` that belongs to another experiment.
    """
    return made(experiment_of(experiment), experiment, grid, seeds, out, source, executor, timeout, retries)


def made(
    named: Experiment,
    function: Callable[..., Any],
    grid: Any,
    seeds: Any,
    out: str | os.PathLike[str],
    source: Any = None,
    executor: Executor | int | None = None,
    timeout: float | None = None,
    retries: int = 0,
) -> Sweep:
    """Return the sweep of a function that workers import by a name. See `sweep`."""
    _refuse_in_workers()
    how = How(
        experiment=named,
        simulator=simulated(source),
        variables=carried(),
        path=tuple(own_path()),
        code=code_of(function),
        executor=_executor(executor),
        timeout=_seconds(timeout),
        retries=whole(retries, "retries", 0),
    )
    identities = Identities(named, how.simulator, how.variables)
    plan = _plan(grid, seeds_of(seeds), identities, _checker(function))
    folder = SweepFolder(out)
    folder.check(named)
    folder.claim(how)
    folder.plan(plan.known)
    return Sweep(folder, plan, how)


def resumed(
    out: str | os.PathLike[str],
    executor: Executor | int | None = None,
    timeout: float | None = None,
    retries: int = 0,
) -> Sweep:
    """Return the sweep of a folder, with the runs that were planned; FileNotFoundError where none is."""
    folder = SweepFolder(out)
    said = folder.said()
    if said is None:
        raise FileNotFoundError(f"{str(folder.path)!r} has no sweep")
    module, _, name = said["experiment"].partition(":")
    named = Experiment(module, name, said["file"])
    how = How(
        experiment=named,
        simulator=said["simulator"],
        variables=said["variables"],
        path=tuple(said["path"]),
        code=said["code"],
        executor=_executor(executor),
        timeout=_seconds(timeout),
        retries=whole(retries, "retries", 0),
    )
    identities = Identities(named, how.simulator, how.variables)
    return Sweep(folder, FixedPlan(folder.planned(identities)), how)


def _plan(grid: Any, seeds: list[int], identities: Identities, check: Callable[[Parameters], None]) -> Plan:
    if is_optimiser(grid):
        return AskedPlan(grid, seeds, identities, check)
    return plan_of(grid, seeds, identities, check)


def _checker(function: Callable[..., Any]) -> Callable[[Parameters], None]:
    """Return what raises for parameters that a function does not take, looking at each set of names once."""
    known: set[frozenset[str]] = set()

    def check(params: Parameters) -> None:
        names = frozenset(params)
        if names not in known:
            check_signature(function, names)
            known.add(names)

    return check


def _executor(executor: Any) -> Executor | int | None:
    if executor is None or isinstance(executor, Executor):
        return executor
    if callable(getattr(executor, "submit", None)):
        raise TypeError(
            f"executor is {kind(executor)}, no concurrent.futures.Executor: of a Dask client it is "
            "client.get_executor()"
        )
    return whole(executor, "executor", 1)


def _seconds(timeout: Any) -> float | None:
    if timeout is None:
        return None
    seconds = real(timeout, "timeout")
    if not 0 < seconds < math.inf:
        raise ValueError(f"timeout must be more than 0 seconds, not {timeout!r}")
    return seconds


def _refuse_in_workers() -> None:
    if os.environ.get(IMPORTING):
        raise RuntimeError(
            "cl.sweep was called while a worker imports the experiment's script: call it under "
            'if __name__ == "__main__":'
        )
