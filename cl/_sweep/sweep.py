"""`Sweep`: runs that are made when they are asked for, and what has come of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from cl._values.numbers import whole
from cl._values.saying import warn

from .execute import execute
from .job import Job, Origin
from .plans import FixedPlan
from .pool import WorkerPool, cores
from .row import FAILED, Row
from .showing import Shown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .experiment import Experiment
    from .folder import SweepFolder
    from .planned import Run
    from .plans import Plan


@dataclass(frozen=True, slots=True)
class How:
    """How the runs of a sweep are made."""

    experiment: Experiment
    simulator: Mapping[str, Any]
    path: tuple[str, ...]
    code: str
    executor: Executor | int | None
    timeout: float | None
    retries: int


class Sweep:
    """The runs of an experiment; made by `cl.sweep`.

    Iterate over it to get each run's `Row` as it finishes, those that are there already at once.
    Whatever asks for results (`run`, the tables, `failed`, `recordings`, `plot`) makes first what is missing.
    An iteration that is left, by Ctrl-C as well, ends what runs; the next one goes on from there.
    """

    def __init__(self, folder: SweepFolder, plan: Plan, how: How) -> None:
        self.folder: Path = folder.path
        self._files = folder
        self._plan = plan
        self._how = how
        self._rows: dict[str, Row] = {}
        self._working = False
        for run in plan.known:
            row = folder.row(run)
            if row is not None:
                self._rows[run.id] = row
        self._warn_of_changes()

    # -- running ---------------------------------------------------------------------------

    def run(self) -> Sweep:
        """Make the runs that are missing, and return this sweep."""
        for _ in self:
            pass
        return self

    def __iter__(self) -> Iterator[Row]:
        """Yield the row of each run, as they finish. RuntimeError while another iteration makes runs."""
        if self._working:
            raise RuntimeError(
                "another iteration over this sweep makes its runs: wait for its end, or close it"
            )
        self._working = True
        try:
            self._plan.again()
            yield from _Work(self._plan, self._how, self._files, self._rows)
        finally:
            self._working = False

    def rerun(self) -> Sweep:
        """Make the failed runs again, and what is missing; what they left stays in `earlier-1` and so on."""
        for row in self.failed:
            self._files.set_aside_failed(row)
            del self._rows[row.id]
        return self.run()

    # -- what there is ---------------------------------------------------------------------

    @property
    def rows(self) -> list[Row]:
        """The rows of the runs that have ended so far, in the order of the grid. Runs nothing."""
        return [self._rows[run.id] for run in self._plan.known if run.id in self._rows]

    @property
    def failed(self) -> list[Row]:
        """The rows of the runs that have no result."""
        return [row for row in self.run().rows if row.failed]

    @property
    def recordings(self) -> list[Path]:
        """The files that the runs have recorded, in the order of the grid."""
        return [path for row in self.run().rows for path in row.recordings]

    def to_pandas(self) -> Any:
        """Return a DataFrame with a row for each run, in the order of the grid. Needs the extra `pandas`.

        Columns: `id`, the parameters, `seed`, `status`, `error`, and the results but for arrays.
        """
        from .table import data_frame

        return data_frame(self.run().rows)

    def to_xarray(self) -> Any:
        """Return a Dataset whose dimensions are the parameters and `seed`. Needs the extra `sweep`.

        Arrays among the results have dimensions of their own besides. Where no run has given a number there
        is NaN; texts and the like are objects, None where there are none.
        """
        from .dataset import dataset

        return dataset(self.run().rows)

    def plot(self, x: str, y: str, hue: str | None = None, *, ax: Any = None) -> Any:
        """Draw a result over a parameter, and return the figure. Needs the extra `sweep`.

        Points are means over all runs of the same `x` (and `hue`, a parameter with a line for each of its
        values), bars their standard deviations. `ax` is drawn on instead of a new figure.
        """
        from .picture import picture

        return picture(self.run().rows, x, y, hue, ax)

    def __len__(self) -> int:
        return len(self._plan.known)

    def __repr__(self) -> str:
        return f"Sweep({str(self._how.experiment)!r}, {self.summary()}, out={str(self.folder)!r})"

    def _repr_html_(self) -> str:
        from .notebook import html

        return html(repr(self), len(self), len(self._rows), sum(row.failed for row in self._rows.values()))

    def only(self, index: int) -> Sweep:
        """Return the sweep of one run, by its place in the order of the grid, from 0 on: for job arrays."""
        known = self._plan.known
        whole(index, "index", 0, len(known) - 1)
        return Sweep(self._files, FixedPlan([known[index]]), self._how)

    def summary(self) -> str:
        """Return how many runs have ended, and how many of these have failed."""
        failed = sum(row.failed for row in self._rows.values())
        return f"{len(self._rows)} of {len(self)} runs done, {failed} failed"

    def _warn_of_changes(self) -> None:
        old = sum(row.code != self._how.code for row in self._rows.values())
        if old:
            warn(
                f"the code of {self._how.experiment} has changed since {old} of its runs were made: they "
                f"stay as they are in {str(self.folder)!r}; remove their folders to have them made anew",
                stacklevel=4,
            )


class _Work:
    """An iteration: hands out runs, and takes their rows."""

    def __init__(self, plan: Plan, how: How, files: SweepFolder, rows: dict[str, Row]) -> None:
        self._plan, self._how, self._files, self._rows = plan, how, files, rows
        self._ended: SimpleQueue[Future[dict[str, Any]]] = SimpleQueue()
        self._futures: dict[Future[dict[str, Any]], Run] = {}
        self._running: set[str] = set()
        self._executor: Executor | None = None
        self._origin = Origin(
            uuid.uuid4().hex,
            how.experiment.module,
            how.experiment.name,
            how.experiment.file,
            how.path,
            dict(how.simulator),
        )

    def __iter__(self) -> Iterator[Row]:
        ended = False
        with Shown(str(self._how.experiment)) as shown:
            try:
                while (row := self._next(shown)) is not None:
                    self._plan.tell(row)
                    yield row
                ended = True
            finally:
                self._close(ended)

    def _next(self, shown: Shown) -> Row | None:
        """Return the next row: of a run that has ended already, or of the next that ends."""
        while True:
            while self._has_room():
                run = self._plan.next()
                if run is None:
                    break
                row = self._rows.get(run.id) or (None if self._plan.at_once else self._files.row(run))
                if row is not None:
                    self._rows[run.id] = row
                    return row
                if run.id in self._running:
                    break  # asked for twice: its end is waited for
                self._submit(run)
            self._show(shown)
            if not self._futures:
                return None
            row = self._taken(self._ended.get())
            if row is not None:
                self._show(shown)
                return row

    def _has_room(self) -> bool:
        return self._plan.at_once or len(self._futures) < parallel(self._executor or self._how.executor)

    def _submit(self, run: Run) -> None:
        if self._executor is None:
            self._executor = self._begin()
        how = self._how
        folder = str(self._files.path / run.id)
        self._files.plan([run])
        job = Job(self._origin, run.id, run.params, run.seed, folder, how.code, how.timeout, how.retries)
        future = self._executor.submit(execute, job)
        self._futures[future] = run
        self._running.add(run.id)
        future.add_done_callback(self._ended.put)

    def _begin(self) -> Executor:
        """Return the executor, for the first run that is to be made."""
        given = self._how.executor
        return given if isinstance(given, Executor) else WorkerPool(given)

    def _taken(self, future: Future[dict[str, Any]]) -> Row | None:
        run = self._futures.pop(future)
        self._running.discard(run.id)
        try:
            told = future.result()
        except BaseException as error:  # the executor's: a process or a machine of its own has gone
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
            told = {"status": FAILED, "error": f"{type(error).__name__} of the executor: {error}"}
        if not told:
            return None
        row = self._rows[run.id] = Row(run, self._files.path / run.id, told)
        return row

    def _show(self, shown: Shown) -> None:
        total, done = len(self._plan.known), len(self._rows)
        failed = sum(row.failed for row in self._rows.values()) if shown.is_shown else 0
        running = min(len(self._futures), parallel(self._executor)) if self._futures else 0
        shown.show(total, done, failed, running)

    def _close(self, ended: bool) -> None:
        for future in self._futures:
            future.cancel()
        if self._executor is not None and self._executor is not self._how.executor:
            self._executor.shutdown(wait=True, cancel_futures=not ended)


def parallel(executor: Executor | int | None) -> int:
    """Return how many runs an executor makes at a time, as far as that can be known."""
    if isinstance(executor, int):
        return executor
    client = getattr(executor, "_client", None)  # of dask.distributed
    if client is not None:
        return max(sum(map(int, client.nthreads().values())), 1)
    workers = getattr(executor, "_max_workers", None)
    return workers if isinstance(workers, int) else cores()
