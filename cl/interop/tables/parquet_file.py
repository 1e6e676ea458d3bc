"""Tables as Parquet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cl.interop.missing import missing

from .contents import Field, Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TYPES: Final = {"text": "string", "json": "string", "bool": "bool_"}


def need() -> Any:
    """Return pyarrow; ImportError that names the extra without it."""
    try:
        import pyarrow
    except ImportError as error:
        raise missing("an export to Parquet", "pyarrow", "parquet") from error
    return pyarrow


def write(path: Path, table: Table, done: Callable[[float], None]) -> None:
    """Write a table, a row group a block; what a column holds is in its metadata, `description`."""
    arrow = need()
    from pyarrow import parquet

    schema = arrow.schema([_field(arrow, field) for field in table.fields])
    with path.open("wb") as file, parquet.ParquetWriter(file, schema) as writer:
        for block in table.blocks():
            columns = [
                _array(arrow, field, values) for field, values in zip(table.fields, block, strict=True)
            ]
            writer.write_table(arrow.Table.from_arrays(columns, schema=schema))
            done(len(block[0]))


def _type(arrow: Any, field: Field) -> Any:
    return getattr(arrow, _TYPES.get(field.kind, field.kind))()


def _field(arrow: Any, field: Field) -> Any:
    return arrow.field(field.name, _type(arrow, field), metadata={"description": field.words})


def _array(arrow: Any, field: Field, values: NDArray[Any]) -> Any:
    nothing = (
        None if field.has_all else (values == "" if field.kind in ("text", "json") else values != values)
    )
    return arrow.array(values, type=_type(arrow, field), mask=nothing)
