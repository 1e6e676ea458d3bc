"""Bursts of the whole culture."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from cl.analysis.arguments import bin_seconds, count, number, whole_frames
from cl.analysis.kernels import burst_threshold, find_bursts
from cl.analysis.recorded import rate_of
from cl.analysis.results.bursts import Burst, Bursts
from cl.analysis.results.metadata import metadata_of
from cl.analysis.results.network_bursts import AnalysisResultNetworkBursts
from cl.analysis.window import Bins, Window, window_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cl._store.read.analysable import Analysable


def analyse_network_bursts(
    view: Analysable,
    bin_size_sec: float,
    onset_freq_hz: float,
    offset_freq_hz: float,
    min_active_channels: int | None,
) -> AnalysisResultNetworkBursts:
    """Return the bursts of the culture: a hysteresis on the rate of all channels together.

    A burst begins with the first frame of a bin with at least onset_freq_hz · min_active_channels (None: all)
    spikes a second, and ends with that of the first bin after it which has fewer than offset_freq_hz ·
    min_active_channels; one that is open at the end ends there. At most one of both happens in a bin.
    `min_active_channels` is only a factor: how many channels take part is not looked at.

    Threshold on the rate of the array: Wagenaar, Pine & Potter 2006, BMC Neurosci 7:11; Bakkum et al. 2013,
    Front Comput Neurosci 7:193; hysteresis: Chiappalone et al. 2006, Brain Res 1093:41.
    `bin_size_sec`: at least one frame; frequencies: finite, at least 0; `min_active_channels`: at least 0.
    """
    seconds = bin_seconds(bin_size_sec)
    onset = number(onset_freq_hz, "onset_freq_hz", 0)
    offset = number(offset_freq_hz, "offset_freq_hz", 0)
    size = whole_frames(seconds, rate_of(view))
    active = None if min_active_channels is None else count(min_active_channels, "min_active_channels", 0)
    window = window_of(view)
    channels = window.channel_count if active is None else active
    bins = Bins(window, size)
    frames, _ = window.distinct()
    counts = np.bincount(bins.of(frames), minlength=len(bins))
    edges = bins.edges()
    thresholds = burst_threshold(onset, channels, seconds), burst_threshold(offset, channels, seconds)
    bursts = _bursts(window, bins, edges, counts, thresholds)
    durations = [burst.get_duration(window.rate) for burst in bursts]
    spikes = np.searchsorted(frames, [[burst.start_frame, burst.end_frame] for burst in bursts]).reshape(
        -1, 2
    )
    trains = window.trains()
    return AnalysisResultNetworkBursts(
        metadata=metadata_of(view),
        bursts=Bursts(bursts),
        onset_freq_hz=onset,
        offset_freq_hz=offset,
        network_burst_count=len(bursts),
        network_burst_durations_sec=durations,
        network_burst_spike_counts=(spikes[:, 1] - spikes[:, 0]).tolist(),
        total_network_burst_duration_sec=float(sum(durations)),
        bin_size_sec=seconds,
        bin_boundaries_frames=edges,
        firing_rate_per_channel_and_bin=counts / window.channel_count / seconds,
        spike_frames_by_channel={channel: trains[channel] for channel in range(window.channel_count)},
    )


def _bursts(
    window: Window,
    bins: Bins,
    edges: NDArray[np.int64],
    counts: NDArray[np.int64],
    thresholds: tuple[float, float],
) -> list[Burst]:
    """Return the bursts of each span of the window; none goes beyond its end."""
    found = []
    firsts = bins.firsts.tolist()
    for span, (first, last) in enumerate(pairwise(firsts)):
        end = int(window.starts[span] + window.lengths[span])
        for start, stop in find_bursts(counts[first:last], *thresholds):
            stop_frame = end if first + stop == last else int(edges[first + stop])
            found.append(Burst(int(edges[first + start]), stop_frame))
    return found
