"""`python -m cl sweep run | status | table`: one experiment, for many parameters and seeds."""

from __future__ import annotations

import argparse
import csv
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cl._values.printing import printable, printable_lines
from cl._values.saying import say

if TYPE_CHECKING:
    from cl._sweep.row import SweepRow
    from cl._sweep.sweep import Sweep

SUMMARY = "Run an experiment for many parameters and seeds, and show what came of it."
INTERRUPTED = 130
_ERRORS = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add_run(actions.add_parser("run", help="make the runs that are missing", description=_run.__doc__))
    status = actions.add_parser("status", help="how many runs are done", description=_status.__doc__)
    status.set_defaults(act=_status)
    table = actions.add_parser("table", help="the runs as a table", description=_table.__doc__)
    table.add_argument("--csv", action="store_true", help="as CSV, for other programs")
    table.set_defaults(act=_table)
    for sub in (status, table):
        sub.add_argument("out", metavar="DIR", help="a sweep's folder")


def _add_run(run: argparse.ArgumentParser) -> None:
    run.epilog = (
        "GRID is a TOML file: `dose = [0.5, 1.0]` has each value combined with those of the others; tables "
        "[[runs]] are combinations one by one. DIR alone goes on with a sweep; with --index N (a job array) "
        "it makes the run of that number only. Exit status: 1 if a run has failed."
    )
    run.add_argument("target", metavar="FILE.py:EXPERIMENT|DIR", help="what is run, or a sweep to go on with")
    run.add_argument("--grid", metavar="GRID", help="the parameters, a TOML file")
    run.add_argument("--seeds", metavar="A:B|N|A,B,C", default="1", help="the seeds; N is 0:N")
    run.add_argument("--out", metavar="DIR", help="where the runs go")
    run.add_argument(
        "--source", metavar="MODULE:NAME", help="the simulator's data source; else as the environment says"
    )
    where = run.add_mutually_exclusive_group()
    where.add_argument("--workers", metavar="N", type=int, help="processes at a time; else one for each core")
    where.add_argument(
        "--dask", metavar="ADDRESS", help="the scheduler of a Dask cluster; the extra cl-aio[dask]"
    )
    run.add_argument("--timeout", metavar="S", type=float, help="end a run that takes longer, in seconds")
    run.add_argument(
        "--retries", metavar="N", type=int, default=0, help="try a run that fails so often again"
    )
    run.add_argument("--index", metavar="N", type=int, help="only the run of this number, from 0 on")
    run.add_argument("--plan", action="store_true", help="write down what is to be run, and run nothing")
    run.add_argument("--rerun", action="store_true", help="make failed runs again")
    run.set_defaults(act=_run)


def run(options: argparse.Namespace) -> int:
    """Do it; the action's status."""
    act: Callable[[argparse.Namespace], int] = options.act
    return act(options)


def _run(options: argparse.Namespace) -> int:
    """Make the runs of a sweep that are missing. Interrupted, the same command goes on from there."""
    with _executor(options) as executor:
        sweep = _sweep(options, executor)
        if options.plan:
            print(f"{len(sweep)} runs are planned in {printable(str(sweep.folder))}")
            return 0
        if options.index is not None:
            sweep = sweep.only(options.index)
        try:
            sweep.rerun() if options.rerun else sweep.run()
        except KeyboardInterrupt:
            say(f"interrupted: {sweep.summary()}; the same command goes on from there")
            return INTERRUPTED
    return _told(sweep)


def _status(options: argparse.Namespace) -> int:
    """Show how many runs of a sweep are done and failed, and why."""
    return _told(_resumed(options.out))


def _table(options: argparse.Namespace) -> int:
    """Print the runs of a sweep that have ended, a line for each."""
    from cl._sweep.table import columns

    rows = _resumed(options.out).rows
    names = columns(rows)
    lines = [names, *([_cell(row.get(name)) for name in names] for row in rows)]
    if options.csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows(lines)
        return 0
    widths = [max(len(printable(line[at])) for line in lines) for at in range(len(names))]
    for line in lines:
        print(
            "  ".join(printable(cell).ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        )
    return 0


def _told(sweep: Sweep) -> int:
    """Print what has become of a sweep; 1 where a run has failed."""
    failed = [row for row in sweep.rows if row.failed]
    print(f"{sweep.summary()}, in {printable(str(sweep.folder))}")
    for row in failed[:_ERRORS]:
        print(printable_lines(_line(row)))
    if len(failed) > _ERRORS:
        print(f"  and {len(failed) - _ERRORS} more; each has a log.txt in its folder")
    return 1 if failed else 0


def _line(row: SweepRow) -> str:
    params = ", ".join(f"{name}={value!r}" for name, value in row.params.items())
    first = str(row.error).partition("\n")[0]
    return f"  {row.id}  {params}{', ' if params else ''}seed={row.seed}: {first}"


def _sweep(options: argparse.Namespace, executor: Any) -> Sweep:
    if options.grid is None and options.out is None and Path(options.target).is_dir():
        return _resumed(options.target, executor, options.timeout, options.retries)
    if options.out is None:
        raise ValueError("--out DIR is missing: where the runs go")
    try:
        return _made(options, executor)
    except (TypeError, AttributeError) as error:
        raise ValueError(f"{options.target}: {error}") from error


def _made(options: argparse.Namespace, executor: Any) -> Sweep:
    from cl._sweep.experiment import experiment_at
    from cl._sweep.sweeping import made

    named = experiment_at(options.target)
    if named.file is not None:
        sys.path.insert(0, str(Path(named.file).parent))
    grid = {} if options.grid is None else _grid(options.grid)
    return made(
        named,
        named.load(),
        grid,
        _seeds(options.seeds),
        options.out,
        options.source,
        executor,
        options.timeout,
        options.retries,
    )


def _resumed(out: str, executor: Any = None, timeout: float | None = None, retries: int = 0) -> Sweep:
    from cl._sweep.sweeping import resumed

    return resumed(out, executor, timeout, retries)


@contextmanager
def _executor(options: argparse.Namespace) -> Iterator[Any]:
    """Yield what makes the runs."""
    if options.dask is None:
        yield options.workers
        return
    try:
        from distributed import Client
    except ImportError as error:
        from cl._sweep.table import missing

        raise missing("--dask", "dask.distributed", "dask") from error
    connect: Any = Client
    with connect(options.dask) as client, client.get_executor() as executor:
        yield executor


def _grid(path: str) -> Any:
    """Return the grid in a TOML file; its lists in lists are tuples. ValueError that names the file."""
    from cl._sweep.canonical import from_json

    with open(path, "rb") as file:
        try:
            found = tomllib.load(file)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    runs = found.get("runs")
    if isinstance(runs, list) and runs and all(isinstance(one, dict) for one in runs):
        if len(found) > 1:
            raise ValueError(f"{path} has [[runs]] and {', '.join(found.keys() - {'runs'})}: one of both")
        return [{name: from_json(value) for name, value in one.items()} for one in runs]
    return {
        name: [from_json(value) for value in values] if isinstance(values, list) else values
        for name, values in found.items()
    }


def _seeds(text: str) -> Any:
    """Return the seeds of "0:16", "16" or "1,2,7"; ValueError for another text."""
    try:
        if ":" in text:
            first, last = text.split(":")
            return range(int(first or 0), int(last))
        return [int(part) for part in text.split(",")] if "," in text else int(text)
    except ValueError:
        raise ValueError(f'--seeds {text!r} is none of "0:16", "16" and "1,2,7"') from None


def _cell(value: Any) -> str:
    return "" if value is None else str(value)
