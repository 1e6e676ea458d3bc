"""Detected spikes as a SpikeInterface sorting: a unit for each channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from spikeinterface.core import NumpySorting
from spikeinterface.core.basesorting import SpikeVectorSortingSegment, minimum_spike_dtype

from .series import Paths, joined_view, one_rate, path_list, views

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cl._store.read.view import RecordingView


def read_cl_spikes(paths: Paths, *, joined: bool = False) -> NumpySorting:
    """Return the detected spikes of recordings as a `NumpySorting`: a unit for each channel that has some.

    The units' ids are the channels' numbers, as of the recording that `read_cl` makes of the same `paths`,
    and so are its segments and their frames. A unit has what the detector found on one channel: nothing is
    sorted.

    FileNotFoundError for a missing file; `ValueError` for what is no recording, has no table of spikes, or
    does not go with the others.
    """
    found = path_list(paths)
    parts, rates = [], []
    for segment, start, view in views(found, joined):
        rates.append(float(view.attributes["frames_per_second"]))
        parts.append(_spikes(view, segment, start))
    rate = one_rate(joined_view(found).paths if joined else found, rates)
    frames, channels, segments = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _sorting(frames, channels, segments, 1 if joined else len(found), rate)


def _spikes(view: RecordingView, segment: int, start: int) -> tuple[NDArray[Any], ...]:
    from cl.analysis.spikes import spikes_of

    spikes = spikes_of(view)
    frames = spikes.frames + start
    return frames, spikes.channels, np.full(len(frames), segment)


def _sorting(
    frames: NDArray[np.int64],
    channels: NDArray[np.uint8],
    segments: NDArray[np.int64],
    segment_count: int,
    rate: float,
) -> NumpySorting:
    units, of_unit = np.unique(channels, return_inverse=True)
    vector = np.zeros(len(frames), minimum_spike_dtype)
    vector["sample_index"], vector["unit_index"], vector["segment_index"] = frames, of_unit, segments
    unit_ids = units.astype(np.int64)
    sorting = NumpySorting(vector, rate, unit_ids)
    # Segments behind the last spike are segments as well.
    for segment in range(sorting.get_num_segments(), segment_count):
        sorting.add_sorting_segment(SpikeVectorSortingSegment(vector, segment, unit_ids))
    return sorting
