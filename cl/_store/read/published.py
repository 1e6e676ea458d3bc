"""How much of a recording that was never ended is whole.

A flush makes events readable before the frames that they belong to, and the length of the recording last. A
process that is killed in the midst of one leaves events of frames that are not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from . import reader

if TYPE_CHECKING:
    import h5py

_ROWS_AT_ONCE: Final = 4096


def limit(file: h5py.File, samples: h5py.Dataset | None) -> int | None:
    """Return the frame, since the recording's start, before which all of a recording is; None if unknown."""
    if samples is not None:
        return int(samples.shape[0])
    return int(reader.number(file, "duration_frames")) if "duration_frames" in file.attrs else None


def rows(events: h5py.Dataset, frames: int | None) -> int:
    """Return how many rows there are without those at the end that are not before the frame `frames`."""
    count = int(events.shape[0])
    if frames is None:
        return count
    if not reader.is_relative(events.file):
        frames += int(reader.number(events.file, "start_timestamp", 0))
    while count:
        start = max(0, count - _ROWS_AT_ONCE)
        times: Any = events.fields("timestamp")[start:count]
        before = np.flatnonzero(times < frames)
        if len(before):
            return start + int(before[-1]) + 1
        count = start
    return 0
