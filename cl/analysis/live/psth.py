"""The peri-stimulus time histogram of a recording while it is made."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cl._values.constants import FRAMES_PER_SECOND
from cl.analysis.peri_stim import Lags
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

    What is kept are the spikes and stims of the time that the lags span, so memory is bounded by their rates
    and not by how long it runs. A spike costs some 0.1 µs for each stim that is within its lags.
    """

    def __init__(
        self,
        channels: Iterable[int] | int | None = None,
        before_sec: float = 0.1,
        after_sec: float = 0.5,
        bin_size_sec: float = 0.005,
        *,
        stim_channels: Iterable[int] | int | None = None,
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
        self._counts = [[0] * self._lags.count for _ in self._channels]
        self._stim_count = 0
        self._recent: deque[tuple[int, int]] = deque()
        """Frame and row of the spikes before which a stim may yet come."""
        self._open: deque[int] = deque()
        """The stims that are counted whose lags have not all passed."""
        self._blanked: deque[tuple[int, int]] = deque()
        """What stims have covered, as spans [from, to) that do not overlap, as long as it matters."""
        self._last_stim = self._last_counted = -1
        self._unseen = array("q", bytes(8 * (self._lags.end - self._lags.first + 1)))
        """How many stims do not see a lag, less those that do not see the one before it."""

    def numbers(self) -> Psth:
        """Return the histogram up to `stop_timestamp`; the lags of the last stims may be observed in part."""
        unseen = np.array(self._unseen)
        for stim in self._open:
            self._hide(unseen, stim, self._position, None, 1)
            for begin, end in self._blanked:
                if end > self._position:  # what is hidden now is not to be hidden twice
                    self._hide(unseen, stim, max(begin, self._position), end, -1)
        by_lag = self._stim_count - np.cumsum(unseen)[:-1]
        observed = by_lag.reshape(self._lags.count, self._lags.size).sum(axis=1)
        counts = np.array(self._counts, np.int64)
        return Psth.of(self._channels, self._lags, counts, observed, self._stim_count, self._rate)

    def _take(self, spikes: Sequence[Spike], stims: Sequence[Stim], first: int) -> None:
        for stim in stims:
            if stim.timestamp >= first:
                self._note(stim)
        rows, lowest, size = self._rows, self._lags.first, self._lags.size
        reach = self._lags.end - lowest
        for spike in spikes:
            at = spike.timestamp
            row = rows.get(spike.channel)
            if row is None or at < first or self._is_blanked(at):
                continue
            self._recent.append((at, row))
            counts = self._counts[row]
            for stim_at in self._open:
                lag = at - stim_at - lowest
                if 0 <= lag < reach:
                    counts[lag // size] += 1
        self._forget()

    def _note(self, stim: Stim) -> None:
        """Note what a stim covers, and count it if it was asked for."""
        at = stim.timestamp
        if at != self._last_stim and self._blank:
            begin = max(at, self._blanked[-1][1]) if self._blanked else at
            self._blanked.append((begin, at + self._blank))
            for earlier in self._open:
                self._hide(self._unseen, earlier, begin, at + self._blank, 1)
        self._last_stim = at
        chosen = stim.channel in self._stim_channels and self._design in (None, stim.design)
        if chosen and at != self._last_counted:
            self._last_counted = at
            self._count(at)

    def _count(self, stim: int) -> None:
        """Count a stim, and the spikes before it."""
        self._stim_count += 1
        self._open.append(stim)
        self._hide(self._unseen, stim, None, self._start or 0, 1)
        for begin, end in self._blanked:
            self._hide(self._unseen, stim, begin, end, 1)
        lowest, size = stim + self._lags.first, self._lags.size
        for at, row in reversed(self._recent):
            if at < lowest:
                break
            self._counts[row][(at - lowest) // size] += 1

    def _hide(
        self,
        unseen: array[int] | NDArray[np.int64],
        stim: int,
        begin: int | None,
        end: int | None,
        by: int,
    ) -> None:
        """Note that a stim does not see the frames [begin, end), None standing for its first and last lag."""
        lowest, reach = stim + self._lags.first, len(unseen) - 1
        low = 0 if begin is None else min(max(begin - lowest, 0), reach)
        high = reach if end is None else min(max(end - lowest, 0), reach)
        unseen[low] += by
        unseen[high] -= by

    def _is_blanked(self, at: int) -> bool:
        if not self._blanked or at >= self._blanked[-1][1]:
            return False
        place = bisect_right(self._blanked, at, key=_begin) - 1
        return place >= 0 and at < self._blanked[place][1]

    def _forget(self) -> None:
        """Drop what no stim that is open, or is yet to come, needs."""
        while self._open and self._open[0] + self._lags.end <= self._position:
            self._open.popleft()
        needed = self._position + self._lags.first
        while self._recent and self._recent[0][0] < needed:
            self._recent.popleft()
        while self._blanked and self._blanked[0][1] <= needed:
            self._blanked.popleft()


def _begin(span: tuple[int, int]) -> int:
    return span[0]
