"""The descriptions of the streams that an outlet has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pylsl

from cl._values.constants import CHANNEL_COUNT, FRAMES_PER_SECOND
from cl.interop.electrodes import positions, roles

if TYPE_CHECKING:
    from collections.abc import Sequence

SPIKE_COLUMNS: Final = (("timestamp", "frames"), ("channel", "index"), ("number", "count"))
STIM_COLUMNS: Final = (
    *SPIKE_COLUMNS,
    ("phases", "count"),
    ("duration", "microseconds"),
    ("current", "microamps"),
)


def events_info(
    name: str, source_id: str, columns: Sequence[tuple[str, str]], error_s: float
) -> pylsl.StreamInfo:
    """Return the description of a stream of events, whose samples are `columns` of names and units."""
    info = pylsl.StreamInfo(
        name, "Events", len(columns), pylsl.IRREGULAR_RATE, pylsl.cf_double64, f"{source_id}-{name}"
    )
    channels = info.desc().append_child("channels")
    for label, unit in columns:
        _children(channels.append_child("channel"), label=label, unit=unit, type="Events")
    electrodes = info.desc().append_child("electrodes")
    for channel in range(CHANNEL_COUNT):
        _electrode(electrodes.append_child("electrode"), channel)
    _synchronization(info, error_s)
    return info


def samples_info(name: str, source_id: str, error_s: float) -> pylsl.StreamInfo:
    """Return the description of the stream of samples, float32 in µV."""
    info = pylsl.StreamInfo(
        name, "Ephys", CHANNEL_COUNT, FRAMES_PER_SECOND, pylsl.cf_float32, f"{source_id}-{name}"
    )
    channels = info.desc().append_child("channels")
    for channel in range(CHANNEL_COUNT):
        found = channels.append_child("channel")
        _electrode(found, channel)
        _children(found, unit="microvolts", type="Ephys")
    _synchronization(info, error_s)
    return info


def _electrode(element: Any, channel: int) -> None:
    x, y = positions()[channel]
    _children(element, label=f"ch{channel}", role=roles()[channel])
    location = element.append_child("location")
    _children(location, X=f"{x * 1e-3:g}", Y=f"{y * 1e-3:g}", Z="0", unit="millimeters", note="nominal pitch")


def _synchronization(info: pylsl.StreamInfo, error_s: float) -> None:
    """Say what stamps are; `offset_mean` remains to be subtracted, and slow readers may lose samples."""
    acquisition = info.desc().append_child("acquisition")
    _children(
        acquisition, manufacturer="Cortical Labs", model="CL1", frames_per_second=str(FRAMES_PER_SECOND)
    )
    synchronization = info.desc().append_child("synchronization")
    _children(
        synchronization,
        time_source="fit of device frames to local_clock",
        offset_mean="0",
        offset_rms=f"{error_s:.6f}",
        can_drop_samples="true",
    )


def _children(element: Any, **values: str) -> None:
    for name, value in values.items():
        element.append_child_value(name, value)
