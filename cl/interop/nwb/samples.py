"""The raw samples as an `ElectricalSeries`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from cl._values.constants import CHANNEL_COUNT
from cl.interop.recorded import FRAMES_AT_ONCE, Recorded

from .chunks import Chunks
from .electrodes import region
from .filling import Compression

NAME = "ElectricalSeries"


def add(file: Any, recorded: Recorded, compression: Compression) -> Iterator[Callable[..., None]]:
    """Add the series, and yield what fills it; nothing without samples."""
    from pynwb.ecephys import ElectricalSeries

    if not recorded.count("samples"):
        return
    frames = max(part.start + part.samples for part in recorded.parts if part.samples)
    series = ElectricalSeries(
        name=NAME,
        description="Raw samples. In gaps between recordings, which are invalid_times, they are 0.",
        data=compression.empty((frames, CHANNEL_COUNT), np.int16, FRAMES_AT_ONCE),
        electrodes=region(file, list(range(CHANNEL_COUNT)), "All channels, in order."),
        rate=recorded.rate,
        starting_time=0.0,
        conversion=recorded.uV_per_sample_unit / 1e6,
    )
    file.add_acquisition(series)

    def fill(done: Callable[[float], None]) -> None:
        chunks = Chunks(series.data.dataset)
        for start, block in recorded.samples():
            chunks.put(start, block)
            done(len(block))
        chunks.flush()
        done(0)

    yield fill
