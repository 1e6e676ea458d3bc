"""The spikes of a view, as the metrics take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cl._values.constants import GROUNDED

from .recorded import channel_count_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cl._store.read.analysable import Analysable

_RELATIVE: Final = "stim_and_spike_timestamps_relative_to_start"


@dataclass(frozen=True, slots=True)
class Spikes:
    """All spikes of a view, in order of (frame, channel), whatever the order of its table.

    Frames are those of the view, from 0 on. Rows at frames that were not recorded are left out.
    """

    frames: NDArray[np.int64]
    channels: NDArray[np.uint8]
    last: int | None
    """The largest timestamp in the tables, also if it is beyond what was recorded; None without spikes."""
    on_ground: bool
    """Whether the tables have spikes of channels that are grounded."""


def spikes_of(view: Analysable) -> Spikes:
    """Return the spikes of a view, which keeps them for the next metric.

    `ValueError` for a recording without a table of spikes, or with spikes of channels that there are not.
    """
    key = view.analysis_key()
    if view.kept_spikes is None or view.kept_spikes[0] != key:
        view.kept_spikes = key, _read(view)
    found: Spikes = view.kept_spikes[1]
    return found


def _read(view: Analysable) -> Spikes:
    count = channel_count_of(view)
    parts = [
        _part(recording, span, count)
        for (_, recording), span in zip(view.recordings(), view.spans(), strict=True)
    ]
    if len(parts) == 1:
        return parts[0]
    lasts = [part.last for part in parts if part.last is not None]
    return Spikes(
        np.concatenate([part.frames for part in parts]),
        np.concatenate([part.channels for part in parts]),
        max(lasts, default=None),
        any(part.on_ground for part in parts),
    )


def _part(view: Any, span: tuple[int, int], channel_count: int) -> Spikes:
    """Return the spikes of one recording, which has so many frames of the view from one on."""
    start, length = span
    if view.spikes is None:
        raise ValueError(f"{view.file_path} has no spikes: they were not recorded")
    frames, channels = view.spikes.times_and_channels()
    if len(channels) and int(channels.max()) >= channel_count:
        wrong = int(channels.max())
        raise ValueError(
            f"{view.file_path} has spikes of channel {wrong}, its channels are below {channel_count}"
        )
    frames += start - origin_of(view)
    last = int(frames.max()) if len(frames) else None
    on_ground = bool(np.isin(channels, GROUNDED).any())
    frames, channels = _in_order(frames, channels)
    within = slice(*np.searchsorted(frames, [start, start + length]).tolist())
    return Spikes(frames[within], channels[within], last, on_ground)


def origin_of(view: Any) -> int:
    """Return the frame that timestamps count from: the recording's first, unless the file says otherwise."""
    declared = view.attributes.get("file_format")
    if isinstance(declared, dict) and declared.get(_RELATIVE) is False:
        return int(view.attributes["start_timestamp"])
    return 0


def _in_order(
    frames: NDArray[np.int64], channels: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    later = frames[1:] > frames[:-1]
    if bool((later | ((frames[1:] == frames[:-1]) & (channels[1:] >= channels[:-1]))).all()):
        return frames, channels
    order = np.lexsort((channels, frames))
    return frames[order], channels[order]
