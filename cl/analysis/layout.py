"""The electrode grid that channels lie on, and whether a recording has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cl._values.constants import CHANNEL_COUNT, GROUNDED, REFERENCE

from .recorded import channel_count_of
from .spikes import spikes_of

if TYPE_CHECKING:
    from cl._store.read.analysable import Analysable

SIDE: Final = 8
SILENT: Final = tuple(sorted((*GROUNDED, REFERENCE)))
"""Channels that metrics of the culture leave out: without an electrode, and the reference."""
_FRAMES_AT_ONCE: Final = 16_384
_MOST_NOISE: Final = 0.1
"""Samples other than zero on grounded channels, for each frame."""


def grid() -> list[list[int]]:
    """Return the channel in each row and column of the grid."""
    return [[SIDE * column + row for column in range(SIDE)] for row in range(SIDE)]


def check_layout(view: Analysable) -> None:
    """Raise `ValueError` unless the whole recording has the common layout: grounded channels are silent.

    They have no spikes, or hardly a sample other than zero. So samples are read, in blocks, only where there
    are such spikes.
    """
    if not spikes_of(view).on_ground:
        return
    for _, recording in view.recordings():
        if _spikes_on_ground(recording) and not _is_grounded(recording):
            samples = "" if recording.samples is None else " and samples other than zero"
            raise ValueError(
                f"{recording.file_path} has not the common layout: channels {', '.join(map(str, GROUNDED))}, "
                f"which are grounded in it, have spikes{samples}"
            )


def check_channels(view: Analysable) -> None:
    """Raise `ValueError` unless there are as many channels as the grid has places."""
    count = channel_count_of(view)
    if count != CHANNEL_COUNT:
        raise ValueError(f"the electrode grid has {CHANNEL_COUNT} channels, the recording has {count}")


def _spikes_on_ground(recording: Any) -> bool:
    return recording.spikes is None or spikes_of(recording).on_ground


def _is_grounded(recording: Any) -> bool:
    """Return whether the samples of grounded channels are zero, but for noise."""
    samples = recording.samples
    if samples is None:
        return False
    most = _MOST_NOISE * int(recording.attributes["duration_frames"])
    found = 0
    for start in range(0, len(samples), _FRAMES_AT_ONCE):
        block = samples[start : start + _FRAMES_AT_ONCE]
        found += int(np.count_nonzero(block[:, GROUNDED]))
        if found > most:
            return False
    return True
