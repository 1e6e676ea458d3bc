"""Tables as CSV: UTF-8, commas, the names of the columns in the first line."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .contents import Field, Table

if TYPE_CHECKING:
    from numpy.typing import NDArray


def write(path: Path, table: Table, done: Callable[[float], None]) -> None:
    """Write a table; numbers are read back exactly, truth values are `true` and `false`."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([field.name for field in table.fields])
        for block in table.blocks():
            columns = [_texts(field, values) for field, values in zip(table.fields, block, strict=True)]
            writer.writerows(zip(*columns, strict=True))
            done(len(block[0]))


def _texts(field: Field, values: NDArray[Any]) -> list[Any]:
    found: list[Any] = values.tolist()
    if field.kind == "bool":
        return ["true" if value else "false" for value in found]
    if field.kind == "float64" and not field.has_all:
        return ["" if value != value else value for value in found]
    return found
