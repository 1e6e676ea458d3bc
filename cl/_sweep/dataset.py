"""The rows of a sweep as an xarray Dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .grid import COLUMNS
from .table import columns, missing

if TYPE_CHECKING:
    from .row import SweepRow


def dataset(rows: Sequence[SweepRow]) -> Any:
    """Return a Dataset over the parameters and the seed; ImportError where xarray is missing."""
    try:
        import xarray
    except ImportError as error:
        raise missing("to_xarray", "xarray", "sweep") from error
    places = _Places(rows)
    names = [name for name in columns(rows) if name not in places.names and name not in ("id", "error")]
    data: dict[str, Any] = {
        name: (places.names, places.filled([row.get(name) for row in rows])) for name in names
    }
    found = [row.arrays for row in rows]
    for name in dict.fromkeys(name for arrays in found for name in arrays):
        values = places.filled_arrays([arrays.get(name) for arrays in found])
        own = [f"{name}_{at}" for at in range(values.ndim - len(places.names))]
        data[name] = ([*places.names, *own], values)
    return xarray.Dataset(data, coords={name: (name, values) for name, values in places.coordinates.items()})


class _Places:
    """Where each row lies: along every parameter, and the seed."""

    def __init__(self, rows: Sequence[SweepRow]) -> None:
        self.names = [*dict.fromkeys(name for row in rows for name in row.params), COLUMNS[1]]
        steps = {name: {} for name in self.names}  # type: dict[str, dict[Any, int]]
        self._indices = [
            tuple(steps[name].setdefault(row.get(name), len(steps[name])) for name in self.names)
            for row in rows
        ]
        self._shape = tuple(len(steps[name]) for name in self.names)
        self.coordinates = {name: _coordinate([*values]) for name, values in steps.items()}

    def filled(self, values: Sequence[Any]) -> Any:
        """Return single values in their places: numbers as floats, all else as objects."""
        import numpy as np

        kinds = {type(value) for value in values if value is not None}
        made = np.full(self._shape, *((np.nan, float) if kinds <= {int, float} else (None, object)))
        for index, value in zip(self._indices, values, strict=True):
            if value is not None:
                made[index] = value
        return made

    def filled_arrays(self, values: Sequence[Any]) -> Any:
        """Return arrays in their places; as objects where they have several shapes."""
        import numpy as np

        shapes = {value.shape for value in values if value is not None}
        kinds = {value.dtype.kind for value in values if value is not None}
        if len(shapes) > 1 or not kinds <= {*"iuf"}:
            made = np.full(self._shape, None, object)
        else:
            made = np.full((*self._shape, *shapes.pop()), np.nan)
        for index, value in zip(self._indices, values, strict=True):
            if value is not None:
                made[index] = value
        return made


def _coordinate(values: list[Any]) -> Any:
    """Return the values of a parameter as a coordinate: tuples by their texts, mixtures as objects."""
    import numpy as np

    if any(isinstance(value, tuple) for value in values):
        values = [str(value) for value in values]
    if len({type(value) for value in values}) == 1:
        return np.array(values)
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return np.array(values, float)
    made = np.empty(len(values), object)
    made[:] = values
    return made
