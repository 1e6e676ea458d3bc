"""Spike-triggered histograms of pairs of channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cl._values.numbers import whole
from cl._values.saying import Log
from cl.analysis.arguments import bin_seconds, number
from cl.analysis.kernels import count_lags
from cl.analysis.layout import SILENT, check_layout
from cl.analysis.peri_stim import MOST_BINS
from cl.analysis.results.histogram import AnalysisResultSpikeTriggeredHistogram
from cl.analysis.results.metadata import metadata_of
from cl.analysis.window import Trains, Window, window_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cl._store.read.analysable import Analysable

_log = Log()


def analyse_spike_triggered_histogram(
    view: Analysable,
    bin_size_sec: float,
    start_sec: float,
    end_sec: float,
    num_channels: int,
    min_firing_rate_threshold_hz: float,
) -> AnalysisResultSpikeTriggeredHistogram:
    """Return when channels fire around the spikes of each other: the cross-correlograms of pairs.

    Of the channels with at least `min_firing_rate_threshold_hz` (not the grounded ones and the reference) the
    `num_channels` with the highest rates are taken, of equal ones the higher-numbered. For each pair, in both
    orders, lags from −start_sec to end_sec go into `numpy.histogram` with the edges
    numpy.arange(−start_sec, end_sec + bin_size_sec, bin_size_sec), whose number may be one more than one
    would think (K15). Of several recordings no lag goes from one into another.

    Perkel, Gerstein & Moore 1967, Biophys J 7:419. elephant's `cross_correlation_histogram` takes trains that
    are binned before: other numbers.
    `bin_size_sec`: above 0; start_sec + end_sec: above 0, at most a million bins; `num_channels`: at least 0.
    `ValueError` for a recording that has not the common layout (looked at in all of the recording).
    """
    seconds = bin_seconds(bin_size_sec)
    start, end = number(start_sec, "start_sec"), number(end_sec, "end_sec")
    if not start + end > 0:
        raise ValueError(f"start_sec + end_sec must be more than 0, not {start_sec!r} + {end_sec!r}")
    if not (start + end) / seconds <= MOST_BINS:
        raise ValueError(
            f"bin_size_sec {bin_size_sec!r} makes more than {MOST_BINS} bins of start_sec {start_sec!r} and "
            f"end_sec {end_sec!r}"
        )
    most = whole(num_channels, "num_channels", 0)
    least_rate = number(min_firing_rate_threshold_hz, "min_firing_rate_threshold_hz")
    window = window_of(view)
    check_layout(view)
    trains = window.trains()
    top = _top(window, trains, most, least_rate)
    edges = np.arange(-start, end + seconds, seconds) if top else np.empty(0)
    _log.info("spike-triggered histogram of %d channels: %s", len(top), top)
    return AnalysisResultSpikeTriggeredHistogram(
        metadata=metadata_of(view),
        bin_size_sec=seconds,
        start_sec=start,
        end_sec=end,
        num_eligible_channels=len(top),
        min_firing_rate_threshold_hz=least_rate,
        histogram_bins=edges,
        histograms=_histograms(window, trains, top, start, end, edges),
    )


def _top(window: Window, trains: Trains, most: int, least_rate: float) -> list[int]:
    """Return the channels with the highest rates, ascending by rate, those of equal rates by number."""
    if not window.duration:
        return []
    rates = trains.counts / (window.duration / window.rate)
    candidates = [c for c in range(window.channel_count) if c not in SILENT and rates[c] >= least_rate]
    candidates.sort(key=lambda channel: rates[channel])
    return candidates[len(candidates) - min(most, len(candidates)) :]


def _histograms(
    window: Window,
    trains: Trains,
    channels: list[int],
    start: float,
    end: float,
    edges: NDArray[np.float64],
) -> dict[tuple[int, int], NDArray[np.int64]]:
    times = {channel: trains[channel] / window.rate for channel in channels}
    found = {}
    for i, x in enumerate(channels):
        for y in channels[i + 1 :]:
            for base, target in ((x, y), (y, x)):
                within = _in_same_span(window, trains[base], trains[target])
                found[base, target] = count_lags(times[base], times[target], start, end, edges, within)
    return found


def _in_same_span(
    window: Window, base: NDArray[np.int64], target: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Return which frames of `target` lie in the span of each of `base`: the first, and the one after."""
    if len(window.starts) == 1:
        return None
    spans = window.spans_of(base)
    bounds = np.append(np.searchsorted(target, window.starts), len(target))
    return bounds[spans], bounds[np.asarray(spans) + 1]
