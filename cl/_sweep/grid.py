"""The parameters of a sweep's runs: products of lists, lists of mappings, what an optimiser asks for."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol, TypeGuard

from cl._values.numbers import kind, whole

from .canonical import canonical, parameter

COLUMNS: Final = ("id", "seed", "status", "error")
"""What a row has besides its parameters and results."""
Parameters = dict[str, Any]


class Optimiser(Protocol):
    """A grid that makes up its mind: what is to be run next depends on what has been found."""

    def ask(self) -> Mapping[str, Any] | None:
        """Return the next run's parameters; None for none, at present: it is asked again when runs end."""
        ...

    def tell(self, params: Mapping[str, Any], row: Any) -> None:
        """Take note of a run that has finished: its row."""
        ...


def is_optimiser(grid: Any) -> TypeGuard[Optimiser]:
    """Return whether parameters are to be asked for."""
    return callable(getattr(grid, "ask", None)) and callable(getattr(grid, "tell", None))


def parameters_of(grid: Any) -> list[Parameters]:
    """Return the parameters of each run, in order.

    TypeError and ValueError, which name the place, for what cannot be one, for clashing names, for
    parameters that are there twice, and for none.
    """
    found = _product(grid) if isinstance(grid, Mapping) else _listed(grid)
    if not found:
        raise ValueError("grid has no runs: it is empty")
    seen: dict[str, int] = {}
    for number, params in enumerate(found):
        first = seen.setdefault(canonical(params), number)
        if first != number:
            raise ValueError(f"grid has {params!r} twice: as runs {first} and {number}")
    return found


def checked(params: Any, where: str) -> Parameters:
    """Return a run's parameters as plain values; TypeError and ValueError as for `parameters_of`."""
    if not isinstance(params, Mapping):
        raise TypeError(f"{where} is {kind(params)}: it must map the names of parameters to their values")
    for name in params:
        _check_name(name, where)
    return {name: parameter(value, f"{where}[{name!r}]") for name, value in params.items()}


def seeds_of(seeds: Any) -> list[int]:
    """Return the seeds: 0 to n - 1 for an integer n, else those given, of at least 0 and each once."""
    if (
        isinstance(seeds, (str, bytes))
        or not isinstance(seeds, Iterable)
        or getattr(seeds, "shape", None) == ()
    ):
        found = list(range(whole(seeds, "seeds", 0)))
    else:
        found = [whole(seed, f"seeds[{at}]", 0) for at, seed in enumerate(seeds)]
    if not found:
        raise ValueError(f"seeds is {seeds!r}: there are no runs")
    if len({*found}) < len(found):
        twice = next(seed for seed in found if found.count(seed) > 1)
        raise ValueError(f"seeds has {twice} twice")
    return found


def _product(grid: Mapping[Any, Any]) -> list[Parameters]:
    columns = {name: _values(name, values) for name, values in grid.items()}
    return [dict(zip(columns, values, strict=True)) for values in itertools.product(*columns.values())]


def _values(name: Any, values: Any) -> list[Any]:
    _check_name(name, "grid")
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        raise TypeError(f"grid[{name!r}] is {kind(values)}: it must be a list of values")
    found = [parameter(value, f"grid[{name!r}][{at}]") for at, value in enumerate(values)]
    if not found:
        raise ValueError(f"grid[{name!r}] is empty: there are no runs")
    seen: set[Any] = set()
    for value in found:
        if value in seen:
            raise ValueError(f"grid[{name!r}] has {value!r} twice")
        seen.add(value)
    return found


def _listed(grid: Any) -> list[Parameters]:
    if isinstance(grid, (str, bytes)) or not isinstance(grid, Iterable):
        raise TypeError(
            f"grid is {kind(grid)}: it takes a mapping of lists, a list of mappings, or an object with "
            "ask() and tell(params, row)"
        )
    return [checked(params, f"grid[{at}]") for at, params in enumerate(grid)]


def _check_name(name: Any, where: str) -> None:
    if not isinstance(name, str):
        raise TypeError(f"{where} has {kind(name)}: parameters have names")
    if name in COLUMNS:
        raise ValueError(f"{where} has {name!r}, which is a name of every row: rename the parameter")
