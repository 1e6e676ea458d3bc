"""Detected spikes: one `SpikeEventSeries` a channel, with its waveforms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from cl._values.constants import CHANNEL_COUNT
from cl.interop.recorded import Recorded

from .electrodes import region
from .filling import Appender, Compression

DETECTION = "Spikes as the device detected them while it recorded, with their waveforms; they are not sorted."


def add(file: Any, recorded: Recorded, compression: Compression) -> Iterator[Callable[..., None]]:
    """Add a series for each channel that has spikes, and yield what fills them."""
    from pynwb.ecephys import SpikeEventSeries

    counts, length = _survey(recorded)
    if not counts.any():
        return
    module = file.create_processing_module(name="ecephys", description=DETECTION)
    series = {}
    for channel in np.flatnonzero(counts).tolist():
        count = int(counts[channel])
        series[channel] = SpikeEventSeries(
            name=f"spikes_channel_{channel:02}",
            description=f"Spikes of channel {channel}. {DETECTION}",
            data=compression.empty((count, 1, length), np.float32),
            timestamps=compression.empty((count,), np.float64),
            electrodes=region(file, [channel], f"Channel {channel}."),
            conversion=1e-6,
        )
        module.add(series[channel])

    def fill(done: Callable[[float], None]) -> None:
        _fill(series, recorded, done)

    yield fill


def _survey(recorded: Recorded) -> tuple[Any, int]:
    """Return how many spikes each channel has, and of how many samples their waveforms are."""
    counts = np.zeros(CHANNEL_COUNT, np.int64)
    lengths = set()
    for block in recorded.events("spikes"):
        counts += np.bincount(block.channels, minlength=CHANNEL_COUNT)
        names = block.rows.dtype.names or ()
        shape = block.rows.dtype["samples"].shape if "samples" in names else ()
        if len(shape) != 1:
            raise ValueError("the table of spikes has no waveforms, which NWB wants")
        lengths.add(shape[0])
    if len(lengths) > 1:
        raise ValueError(f"waveforms must be alike, they are of {sorted(lengths)} samples")
    return counts, lengths.pop() if lengths else 0


def _fill(series: dict[int, Any], recorded: Recorded, done: Callable[[float], None]) -> None:
    waveforms = {channel: Appender(one.data.dataset) for channel, one in series.items()}
    times = {channel: Appender(one.timestamps.dataset) for channel, one in series.items()}
    for block in recorded.events("spikes"):
        for channel in np.unique(block.channels).tolist():
            chosen = block.channels == channel
            found = block.rows["samples"][chosen, None].astype(np.float32, copy=False)
            waveforms[channel].append(found)
            times[channel].append(block.timestamps[chosen] / recorded.rate)
        done(len(block.timestamps))
    for appender in (*waveforms.values(), *times.values()):
        appender.flush()
        done(0)
