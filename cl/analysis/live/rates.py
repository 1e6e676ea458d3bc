"""Firing rates and inter-spike intervals of a recording while it is made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cl._values.constants import CHANNEL_COUNT, FRAMES_PER_SECOND
from cl._values.numbers import whole
from cl.analysis.arguments import bin_seconds, whole_frames

from .fed import Fed

if TYPE_CHECKING:
    from cl.events import Spike, Stim


@dataclass(frozen=True, slots=True)
class RateStatistics:
    """What `LiveRates` has found: fields of `AnalysisResultFiringStats`, and how many bins.

    Rates are spikes per bin, as there; ISIs are in s, 0.0 for a channel without any, NaN for the culture.
    """

    bin_size_sec: float
    bin_count: int
    channel_spike_counts: list[int]
    channel_mean_firing_rates: list[float]
    channel_var_firing_rates: list[float]
    culture_mean_firing_rates: float
    culture_var_firing_rates: float
    culture_max_firing_rates: float
    channel_ISI_mean: list[float]
    channel_ISI_var: list[float]
    culture_ISI_mean: float
    culture_ISI_var: float


class LiveRates(Fed[None]):
    """The numbers of `RecordingView.analyse_firing_stats` while the recording is made, in constant memory.

    `update(tick.analysis)` in a loop, `update(neurons.read(n, analysis=True))`, or `update_events(batch)` of
    a stream. Sums are of whole numbers, so that means and variances are exact however long it runs. Per-bin
    counts are not kept, but for `last_bin_counts`.
    """

    def __init__(
        self,
        bin_size_sec: float = 1.0,
        *,
        start_timestamp: int | None = None,
        frames_per_second: int = FRAMES_PER_SECOND,
        channel_count: int = CHANNEL_COUNT,
    ) -> None:
        super().__init__(start_timestamp, frames_per_second)
        self._seconds = bin_seconds(bin_size_sec)
        self._size = whole_frames(self._seconds, self._rate)
        count = whole(channel_count, "channel_count", 1)
        self._bins = 0
        self._bin_end = self._size
        self._now: dict[int, int] = {}
        self._counts, self._squares = [0] * count, [0] * count
        self._most = 0
        self._last_spike = [-1] * count
        self._isis, self._isi_sums, self._isi_squares = [0] * count, [0] * count, [0] * count
        self.last_bin_counts: list[int] | None = None
        """The spikes of each channel in the bin that was finished last; None before."""

    def _take(self, spikes: Sequence[Spike], stims: Sequence[Stim], first: int) -> None:
        start = self._start or 0
        now, last_spike = self._now, self._last_spike
        for spike in spikes:
            if spike.timestamp < first:
                continue
            frame, channel = spike.timestamp - start, spike.channel
            if frame >= self._bin_end:
                self._finish(frame)
            now[channel] = now.get(channel, 0) + 1
            last = last_spike[channel]
            if frame != last:  # a spike that is given twice is one for intervals, as in a recording's table
                last_spike[channel] = frame
                if last >= 0:
                    self._isis[channel] += 1
                    self._isi_sums[channel] += frame - last
                    self._isi_squares[channel] += (frame - last) ** 2
        if self._position - start >= self._bin_end:
            self._finish(self._position - start)

    def _finish(self, frame: int) -> None:
        """Finish the bins that end before or at a frame."""
        counts = [0] * len(self._counts)
        for channel, count in self._now.items():
            counts[channel] = count
            self._counts[channel] += count
            self._squares[channel] += count * count
            self._most = max(self._most, count)
        self._now.clear()
        done = (frame - self._bin_end) // self._size + 1
        self._bins += done
        self._bin_end += done * self._size
        self.last_bin_counts = counts if done == 1 else [0] * len(counts)

    def statistics(self) -> RateStatistics:
        """Return the numbers up to `stop_timestamp`, the bin that is not finished counting as a whole one.

        ValueError before anything was given, as for an empty recording.
        """
        bins = -(-self.duration_frames // self._size)
        if not bins:
            raise ValueError("no time has been given yet: there are no rates")
        now = [self._now.get(channel, 0) for channel in range(len(self._counts))]
        counts = [done + more for done, more in zip(self._counts, now, strict=True)]
        squares = [done + more * more for done, more in zip(self._squares, now, strict=True)]
        means = [count / bins for count in counts]
        variances = [
            (bins * square - count * count) / (bins * bins)
            for count, square in zip(counts, squares, strict=True)
        ]
        isi_means, isi_vars = self._isi_numbers()
        with_isis = [mean for mean, count in zip(isi_means, self._isis, strict=True) if count]
        culture_isi, culture_isi_var = _mean_and_variance(with_isis)
        return RateStatistics(
            bin_size_sec=self._seconds,
            bin_count=bins,
            channel_spike_counts=counts,
            channel_mean_firing_rates=means,
            channel_var_firing_rates=variances,
            culture_mean_firing_rates=sum(counts) / (bins * len(counts)),
            culture_var_firing_rates=math.fsum(variances) / len(variances),
            culture_max_firing_rates=float(max(self._most, *now)),
            channel_ISI_mean=isi_means,
            channel_ISI_var=isi_vars,
            culture_ISI_mean=culture_isi,
            culture_ISI_var=culture_isi_var,
        )

    def _isi_numbers(self) -> tuple[list[float], list[float]]:
        """Return the mean (s) and the variance (s²) of each channel's intervals, 0.0 without any."""
        means, variances = [], []
        for count, total, square in zip(self._isis, self._isi_sums, self._isi_squares, strict=True):
            means.append(total / (count * self._rate) if count else 0.0)
            variances.append((count * square - total * total) / (count * self._rate) ** 2 if count else 0.0)
        return means, variances


def _mean_and_variance(values: list[float]) -> tuple[float, float]:
    if not values:
        return math.nan, math.nan
    mean = math.fsum(values) / len(values)
    return mean, math.fsum((value - mean) ** 2 for value in values) / len(values)
