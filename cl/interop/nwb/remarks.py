"""The remarks of a recording, as an `EventsTable`."""

from __future__ import annotations

from typing import Any

from cl.interop.recorded import Recorded
from cl.interop.texts import as_json

from .event_table import fitting


def add(file: Any, recorded: Recorded, names: set[str]) -> None:
    """Add the remarks, and their fields as JSON; nothing where there are none."""
    found = list(recorded.annotations())
    if not found:
        return
    from hdmf.common import VectorData
    from pynwb.event import EventsTable, TimestampVectorData

    columns = [
        TimestampVectorData(
            name="timestamp",
            description="When it was, in seconds since frame 0.",
            data=[timestamp / recorded.rate for timestamp, *_ in found],
            resolution=1 / recorded.rate,
        ),
        VectorData(name="annotation", description="The remark.", data=[text for _, text, _ in found]),
        VectorData(
            name="details",
            description="What was said beside the text, as JSON.",
            data=[as_json(fields) for *_, fields in found],
        ),
    ]
    file.add_events_table(
        EventsTable(
            name=fitting("annotations", names, "annotations"),
            description="Remarks of the program (neurons.annotate) and of those who watched the live page.",
            source_description="The program that was connected to the device, and its page.",
            columns=columns,
            colnames=[column.name for column in columns],
        )
    )
