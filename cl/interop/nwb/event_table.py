"""Tables of events whose columns are filled block by block."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .filling import Appender, Compression

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_LONGEST: Final = 100


def add(
    file: Any,
    name: str,
    description: str,
    source: str,
    resolution: float,
    count: int,
    columns: Sequence[tuple[Any, ...]],
    compression: Compression,
) -> list[Any]:
    """Add an `EventsTable` of `count` rows: `timestamp` and a column per (name, description, dtype, shape).

    Return its columns, to be filled. A column `duration` is in seconds.
    """
    from hdmf.common import ElementIdentifiers, VectorData
    from pynwb.event import DurationVectorData, EventsTable, TimestampVectorData

    made = [
        TimestampVectorData(
            name="timestamp",
            description="When the event was, in seconds since frame 0.",
            data=compression.empty((count,), np.float64),
            resolution=resolution,
        )
    ]
    for column, words, dtype, shape in columns:
        kind = DurationVectorData if column == "duration" else VectorData
        made.append(kind(name=column, description=words, data=compression.empty((count, *shape), dtype)))
    file.add_events_table(
        EventsTable(
            name=name,
            description=description,
            source_description=source,
            id=ElementIdentifiers(name="id", data=np.arange(count)),
            columns=made,
            colnames=[one.name for one in made],
        )
    )
    return made


class Filling:
    """Fills the columns of a table, all by the same blocks."""

    def __init__(self, columns: list[Any]) -> None:
        self._appenders = [Appender(column.data.dataset) for column in columns]

    def append(self, *values: NDArray[Any]) -> None:
        """Take a block: the values of each column."""
        for appender, one in zip(self._appenders, values, strict=True):
            appender.append(one)

    def flush(self) -> None:
        """Write what is left."""
        for appender in self._appenders:
            appender.flush()


def fitting(name: str, taken: set[str], otherwise: str) -> str:
    """Return a name that NWB takes and that is not taken yet, as like the given one as it can be; note it."""
    kept = re.sub(r"\W", "_", name)[:_LONGEST] or otherwise
    found, number = kept, 2
    while found in taken:
        found, number = f"{kept}_{number}", number + 1
    taken.add(found)
    return found


def reserved() -> set[str]:
    """Return the names that no column can have, as a table has them itself."""
    from pynwb.event import EventsTable

    return {*dir(EventsTable), "timestamp", "duration", "annotation"}
