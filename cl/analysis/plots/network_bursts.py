"""The plot of bursts of the whole culture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .figures import figure

if TYPE_CHECKING:
    import os


def plot(
    result: Any,
    figsize: tuple[float, float],
    title: str | None,
    save_path: str | os.PathLike[str] | None,
    seconds: tuple[float, float] | None,
) -> None:
    """Draw the rate of the culture, and below it spikes by channel, with the bursts shaded."""
    rate = result.metadata.sampling_frequency
    with figure(figsize, save_path) as made:
        above, below = made.subplots(2, 1, sharex=True, height_ratios=(1, 3))
        above.plot(result.bin_boundaries_frames / rate, result.firing_rate_per_channel_and_bin, linewidth=0.8)
        above.set_ylabel("Avg Firing Rate (Hz/Ch)")
        for channel, frames in result.spike_frames_by_channel.items():
            at = np.full(len(frames), channel)
            below.plot(frames / rate, at, "|", color="black", markersize=4, rasterized=True)
        bursts = [(burst.start_frame / rate, burst.get_duration(rate)) for burst in result.bursts]
        below.broken_barh(
            bursts, (0, 1), transform=below.get_xaxis_transform(), color="red", alpha=0.3, linewidth=0
        )
        below.set_xlabel("Time (s)")
        below.set_ylabel("Channel")
        below.set_ylim(-1, result.metadata.channel_count)
        if seconds is not None:
            below.set_xlim(*seconds)
        default = f"Network Firing Rate and Detected Bursts\n{result.metadata.file_path}"
        made.suptitle(default if title is None else title)
