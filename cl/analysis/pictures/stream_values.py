"""The numbers in a data stream, over time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cl._values.numbers import kind
from cl.analysis.recorded import rate_of
from cl.analysis.spikes import origin_of

from .numbers import Numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cl._store.read.analysable import Analysable

MOST_SERIES: Final = 64


@dataclass(frozen=True, slots=True, eq=False)
class StreamValues(Numbers):
    """The numbers in a data stream's N entries.

    - `times_sec`: (N), when each was appended, in s since the analysis limit's start;
    - `values`: a series (N) by name, NaN where an entry has it not: "value" for entries that are numbers,
      else the keys of dictionaries and the places in lists whose values are numbers (texts, "0", "1", …);
    - `others`: how many entries have no number at all.
    """

    name: str
    times_sec: NDArray[np.float64]
    values: dict[str, NDArray[np.float64]]
    others: int


def data_stream(view: Analysable, name: str) -> StreamValues:
    """Return the numbers in a data stream of a view; see `RecordingView.data_stream`."""
    if not isinstance(name, str):
        raise TypeError(f"name must be that of a data stream, not {kind(name)}")
    times: list[int] = []
    series: dict[str, dict[int, float]] = {}
    others = 0
    first, last = view.analysis_window
    for frame, entry in _entries(view, name):
        if not first <= frame < last:
            continue
        found = dict(_numbers(entry))
        others += not found
        for key, value in found.items():
            series.setdefault(key, {})[len(times)] = value
        if len(series) > MOST_SERIES:
            raise ValueError(f"the data stream {name!r} has more than {MOST_SERIES} series of numbers")
        times.append(frame - first)
    seconds = np.array(times, np.float64) / rate_of(view)
    return StreamValues(
        name, seconds, {key: _series(found, len(times)) for key, found in series.items()}, others
    )


def _entries(view: Analysable, name: str) -> Iterator[tuple[int, Any]]:
    """Yield frame and value of the entries; ValueError where no recording of the view has such a stream."""
    known: set[str] = set()
    for begin, recording in view.recordings():
        streams = recording.data_streams or {}
        known |= set(streams)
        if name in streams:
            origin = begin - origin_of(recording)
            yield from ((timestamp + origin, value) for timestamp, value in streams[name].items())
    if name not in known:
        raise ValueError(f"there is no data stream {name!r}, there are {sorted(known)}")


def _numbers(entry: Any) -> Iterator[tuple[str, float]]:
    """Yield the numbers of an entry with their names."""
    pairs: Any = [("value", entry)]
    if isinstance(entry, dict):
        pairs = entry.items()
    elif isinstance(entry, (list, tuple)) or (isinstance(entry, np.ndarray) and entry.ndim == 1):
        pairs = ((str(place), value) for place, value in enumerate(entry[: MOST_SERIES + 1]))
    for key, value in pairs:
        if isinstance(value, Real):
            yield str(key), float(value)


def _series(found: dict[int, float], count: int) -> NDArray[np.float64]:
    values = np.full(count, np.nan)
    values[list(found)] = list(found.values())
    return values
