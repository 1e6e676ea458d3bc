"""What the host's clocks were at frames of the recording, as an `EventsTable`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from cl.interop.recorded import Recorded

from . import event_table
from .filling import Compression

NAME: Final = "host_clock"
_COLUMNS: Final = (
    ("monotonic_ns", "The host's monotonic clock (Python's time.monotonic_ns), in ns.", np.int64, ()),
    ("utc_ns", "UTC by the host's clock, in ns since 1970.", np.int64, ()),
)


def add(
    file: Any, recorded: Recorded, compression: Compression, names: set[str]
) -> Iterator[Callable[..., None]]:
    """Add the table, and yield what fills it; nothing for recordings without clocks, of accelerated time."""
    rows = list(recorded.clock())
    if not rows:
        return
    columns = event_table.add(
        file,
        event_table.fitting(NAME, names, NAME),
        "The host's two clocks at the moment in which device time came to a frame.",
        "The host that recorded.",
        1 / recorded.rate,
        len(rows),
        _COLUMNS,
        compression,
    )

    def fill(done: Callable[[float], None]) -> None:
        timestamps, monotonic_ns, utc_ns = np.array(rows, np.int64).T
        filling = event_table.Filling(columns)
        filling.append(timestamps / recorded.rate, monotonic_ns, utc_ns)
        filling.flush()
        done(0)

    yield fill
