"""What a user's source gave, checked before it goes anywhere; and the error that says what was wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cl.error import DeviceDisconnectedError

from .data_source import DataSourceBatch, DataSourceSpike, SimulatorDataSourceMetadata

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Waveform = tuple[NDArray[np.float32], float] | None
    Batch = tuple[NDArray[np.int16], list[int], list[int], list[Waveform]]


class DataSourceError(DeviceDisconnectedError):
    """The device's data source failed, and the device ended with it.

    The text names the source, the window or the call, and the fault. Where the source raised, its
    own exception, with its traceback, is the `__cause__`.
    """


class Fault(Exception):
    """What is wrong with a source's answer; becomes a DataSourceError where the source is known."""


class SourceEndedError(DataSourceError):
    """The source has ended, or failed, within a window that it was asked for.

    `batch` is what there was of the window before that.
    """

    def __init__(self, text: str, batch: Batch) -> None:
        super().__init__(text)
        self.batch = batch


class TypeFault(Fault):
    """An answer of the wrong type."""


def checked_metadata(metadata: Any) -> SimulatorDataSourceMetadata:
    """Return a source's metadata, or raise Fault if they are none."""
    if not isinstance(metadata, SimulatorDataSourceMetadata):
        raise TypeFault(f"its metadata are {_kind(metadata)}, not SimulatorDataSourceMetadata")
    return metadata


def checked_batch(batch: Any, start: int, stop: int, shift: int = 0) -> Batch:
    """Return a batch for the source's window [start, stop) as the engine wants it.

    The frames are a copy: a source may use its own again. Spikes are sorted by timestamp, then
    channel, and moved by `shift`. Raises Fault.
    """
    if not isinstance(batch, DataSourceBatch):
        raise TypeFault(f"it returned {_kind(batch)}, not a DataSourceBatch")
    count = stop - start
    if batch.frames is None:
        frames = np.zeros((count, 64), np.int16)
    else:
        frames = checked_frames(batch.frames).copy()
        if len(frames) != count:
            raise Fault(f"it returned {len(frames)} frames, not {count}")
    spikes = checked_spikes(batch.spikes)
    if not spikes:
        return frames, [], [], []
    first, last = spikes[0].timestamp, spikes[-1].timestamp
    if first < start or last >= stop:
        outside = first if first < start else last
        raise Fault(f"it returned a spike at {outside}, outside of the window")
    return (
        frames,
        [spike.timestamp + shift for spike in spikes],
        [spike.channel for spike in spikes],
        [waveform_of(spike) for spike in spikes],
    )


def checked_frames(frames: Any) -> NDArray[np.int16]:
    """Return frames if they are int16 (n, 64); raise Fault if not."""
    if not isinstance(frames, np.ndarray):
        raise TypeFault(f"the frames are {_kind(frames)}, not a numpy array")
    if frames.dtype != np.int16:
        raise TypeFault(f"the frames are {frames.dtype}, not int16")
    if frames.ndim != 2 or frames.shape[1] != 64:
        raise Fault(f"the frames have the shape {frames.shape}, not (n, 64)")
    return frames


def checked_spikes(spikes: Iterable[DataSourceSpike]) -> list[DataSourceSpike]:
    """Return spikes sorted by timestamp, then channel; raise Fault if something else is among them."""
    try:
        found = list(spikes)
    except TypeError:
        raise TypeFault(f"the spikes are {_kind(spikes)}, not a sequence of DataSourceSpike") from None
    for spike in found:
        if not isinstance(spike, DataSourceSpike):
            raise TypeFault(f"there is {_kind(spike)} among the spikes, not a DataSourceSpike")
    if len(found) > 1:
        found.sort(key=_order)
    return found


def waveform_of(spike: DataSourceSpike) -> Waveform:
    """Return a spike's samples and mean, or None where the source gave none."""
    if spike.samples is None:
        return None
    return spike.samples, spike.channel_mean_sample or 0.0


def _order(spike: DataSourceSpike) -> tuple[int, int]:
    return spike.timestamp, spike.channel


def _kind(thing: object) -> str:
    return f"{type(thing).__name__} {str(thing)[:40]!r}" if thing is not None else "None"
