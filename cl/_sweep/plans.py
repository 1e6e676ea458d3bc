"""What is run next: everything at once, or what an optimiser asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from .grid import Optimiser, Parameters, checked, parameters_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .planned import Identities, Run
    from .row import SweepRow


class Plan(Protocol):
    """The runs of a sweep, in their order."""

    known: list[Run]
    """Those that it has come to; `folder.plan` has them."""
    at_once: bool
    """Whether what runs has no say in what comes next."""

    def next(self) -> Run | None:
        """Return the next run; None where there is none, at present."""
        ...

    def tell(self, row: SweepRow) -> None:
        """Take note of a run that has ended."""
        ...

    def again(self) -> None:
        """Begin with the first run again, of those that are known."""
        ...


class FixedPlan:
    """Runs that are all known beforehand."""

    at_once = True

    def __init__(self, runs: list[Run]) -> None:
        self.known = runs
        self._rest: Iterator[Run] = iter(runs)

    def next(self) -> Run | None:
        """Return the next run, None after the last."""
        return next(self._rest, None)

    def tell(self, row: SweepRow) -> None:
        """Nothing depends on it."""

    def again(self) -> None:
        """Begin with the first run again."""
        self._rest = iter(self.known)


class AskedPlan:
    """Runs that an optimiser asks for, each with every seed."""

    at_once = False

    def __init__(
        self,
        optimiser: Optimiser,
        seeds: Sequence[int],
        identities: Identities,
        check: Callable[[Parameters], None],
    ) -> None:
        self.known: list[Run] = []
        self._optimiser = optimiser
        self._seeds = seeds
        self._identities = identities
        self._check = check
        self._waiting: list[Run] = []
        self._asked: dict[str, list[Parameters]] = {}

    def next(self) -> Run | None:
        """Ask for parameters, and return their runs one after the other. Errors as for a grid."""
        if not self._waiting:
            asked = self._optimiser.ask()
            if asked is None:
                return None
            params = checked(asked, "ask()")
            self._check(params)
            self._waiting = [self._identities.run(params, seed) for seed in self._seeds]
            for run in self._waiting:
                self._asked.setdefault(run.id, []).append(dict(asked))
            known = {run.id for run in self.known}
            self.known += [run for run in self._waiting if run.id not in known]
        return self._waiting.pop(0)

    def tell(self, row: SweepRow) -> None:
        """Tell the optimiser, of each time that it asked for this run, what came of it."""
        for params in self._asked.pop(row.id, ()):
            self._optimiser.tell(params, row)

    def again(self) -> None:
        """What has been asked for is known; the optimiser goes on from where it was."""


def plan_of(
    grid: object, seeds: Sequence[int], identities: Identities, check: Callable[[Parameters], None]
) -> FixedPlan:
    """Return the runs of a grid. `check` raises for parameters that the experiment does not take."""
    found = parameters_of(grid)
    for params in found:
        check(params)
    return FixedPlan([identities.run(params, seed) for params in found for seed in seeds])
