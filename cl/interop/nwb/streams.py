"""Data streams as `EventsTable`s."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from cl.interop.columns import Column, columns_of
from cl.interop.recorded import Recorded
from cl.interop.texts import as_json

from . import event_table
from .filling import Compression

_ROWS_AT_ONCE: Final = 256


def add(
    file: Any, recorded: Recorded, compression: Compression, names: set[str]
) -> Iterator[Callable[..., None]]:
    """Add a table for each stream that has entries, and yield what fills it."""
    for name, count in recorded.streams().items():
        if count:
            yield _table(file, recorded, compression, event_table.fitting(name, names, "stream"), name, count)


def _table(
    file: Any, recorded: Recorded, compression: Compression, table: str, stream: str, count: int
) -> Callable[..., None]:
    columns = columns_of((value for _, value in recorded.entries(stream)), arrays=True)
    taken = event_table.reserved()
    described = [
        (event_table.fitting(column.key or "value", taken, "value"), _words(column), *_type(column))
        for column in columns
    ]
    attributes = as_json({"data_stream": stream, "attributes": recorded.stream_attributes(stream)})
    made = event_table.add(
        file,
        table,
        f"Entries that the program has put into a data stream. {attributes}",
        "The program that was connected to the device.",
        1 / recorded.rate,
        count,
        described,
        compression,
    )

    def fill(done: Callable[[float], None]) -> None:
        _fill(event_table.Filling(made), columns, recorded, stream, done)

    return fill


def _type(column: Column) -> tuple[Any, tuple[int, ...]]:
    return column.dtype(), column.shape


def _words(column: Column) -> str:
    """Return what a column has: the key in the entries as JSON, and how values are held."""
    of = "the entry" if column.key is None else f"the entry's {as_json(column.key)}"
    return f"{column.words}: {of}"


def _fill(
    filling: event_table.Filling,
    columns: list[Column],
    recorded: Recorded,
    stream: str,
    done: Callable[[float], None],
) -> None:
    times: list[int] = []
    values: list[Any] = []

    def write() -> None:
        stamps = np.array(times, np.int64) / recorded.rate
        filling.append(stamps, *(column.values(values) for column in columns))
        times.clear()
        values.clear()
        done(0)

    for timestamp, value in recorded.entries(stream):
        times.append(timestamp)
        values.append(value)
        if len(times) == _ROWS_AT_ONCE:
            write()
    if times:
        write()
    filling.flush()
