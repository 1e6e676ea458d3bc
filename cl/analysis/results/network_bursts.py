"""The result of `analyse_network_bursts`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import AnalysisResult
from .bursts import BurstsType
from .fields import Array1DFloat, Array1DInt

if TYPE_CHECKING:
    import os


class AnalysisResultNetworkBursts(AnalysisResult):
    """Bursts of the whole culture, and the rates that they were found in."""

    bursts: BurstsType
    onset_freq_hz: float
    offset_freq_hz: float
    network_burst_count: int
    network_burst_durations_sec: list[float]
    network_burst_spike_counts: list[int]
    total_network_burst_duration_sec: float
    bin_size_sec: float
    bin_boundaries_frames: Array1DInt
    """(B): the first frame of each bin."""
    firing_rate_per_channel_and_bin: Array1DFloat
    """(B): the mean rate of the channels, in Hz."""
    spike_frames_by_channel: dict[int, Array1DInt]
    """All channels: the frames at which there are spikes."""

    def plot(
        self,
        figsize: tuple[float, float] = (12, 8),
        title: str | None = None,
        save_path: str | os.PathLike[str] | None = None,
        limit_to_time_range_secs: tuple[float, float] | None = None,
    ) -> None:
        """Draw the rate, and below it all spikes by channel, with the bursts shaded.

        `limit_to_time_range_secs` are the first and the last second shown. The figure is closed at the end.
        See `cl.analysis.plots` for `title` and `save_path`.
        """
        from cl.analysis.plots.network_bursts import plot

        plot(self, figsize, title, save_path, limit_to_time_range_secs)
