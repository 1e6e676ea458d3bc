"""The peri-stimulus time histogram of a recording while it is made."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cl._values.constants import FRAMES_PER_SECOND
from cl.analysis.observed import Observed
from cl.analysis.peri_stim import Lags, observed_frames, spike_counts
from cl.analysis.pictures.choice import chosen_channels, chosen_design
from cl.analysis.pictures.psth import Psth
from cl.analysis.spans import frames

from .fed import Fed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cl._stim.designs import StimDesign
    from cl.events import Spike, Stim


class LivePsth(Fed[None]):
    """The numbers of `RecordingView.psth` while the recording is made.

    A stim counts once the last of its lags has passed, in `numbers()` all do. What is kept are the spikes and
    stims of the time that the lags span, so memory is bounded by their rates and not by how long it runs.
    """

    def __init__(
        self,
        channels: Iterable[int] | None = None,
        before_sec: float = 0.1,
        after_sec: float = 0.5,
        bin_size_sec: float = 0.005,
        *,
        stim_channels: Iterable[int] | None = None,
        design: StimDesign | None = None,
        blank_sec: float = 0.0,
        start_timestamp: int | None = None,
        frames_per_second: int = FRAMES_PER_SECOND,
    ) -> None:
        super().__init__(start_timestamp, frames_per_second)
        self._lags = Lags.of(before_sec, after_sec, bin_size_sec, self._rate)
        self._blank = frames(blank_sec, "blank_sec", self._rate)
        self._channels = chosen_channels(channels)
        self._rows = {channel: row for row, channel in enumerate(self._channels)}
        self._stim_channels = frozenset(chosen_channels(stim_channels, "stim_channels"))
        self._design = chosen_design(design)
        self._keep = -self._lags.first + self._blank
        """So long before the present what has happened may still matter to a stim that comes."""
        self._times, self._spike_rows = array("q"), array("q")
        self._stims, self._waiting = array("q"), array("q")
        self._counts = np.zeros((len(self._channels), self._lags.count), np.int64)
        self._observed = np.zeros(self._lags.count, np.int64)
        self._done = 0

    def numbers(self) -> Psth:
        """Return the histogram up to `stop_timestamp`; the lags of the last stims may be observed in part."""
        counts, observed, waiting = self._counts, self._observed, np.array(self._waiting)
        if len(waiting):
            more_counts, more_observed = self._histogram(waiting)
            counts, observed = counts + more_counts, observed + more_observed
        return Psth.of(
            self._channels, self._lags, counts.copy(), observed.copy(), self._done + len(waiting), self._rate
        )

    def _take(self, spikes: Sequence[Spike], stims: Sequence[Stim], first: int) -> None:
        rows = self._rows
        for spike in spikes:
            row = rows.get(spike.channel)
            if row is not None and spike.timestamp >= first:
                self._times.append(spike.timestamp)
                self._spike_rows.append(row)
        for stim in stims:
            if stim.timestamp >= first:
                self._note(stim)
        if self._waiting and self._waiting[0] + self._lags.end <= self._position:
            self._finish()
        self._forget()

    def _note(self, stim: Stim) -> None:
        """Keep a stim for what it blanks, and as one that is to be counted if it was asked for."""
        at = stim.timestamp
        if not self._stims or self._stims[-1] != at:
            self._stims.append(at)
        chosen = stim.channel in self._stim_channels and self._design in (None, stim.design)
        if chosen and (not self._waiting or self._waiting[-1] != at):
            self._waiting.append(at)

    def _finish(self) -> None:
        """Count the stims whose lags have all passed."""
        count = bisect_left(self._waiting, self._position - self._lags.end + 1)
        counts, observed = self._histogram(np.array(self._waiting[:count]))
        self._counts += counts
        self._observed += observed
        self._done += count
        del self._waiting[:count]

    def _histogram(self, stims: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the spikes by channel and bin, and the frames observed by bin, of some stims."""
        observed = Observed(self._start or 0, self._position, np.array(self._stims), self._blank)
        times, rows = np.array(self._times), np.array(self._spike_rows)
        low, high = np.searchsorted(times, [stims[0] + self._lags.first, stims[-1] + self._lags.end])
        times, rows = times[low:high], rows[low:high]
        if self._blank:
            seen = observed.holds(times)
            times, rows = times[seen], rows[seen]
        counts = spike_counts(self._lags, stims, times, rows, len(self._channels))
        return counts, observed_frames(self._lags, stims, observed)

    def _forget(self) -> None:
        """Drop what no stim needs any more, where that is at least half of what there is."""
        needed = (self._waiting[0] if self._waiting else self._position) - self._keep
        if self._times and self._times[len(self._times) // 2] < needed:
            count = bisect_left(self._times, needed)
            del self._times[:count], self._spike_rows[:count]
        if self._stims and self._stims[len(self._stims) // 2] < needed:
            del self._stims[: bisect_left(self._stims, needed)]
