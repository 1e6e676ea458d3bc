"""What a metric looks at: the spikes of a view within its analysis limit, and the bins of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .recorded import channel_count_of, rate_of
from .spikes import spikes_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from cl._store.read.analysable import Analysable


@dataclass(frozen=True, slots=True)
class Trains:
    """The spike trains of all channels: distinct frames, ascending, one channel after another."""

    frames: NDArray[np.int64]
    bounds: NDArray[np.int64]
    """(C + 1): where in `frames` those of each channel begin; the last one is where they end."""

    def __getitem__(self, channel: int) -> NDArray[np.int64]:
        return self.frames[self.bounds[channel] : self.bounds[channel + 1]]

    @property
    def counts(self) -> NDArray[np.int64]:
        """(C): how many distinct frames with a spike each channel has."""
        return np.diff(self.bounds)


@dataclass(frozen=True, slots=True)
class Window:
    """The spikes of a view within its analysis limit, in order of (frame, channel).

    Frames count from the window's begin. What was recorded is one span of frames, or several, where the view
    is of several recordings.
    """

    frames: NDArray[np.int64]
    channels: NDArray[np.uint8]
    starts: NDArray[np.int64]
    """The first frame of each span."""
    lengths: NDArray[np.int64]
    """Frames of each span."""
    rate: float
    """Frames per second."""
    channel_count: int

    @property
    def duration(self) -> int:
        """How many frames were recorded."""
        return int(self.lengths.sum())

    @property
    def end(self) -> int:
        """The frame after the last one of the window."""
        return int(self.starts[-1] + self.lengths[-1])

    def spans_of(self, frames: NDArray[np.int64]) -> NDArray[np.int64] | int:
        """Return which span each frame lies in; just 0 where there is only one."""
        if len(self.starts) == 1:
            return 0
        return np.searchsorted(self.starts, frames, side="right") - 1

    def until(self, end: int, without: Collection[int] = ()) -> Window:
        """Return what comes before a frame, without some channels."""
        kept = self.frames < end
        if without:
            kept &= ~np.isin(self.channels, list(without))
        lengths = np.clip(end - self.starts, 0, self.lengths)
        return Window(
            self.frames[kept], self.channels[kept], self.starts, lengths, self.rate, self.channel_count
        )

    def distinct(self) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Return frames and channels of the spikes, a repeated one once."""
        if not len(self.frames):
            return self.frames, self.channels
        new = np.ones(len(self.frames), np.bool_)
        new[1:] = (self.frames[1:] != self.frames[:-1]) | (self.channels[1:] != self.channels[:-1])
        return (self.frames, self.channels) if new.all() else (self.frames[new], self.channels[new])

    def trains(self) -> Trains:
        """Return the channels' spike trains."""
        frames, channels = self.distinct()
        bounds = np.zeros(self.channel_count + 1, np.int64)
        np.cumsum(np.bincount(channels, minlength=self.channel_count), out=bounds[1:])
        return Trains(frames[np.argsort(channels, kind="stable")], bounds)


class Bins:
    """The bins of a window; they begin anew in each span, whose last one may be cut short."""

    def __init__(self, window: Window, size: int) -> None:
        self._window = window
        self._size = size
        counts = -(-window.lengths // size)
        self.firsts: NDArray[np.int64] = np.concatenate([[0], np.cumsum(counts)])
        """The number of the first bin of each span; the last one is how many bins there are."""

    def __len__(self) -> int:
        return int(self.firsts[-1])

    def of(self, frames: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the bin of each frame."""
        window = self._window
        spans = window.spans_of(frames)
        found: NDArray[np.int64] = self.firsts[spans] + (frames - window.starts[spans]) // self._size
        return found

    def edges(self) -> NDArray[np.int64]:
        """Return the first frame of each bin."""
        counts = np.diff(self.firsts)
        numbers = np.arange(len(self)) - np.repeat(self.firsts[:-1], counts)
        return np.repeat(self._window.starts, counts) + numbers * self._size

    def spans(self) -> NDArray[np.int64]:
        """Return which span each bin lies in."""
        return np.repeat(np.arange(len(self.firsts) - 1), np.diff(self.firsts))


def window_of(view: Analysable) -> Window:
    """Return what the metrics look at; `ValueError` for a recording without spikes."""
    spikes = spikes_of(view)
    first, last = view.analysis_window
    begins, lengths = np.array(view.spans(), np.int64).reshape(-1, 2).T
    ends = np.clip(begins + lengths, first, last)
    begins = np.clip(begins, first, last)
    kept = ends > begins
    if not kept.any():
        kept[:1] = True
    within = slice(*np.searchsorted(spikes.frames, [first, last]).tolist())
    return Window(
        spikes.frames[within] - first,
        spikes.channels[within],
        begins[kept] - first,
        (ends - begins)[kept],
        rate_of(view),
        channel_count_of(view),
    )
