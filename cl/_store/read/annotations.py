"""The remarks in a recording."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from cl._core.device_log import LogKind

if TYPE_CHECKING:
    from .log_table import LogTable

_ROWS_AT_ONCE: Final = 65_536


class Annotation(NamedTuple):
    """A remark: its frame since the recording's start, its text, and further values."""

    timestamp: int
    text: str
    fields: dict[str, Any]


def annotations_of(log: LogTable | None) -> list[Annotation]:
    """Return the remarks of a log, in order; ValueError for a row that no recorder has written."""
    found: list[Annotation] = []
    if log is None:
        return found
    for start in range(0, len(log), _ROWS_AT_ONCE):
        kinds = log[start : start + _ROWS_AT_ONCE]["kind"]
        for at in (np.flatnonzero(kinds == int(LogKind.ANNOTATION)) + start).tolist():
            entry = next(log.entries(at, at + 1))
            found.append(Annotation(entry.timestamp, entry.text, entry.fields))
    return found
