"""Stims as SpikeInterface events: a channel of events for each channel of the device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from spikeinterface.core.baseevent import BaseEvent, BaseEventSegment

from .series import Paths, joined_view, one_rate, path_list, views

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cl._store.read.view import RecordingView

_STIM: Final = np.dtype(
    [
        ("time", "f8"),
        ("duration", "f8"),
        ("frame", "i8"),
        ("channel", "i8"),
        ("phases", "i8"),
        ("duration_us", "i8", (3,)),
        ("current_uA", "f8", (3,)),
    ]
)


def read_cl_stims(paths: Paths, *, joined: bool = False) -> ClStims:
    """Return the stims of recordings as events, on a channel for each channel that was stimulated.

    An event has `time` and `duration` in seconds, `frame` and `channel`, and of the design `phases` (0 where
    it is not known; the duration is 0 then), `duration_us` and `current_uA` of the three phases that there
    can be. Segments are those of `read_cl` of the same `paths`.

    FileNotFoundError for a missing file; `ValueError` for what is no recording, has no table of stims, or
    does not go with the others.
    """
    return ClStims(path_list(paths), joined=joined)


class ClStims(BaseEvent):
    """Stims of recordings of the CL1; made by `read_cl_stims`."""

    name = "cl_stims"

    def __init__(self, file_paths: Sequence[str], joined: bool = False) -> None:
        paths = path_list(file_paths)
        segments: list[list[NDArray[Any]]] = [[] for _ in range(1 if joined else len(paths))]
        rates = []
        for segment, start, view in views(paths, joined):
            rates.append(float(view.attributes["frames_per_second"]))
            segments[segment].append(_events(view, start, rates[-1]))
        self.sampling_frequency = one_rate(joined_view(paths).paths if joined else paths, rates)
        stims = [np.concatenate(parts) for parts in segments]
        channels = np.unique(np.concatenate([found["channel"] for found in stims]))
        BaseEvent.__init__(self, channels.tolist(), _STIM)
        for found in stims:
            self.add_event_segment(ClStimsSegment(found))
        self._kwargs = {"file_paths": paths, "joined": bool(joined)}


class ClStimsSegment(BaseEventSegment):
    """The stims of one segment, in order."""

    def __init__(self, stims: NDArray[Any]) -> None:
        BaseEventSegment.__init__(self)
        self._stims = stims

    def get_events(
        self, channel_id: int | None, start_time: float | None = None, end_time: float | None = None
    ) -> NDArray[Any]:
        """Return the stims of one channel (None: of all) with start_time ≤ time < end_time."""
        found = self._stims
        wanted = np.ones(len(found), bool)
        if channel_id is not None:
            wanted &= found["channel"] == channel_id
        if start_time is not None:
            wanted &= found["time"] >= start_time
        if end_time is not None:
            wanted &= found["time"] < end_time
        return found[wanted]


def _events(view: RecordingView, start: int, rate: float) -> NDArray[Any]:
    from cl.analysis.spikes import origin_of

    if view.stims is None:
        raise ValueError(f"{view.file_path} has no stims: they were not recorded")
    frames, channels = view.stims.times_and_channels()
    found = np.zeros(len(frames), _STIM)
    found["frame"] = frames + start - origin_of(view)
    found["time"] = found["frame"] / rate
    found["channel"] = channels
    if view.stim_designs is not None:
        designs = view.stim_designs[:]
        rows = slice(0, len(designs))
        for column in ("phases", "duration_us", "current_uA"):
            found[column][rows] = designs[column][: len(found)]
        found["duration"] = found["duration_us"].sum(axis=1) * 1e-6
    return found[np.lexsort((found["channel"], found["frame"]))]
