"""What is in a table: its columns, and their values block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cl.interop.columns import Column, columns_of
from cl.interop.designs import PHASES, of_designs
from cl.interop.recorded import Events, Recorded
from cl.interop.texts import as_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STREAM: Final = "stream:"
_ROWS_AT_ONCE: Final = 4096


@dataclass(frozen=True, slots=True)
class Field:
    """A column: its name, how it holds values (as in `Column.kind`), and what it is."""

    name: str
    kind: str
    words: str
    has_all: bool = True
    """Whether there is a value in each row; else NaN, or an empty text, stands where there is none."""


@dataclass(frozen=True, slots=True)
class Table:
    """Columns, the number of rows, and blocks of each column's values."""

    fields: list[Field]
    count: int
    blocks: Callable[[], Iterator[list[NDArray[Any]]]]


_TIMES: Final = [
    Field("timestamp", "int64", "frames since the first recording's start"),
    Field("seconds", "float64", "the same in seconds"),
]
_CHANNEL: Final = Field("channel", "int64", "the channel")


def contents(recorded: Recorded, what: str) -> Table:
    """Return a table of a recording; ValueError if it has none of that name."""
    if what in ("spikes", "stims"):
        if not recorded.has(what):
            raise ValueError(f"{recorded.paths[0]} has no {what}: they were not recorded")
        return _spikes(recorded) if what == "spikes" else _stims(recorded)
    if what == "annotations" and what not in recorded.streams():
        return _annotations(recorded)
    name = what.removeprefix(_STREAM)
    streams = recorded.streams()
    if name not in streams:
        raise ValueError(f"{recorded.paths[0]} has no data stream {name!r}, it has {list(streams)}")
    return _stream(recorded, name, streams[name])


def _spikes(recorded: Recorded) -> Table:
    def blocks() -> Iterator[list[NDArray[Any]]]:
        for block in recorded.events("spikes"):
            yield _when_and_where(block, recorded.rate)

    return Table([*_TIMES, _CHANNEL], recorded.count("spikes"), blocks)


def _stims(recorded: Recorded) -> Table:
    fields = [*_TIMES, _CHANNEL, Field("phases", "int64", "how many phases; 0 if unknown")]
    for number in range(1, PHASES + 1):
        fields.append(Field(f"duration_us_{number}", "float64", f"duration of phase {number}", has_all=False))
        fields.append(Field(f"current_uA_{number}", "float64", f"current of phase {number}", has_all=False))

    def blocks() -> Iterator[list[NDArray[Any]]]:
        for block in recorded.events("stims"):
            found = of_designs(block.designs, len(block.timestamps))
            pairs = zip(found.durations_us, found.currents_uA, strict=True)
            yield [
                *_when_and_where(block, recorded.rate),
                found.phases.astype(np.int64),
                *(column for pair in pairs for column in pair),
            ]

    return Table(fields, recorded.count("stims"), blocks)


def _annotations(recorded: Recorded) -> Table:
    found = list(recorded.annotations())
    fields = [*_TIMES, Field("text", "text", "the remark"), Field("fields", "text", "its fields, as JSON")]

    def blocks() -> Iterator[list[NDArray[Any]]]:
        for start in range(0, len(found), _ROWS_AT_ONCE):
            rows = found[start : start + _ROWS_AT_ONCE]
            times = np.array([row.timestamp for row in rows], np.int64)
            texts = [row.text for row in rows], [as_json(row.fields) for row in rows]
            yield [times, times / recorded.rate, *(np.array(column, object) for column in texts)]

    return Table(fields, len(found), blocks)


def _when_and_where(block: Events, rate: float) -> list[NDArray[Any]]:
    return [block.timestamps, block.timestamps / rate, block.channels.astype(np.int64)]


def _stream(recorded: Recorded, name: str, count: int) -> Table:
    columns = columns_of((value for _, value in recorded.entries(name)), arrays=False) if count else []
    taken = {field.name for field in _TIMES}

    def blocks() -> Iterator[list[NDArray[Any]]]:
        for rows in _batches(recorded.entries(name)):
            times = np.array([timestamp for timestamp, _ in rows], np.int64)
            values = [value for _, value in rows]
            yield [times, times / recorded.rate, *(column.values(values) for column in columns)]

    return Table([*_TIMES, *(_field(column, taken) for column in columns)], count, blocks)


def _field(column: Column, taken: set[str]) -> Field:
    """Return the field of a column; its name is the key, with a number where that is taken."""
    wanted = "value" if column.key is None else column.key
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted}_{number}", number + 1
    taken.add(name)
    return Field(name, column.kind, column.words, column.has_all)


def _batches(entries: Iterator[tuple[int, Any]]) -> Iterator[list[tuple[int, Any]]]:
    rows: list[tuple[int, Any]] = []
    for entry in entries:
        rows.append(entry)
        if len(rows) == _ROWS_AT_ONCE:
            yield rows
            rows = []
    if rows:
        yield rows
