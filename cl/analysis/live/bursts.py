"""Network bursts of a recording while it is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cl._values.constants import CHANNEL_COUNT, FRAMES_PER_SECOND
from cl._values.numbers import whole
from cl.analysis.arguments import bin_seconds, number, whole_frames
from cl.analysis.kernels import burst_threshold

from .fed import Fed

if TYPE_CHECKING:
    from cl.events import DetectionResult, Spike, Stim


@dataclass(frozen=True, slots=True)
class LiveBurst:
    """A network burst that has ended: [start_frame, end_frame), frames since the metric's start."""

    start_frame: int
    end_frame: int
    spike_count: int


class LiveBursts(Fed[list[LiveBurst]]):
    """The bursts of `RecordingView.analyse_network_bursts` while the recording is made, in constant memory.

    A burst begins with the first bin whose population count reaches the onset, and ends before the first one
    below the offset; so it is known one bin later. `update` returns those that ended; `finish()` says that
    nothing more comes, and returns what ends with that. Thresholds: spikes per second and channel, times
    `min_active_channels` (None: all), as there.
    """

    def __init__(
        self,
        bin_size_sec: float,
        onset_freq_hz: float,
        offset_freq_hz: float,
        min_active_channels: int | None = None,
        *,
        start_timestamp: int | None = None,
        frames_per_second: int = FRAMES_PER_SECOND,
        channel_count: int = CHANNEL_COUNT,
    ) -> None:
        super().__init__(start_timestamp, frames_per_second)
        seconds = bin_seconds(bin_size_sec)
        self._size = whole_frames(seconds, self._rate)
        channels = whole(channel_count, "channel_count", 1)
        if min_active_channels is not None:
            channels = whole(min_active_channels, "min_active_channels", 0)
        self._onset = burst_threshold(number(onset_freq_hz, "onset_freq_hz", 0), channels, seconds)
        self._offset = burst_threshold(number(offset_freq_hz, "offset_freq_hz", 0), channels, seconds)
        self._bin_start = 0
        self._count = 0
        self._last_event = (-1, -1)
        self._began: int | None = None
        self._burst_spikes = 0
        self._finished = False
        self.network_burst_count = 0
        """How many bursts have ended."""
        self.total_network_burst_frames = 0
        """How long they were together."""
        self.network_burst_spike_count = 0
        """How many spikes they had together."""

    @property
    def is_bursting(self) -> bool:
        """Whether a burst goes on, as of the last bin that is known whole."""
        return self._began is not None

    def update(self, result: DetectionResult) -> list[LiveBurst]:
        """Take what was detected in the next window; return the bursts that are known to have ended by it.

        ValueError for a window that goes back, RuntimeError after `finish`.
        """
        self._refuse_finished()
        return super().update(result)

    def finish(self) -> list[LiveBurst]:
        """End at `stop_timestamp`: what there is of the last bin is a bin, an open burst ends there."""
        self._refuse_finished()
        ended: list[LiveBurst] = []
        end = self.duration_frames
        if self._bin_start < end:
            self._judge(self._bin_start, ended)
        if self._began is not None:
            self._end(end, ended)
        self._finished = True
        return ended

    def _take(self, spikes: Sequence[Spike], stims: Sequence[Stim], first: int) -> list[LiveBurst]:
        ended: list[LiveBurst] = []
        start, bin_end = self._start or 0, self._bin_start + self._size
        for spike in spikes:
            if spike.timestamp < first:
                continue
            event = (spike.timestamp - start, spike.channel)
            if event == self._last_event:
                continue  # given twice, it is one spike
            self._last_event = event
            if event[0] >= bin_end:
                self._pass(event[0], ended)
                bin_end = self._bin_start + self._size
            self._count += 1
        if self._position - start >= bin_end:
            self._pass(self._position - start, ended)
        return ended

    def _pass(self, frame: int, ended: list[LiveBurst]) -> None:
        """Judge the bins that end before or at a frame."""
        left = (frame - self._bin_start) // self._size
        while left:
            self._judge(self._bin_start, ended)
            self._bin_start += self._size
            left -= 1
            if self._onset > 0 and not (self.is_bursting and self._offset > 0):
                break  # silence changes nothing any more
            self._count = 0
        self._count = 0
        self._bin_start += left * self._size

    def _judge(self, bin_start: int, ended: list[LiveBurst]) -> None:
        """Let the count of a whole bin begin, continue or end a burst."""
        if self._began is None:
            if self._count >= self._onset:
                self._began = bin_start
                self._burst_spikes = self._count
        elif self._count < self._offset:
            self._end(bin_start, ended)
        else:
            self._burst_spikes += self._count

    def _end(self, frame: int, ended: list[LiveBurst]) -> None:
        assert self._began is not None
        burst = LiveBurst(self._began, frame, self._burst_spikes)
        ended.append(burst)
        self._began = None
        self.network_burst_count += 1
        self.total_network_burst_frames += burst.end_frame - burst.start_frame
        self.network_burst_spike_count += burst.spike_count

    def _refuse_finished(self) -> None:
        if self._finished:
            raise RuntimeError("finish() has said that nothing more comes: make a new LiveBursts")
