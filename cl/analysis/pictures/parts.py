"""The spans of a view that is drawn: spikes of some channels, the stims, and the time that is observed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cl._store.read.design_rows import designs_of
from cl.analysis.observed import Observed
from cl.analysis.spikes import origin_of, spikes_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cl._stim.designs import StimDesign
    from cl._store.read.analysable import Analysable


@dataclass(frozen=True, slots=True)
class Part:
    """One recording of a view, as far as it lies within the analysis limit. Frames are those of the view."""

    frames: NDArray[np.int64]
    """Of the observed spikes of the channels that were asked for, ascending."""
    rows: NDArray[np.int64]
    """Which of those channels each spike is of, by place."""
    observed: Observed
    recording: Any
    begin: int
    """The frame of the view at which the recording begins."""

    def stims_of(self, channels: list[int], design: StimDesign | None) -> NDArray[np.int64]:
        """Return the distinct frames within the limit of stims on some channels, of a design if one is given.

        ValueError where designs were not recorded.
        """
        table = self.recording.stims
        chosen = np.isin(table.col("channel"), channels)
        if design is not None:
            if table.designs is None:
                raise ValueError(
                    f"{self.recording.file_path} has no designs of its stims: it cannot be chosen by one"
                )
            chosen &= designs_of(table.designs.read(0, len(table))) == design
        found = stim_frames(self.recording, self.begin)[chosen]
        return np.unique(found[(found >= self.observed.start) & (found < self.observed.stop)])


def stim_frames(recording: Any, begin: int) -> NDArray[np.int64]:
    """Return the frames of a recording's stims by row, in those of a view where it begins at a frame."""
    found: NDArray[np.int64] = (
        recording.stims.col("timestamp").astype(np.int64) + begin - origin_of(recording)
    )
    return found


def parts_of(
    view: Analysable, channels: list[int], blank: int, *, needs_stims: bool = False
) -> Iterator[Part]:
    """Yield the parts of a view, without the spikes within `blank` frames from a stim on.

    ValueError for a recording without spikes, or without stims where those are needed.
    """
    spikes = spikes_of(view)
    first, last = view.analysis_window
    row_of = np.full(256, -1, np.int64)
    row_of[channels] = np.arange(len(channels))
    for (begin, recording), (_, length) in zip(view.recordings(), view.spans(), strict=True):
        start, stop = max(begin, first), min(begin + length, last)
        if start >= stop:
            continue
        stims = np.empty(0, np.int64)
        if blank or needs_stims:
            if recording.stims is None:
                raise ValueError(f"{recording.file_path} has no stims: they were not recorded")
            stims = np.unique(stim_frames(recording, begin)) if blank else stims
        observed = Observed(start, stop, stims, blank)
        within = slice(*np.searchsorted(spikes.frames, [start, stop]).tolist())
        frames, rows = spikes.frames[within], row_of[spikes.channels[within]]
        kept = rows >= 0
        if blank:
            kept &= observed.holds(frames)
        yield Part(frames[kept], rows[kept], observed, recording, begin)


def spike_frames(recording: Any, begin: int) -> NDArray[np.int64]:
    """Return the frames of a recording's spikes by row, in those of a view where it begins at a frame."""
    found: NDArray[np.int64] = (
        recording.spikes.col("timestamp").astype(np.int64) + begin - origin_of(recording)
    )
    return found
