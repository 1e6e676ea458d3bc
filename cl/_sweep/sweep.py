"""`Sweep`: runs that are made when they are asked for, and what has come of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cl._values.numbers import whole
from cl._values.saying import warn

from .plans import FixedPlan
from .work import Work

if TYPE_CHECKING:
    from pathlib import Path

    from .folder import SweepFolder
    from .how import How
    from .plans import Plan
    from .row import SweepRow


class Sweep:
    """The runs of an experiment; made by `cl.sweep`.

    Iterate over it to get each run's `SweepRow` as it finishes, those that are there already at once.
    Whatever asks for results (`run`, the tables, `failed`, `recordings`, `plot`) makes first what is missing.
    An iteration that is left, by Ctrl-C as well, ends what runs; the next one goes on from there.
    """

    def __init__(self, folder: SweepFolder, plan: Plan, how: How) -> None:
        self.folder: Path = folder.path
        self._files = folder
        self._plan = plan
        self._how = how
        self._rows: dict[str, SweepRow] = {}
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

    def __iter__(self) -> Iterator[SweepRow]:
        """Yield the row of each run, as they finish. RuntimeError while another iteration makes runs."""
        if self._working:
            raise RuntimeError(
                "another iteration over this sweep makes its runs: wait for its end, or close it"
            )
        self._working = True
        try:
            self._plan.again()
            yield from Work(self._plan, self._how, self._files, self._rows)
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
    def rows(self) -> list[SweepRow]:
        """The rows of the runs that have ended so far, in the order of the grid. Runs nothing."""
        return [self._rows[run.id] for run in self._plan.known if run.id in self._rows]

    @property
    def failed(self) -> list[SweepRow]:
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
        from cl._values.notebook_bar import html

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
