"""The table `units`, for readers that want spikes there: one row for each channel that has any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cl.interop.recorded import Recorded

from .spikes import DETECTION

if TYPE_CHECKING:
    from numpy.typing import NDArray


def add(file: Any, recorded: Recorded) -> None:
    """Add the spikes' times by channel, with the intervals that were recorded."""
    times = _times(recorded)
    if not times:
        return
    from pynwb.misc import Units

    file.units = Units(
        name="units",
        description=f"One row a channel, not a neuron. {DETECTION}",
        electrode_table=file.electrodes,
    )
    file.units.resolution = 1 / recorded.rate
    spans = [
        (part.start / recorded.rate, (part.start + part.frames) / recorded.rate) for part in recorded.parts
    ]
    for channel, found in sorted(times.items()):
        file.add_unit(id=channel, spike_times=found, electrodes=[channel], obs_intervals=np.array(spans))


def _times(recorded: Recorded) -> dict[int, NDArray[np.float64]]:
    """Return the spikes' times of each channel, in seconds."""
    blocks: dict[int, list[NDArray[np.int64]]] = {}
    for block in recorded.events("spikes"):
        for channel in np.unique(block.channels).tolist():
            blocks.setdefault(channel, []).append(block.timestamps[block.channels == channel])
    return {channel: np.concatenate(found) / recorded.rate for channel, found in blocks.items()}
