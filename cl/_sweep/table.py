"""The rows of a sweep as a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .grid import COLUMNS

if TYPE_CHECKING:
    from .row import SweepRow


def data_frame(rows: Sequence[SweepRow]) -> Any:
    """Return a DataFrame with the rows, in their order; ImportError where pandas is missing."""
    try:
        import pandas
    except ImportError as error:
        raise missing("to_pandas", "pandas", "pandas") from error
    names = columns(rows)
    return pandas.DataFrame({name: [row.get(name) for row in rows] for name in names}, columns=names)


def columns(rows: Iterable[SweepRow]) -> list[str]:
    """Return the names of the columns: id, parameters, seed, status, error, results."""
    rows = list(rows)
    params = dict.fromkeys(name for row in rows for name in row.params)
    results = dict.fromkeys(name for row in rows for name in row if name not in COLUMNS)
    return ["id", *params, *COLUMNS[1:], *(name for name in results if name not in params)]


def missing(part: str, package: str, extra: str) -> ImportError:
    """Return the error that says which extra a package belongs to."""
    return ImportError(
        f"{part} needs {package}: install the extra, pip install 'cl-aio[{extra}]'", name=package
    )
