"""The runs of a sweep being made: handed to an executor, and taken back as rows."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from .execute import execute
from .job import Job, Origin
from .pool import WorkerPool, cores
from .row import FAILED, SweepRow
from .showing import Shown

if TYPE_CHECKING:
    from .folder import SweepFolder
    from .how import How
    from .planned import Run
    from .plans import Plan

_COUNTED_S: Final = 5.0
"""How long it is taken for known how many workers a cluster has."""


class Work:
    """An iteration: hands out runs, and takes their rows."""

    def __init__(self, plan: Plan, how: How, files: SweepFolder, rows: dict[str, SweepRow]) -> None:
        self._plan, self._how, self._files, self._rows = plan, how, files, rows
        self._ended: SimpleQueue[Future[dict[str, Any]]] = SimpleQueue()
        self._futures: dict[Future[dict[str, Any]], Run] = {}
        self._running: set[str] = set()
        self._executor: Executor | None = None
        self._failed = sum(row.failed for row in rows.values())
        self._parallel, self._counted_at = 0, 0.0
        self._origin = Origin(
            uuid.uuid4().hex,
            how.experiment.module,
            how.experiment.name,
            how.experiment.file,
            how.path,
            dict(how.simulator),
            dict(how.variables),
        )

    def __iter__(self) -> Iterator[SweepRow]:
        ended = False
        with Shown(str(self._how.experiment)) as shown:
            try:
                while (row := self._next(shown)) is not None:
                    self._plan.tell(row)
                    yield row
                ended = True
            finally:
                self._close(ended)

    def _next(self, shown: Shown) -> SweepRow | None:
        """Return the next row: of a run that has ended already, or of the next that ends."""
        while True:
            while self._has_room():
                run = self._plan.next()
                if run is None:
                    break
                row = self._rows.get(run.id) or (None if self._plan.at_once else self._files.row(run))
                if row is not None:
                    return self._noted(row)
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
        return self._plan.at_once or len(self._futures) < self._workers()

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

    def _taken(self, future: Future[dict[str, Any]]) -> SweepRow | None:
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
        return self._noted(SweepRow(run, self._files.path / run.id, told))

    def _noted(self, row: SweepRow) -> SweepRow:
        if row.id not in self._rows:
            self._rows[row.id] = row
            self._failed += row.failed
        return row

    def _show(self, shown: Shown) -> None:
        if shown.is_shown:
            running = min(len(self._futures), self._workers())
            shown.show(len(self._plan.known), len(self._rows), self._failed, running)

    def _workers(self) -> int:
        """Return how many runs are made at a time; a cluster is asked now and then, for it may grow."""
        now = time.monotonic()
        if not self._parallel or now - self._counted_at > _COUNTED_S:
            self._parallel, self._counted_at = parallel(self._executor or self._how.executor), now
        return self._parallel

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
