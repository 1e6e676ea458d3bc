"""Opening recordings: the errors, and what the replay source needs of one."""

from __future__ import annotations

import math
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import h5py
    import numpy as np
    from numpy.typing import NDArray

    from .unshared import RecordingFile
    from .waveforms import SpikeWaveforms

CHANNELS = 64
SAMPLES_PER_SPIKE = 75
DEFAULT_UV_PER_SAMPLE_UNIT = 0.195
LARGEST = 1 << 62
RELATIVE = "stim_and_spike_timestamps_relative_to_start"
_UNWRITTEN = 64 << 20
"""Bytes that a dataset may have beyond its file: HDF5 makes up zeros, or they are just being written."""


LARGEST_CHUNK = 16 << 20
"""Bytes of the largest chunk of a compressed dataset: for each row that is read, all of one is made."""


def open_file(path: str | os.PathLike[str]) -> RecordingFile:
    """Open an HDF5 file for reading.

    Raises FileNotFoundError, IsADirectoryError or PermissionError as `open`
    does, and ValueError for a file that is truncated or no HDF5 at all. Each
    text names the file. It is read as it is now, whatever else of this process has it open.
    """
    from .unshared import open_unshared

    name = Path(path)
    if stat.S_IFMT(name.stat().st_mode) not in (stat.S_IFREG, stat.S_IFDIR):
        raise ValueError(f"{name} is no ordinary file, so not a recording")
    with name.open("rb"):
        pass  # the operating system's own errors are clearer than HDF5's
    try:
        return open_unshared(name)
    except (OSError, RuntimeError) as error:
        raise ValueError(_refusal(name, str(error))) from error


def _refusal(path: Path, reason: str) -> str:
    if path.stat().st_size == 0:
        return f"{path} is empty, not a recording"
    if "signature not found" in reason:
        return f"{path} is not an HDF5 file, so not a recording"
    if "truncated file" in reason:
        return f"{path} is truncated: its end is missing ({reason})"
    return f"{path} cannot be read as a recording: {reason}"


def dataset(file: h5py.File, name: str) -> h5py.Dataset | None:
    """Return the dataset `name` of the file, or None where it was not recorded.

    Raises ValueError if it is something else, cannot be reached, or is not in the file.
    """
    import h5py

    found: h5py.Dataset | None = member(file, name, h5py.Dataset)
    if found is not None:
        check_held(found)
    return found


def check_held(dataset: h5py.Dataset) -> None:
    """Raise ValueError unless what is in a dataset is in its file.

    It may lie in another, or be far larger than the file: to read it could fill the memory. Where it is
    compressed, that is told by its chunks.
    """
    if dataset.is_virtual or dataset.external:
        raise ValueError(f"{_where(dataset)} has its data in another file")
    size = (dataset.size or 0) * dataset.id.get_type().get_size()
    file = getattr(dataset, "kept_file", None)
    limit = (dataset.file if file is None else file).id.get_filesize() + _UNWRITTEN
    if dataset.id.get_create_plist().get_nfilters():
        _check_chunks(dataset, size > limit)
    elif size > limit:
        raise ValueError(
            f"{_where(dataset)} is damaged: it has the shape {dataset.shape}, for which the file is too small"
        )


def _where(dataset: h5py.Dataset) -> str:
    return f"{dataset.file.filename}: {dataset.name}"


def _check_chunks(dataset: h5py.Dataset, is_large: bool) -> None:
    """Raise ValueError for a compressed dataset that a few bytes make out to be huge."""
    chunk = math.prod(dataset.chunks) * dataset.dtype.itemsize
    if chunk > LARGEST_CHUNK:
        raise ValueError(
            f"{_where(dataset)} has chunks of {chunk} bytes; at most {LARGEST_CHUNK} are read at once"
        )
    if is_large and dataset.id.get_num_chunks() * math.prod(dataset.chunks) < dataset.size:
        raise ValueError(f"{_where(dataset)} is damaged: of the shape {dataset.shape} chunks are missing")


def member(file: h5py.File, name: str, kind: type[Any]) -> Any:
    """Return what the file's root has under a name, or None where it has nothing.

    Raises ValueError if it is of another kind, cannot be reached, or lies in another file.
    """
    found = anything(file, name)
    if found is not None and not isinstance(found, kind):
        where = f"{file.filename}: /{name}"
        raise ValueError(f"{where} should be a {kind.__name__}, it is a {type(found).__name__}")
    return found


def anything(file: h5py.File, name: str) -> Any:
    """Return what the file's root has under a name, of whatever kind, or None where it has nothing.

    Raises ValueError if it cannot be reached, or lies in another file.
    """
    import h5py

    from .errors import damaged

    where = f"{file.filename}: /{name}"
    with damaged(where):
        if isinstance(file.get(name, getlink=True), h5py.ExternalLink):
            raise ValueError(f"{where} is a link to another file")
        found = file.get(name)
    return None if found is None else kept(file, found)


def kept(file: Any, thing: Any) -> Any:
    """Have what lies in a file keep it open, at the moment that it is seen at; return it."""
    thing.kept_file = file
    thing.descriptor = getattr(file, "descriptor", None)
    return thing


def check_samples(samples: h5py.Dataset) -> None:
    """Raise ValueError unless the dataset is int16 (frames, 64)."""
    dtype, shape = samples.dtype, samples.shape
    if dtype.kind != "i" or dtype.itemsize != 2:
        raise ValueError(f"{_where(samples)} should be int16, it is {dtype}")
    if len(shape) != 2 or shape[1] != CHANNELS:
        raise ValueError(f"{_where(samples)} should have the shape (frames, {CHANNELS}), it has {shape}")


def check_events(table: h5py.Dataset) -> None:
    """Raise ValueError unless the dataset is a table with integer `timestamp` and `channel` columns."""
    dtype, shape = table.dtype, table.shape
    if len(shape) != 1:
        raise ValueError(f"{_where(table)} should be a table of one dimension, it has the shape {shape}")
    for column in ("timestamp", "channel"):
        if column not in (dtype.names or ()):
            raise ValueError(f"{_where(table)} has no column {column!r}, it has {dtype}")
        if dtype[column].kind not in "iu":
            raise ValueError(f"{_where(table)}: {column!r} should be an integer, it is {dtype[column]}")


def number(file: h5py.File, name: str, default: float | None = None, above: float = -LARGEST) -> Any:
    """Return a root attribute as a Python number.

    Raises ValueError if it is no number, not above a limit, too large for a count of frames, or missing
    without a default.
    """
    from .attributes_view import read_attribute
    from .scalar_attribute import scalar

    value = scalar(file, name)
    if value is None and name not in file.attrs:
        if default is not None:
            return default
        raise ValueError(f"{file.filename} is not a recording: it has no attribute {name!r}")
    value = read_attribute(file, name) if value is None else value
    if type(value) not in (int, float):
        raise ValueError(f"{file.filename}: the attribute {name!r} should be a number, it is {value!r}")
    if not above < value < LARGEST:
        where = f"{file.filename}: the attribute {name!r}"
        raise ValueError(f"{where} should be above {above} and below {LARGEST}, it is {value}")
    return value


@dataclass(slots=True, repr=False)
class ReplayData:
    """A recording as the replay source wants it; `close()` when done.

    `samples` is the int16 dataset (frames, 64), read lazily, or None if it was
    not recorded. The spikes' timestamps are frames since the recording's start,
    ascending; `spike_samples` has their waveforms, read lazily, or is None.
    """

    file: h5py.File
    samples: h5py.Dataset | None
    spike_timestamps: NDArray[np.int64]
    spike_channels: NDArray[np.uint8]
    spike_samples: SpikeWaveforms | None
    duration_frames: int
    uV_per_sample_unit: float
    start_timestamp: int
    channel_count: int

    def close(self) -> None:
        """Close the file; `samples` can no longer be read."""
        self.file.close()


def open_replay(path: str | os.PathLike[str]) -> ReplayData:
    """Open a recording for replay.

    Raises FileNotFoundError for a missing file and ValueError for one that is
    truncated, foreign, or not of 64 channels at 25 000 frames/s.
    """
    from .errors import damaged

    file = open_file(path)
    try:
        with damaged(str(path)):
            return _replay(file)
    except BaseException:
        file.close()
        raise


def _replay(file: h5py.File) -> ReplayData:
    channels = number(file, "channel_count")
    rate = number(file, "frames_per_second")
    if channels != CHANNELS or rate != 25_000:
        raise ValueError(
            f"{file.filename} has {channels} channels at {rate} frames/s; replay takes 64 at 25000"
        )
    samples = dataset(file, "samples")
    if samples is not None:
        check_samples(samples)
    timestamps, spike_channels, waveforms = _spikes(file)
    return ReplayData(
        file=file,
        samples=samples,
        spike_timestamps=timestamps,
        spike_channels=spike_channels,
        spike_samples=waveforms,
        duration_frames=_duration(file, samples, timestamps),
        uV_per_sample_unit=float(number(file, "uV_per_sample_unit", DEFAULT_UV_PER_SAMPLE_UNIT)),
        start_timestamp=int(number(file, "start_timestamp", 0)),
        channel_count=CHANNELS,
    )


def _duration(file: h5py.File, samples: h5py.Dataset | None, spikes: NDArray[np.int64]) -> int:
    """Samples are what there is; without them the attribute, or the last spike where it was not closed."""
    if samples is not None:
        return int(samples.shape[0])
    return max(int(number(file, "duration_frames", 0)), int(spikes[-1]) + 1 if len(spikes) else 0)


def _spikes(
    file: h5py.File,
) -> tuple[NDArray[np.int64], NDArray[np.uint8], SpikeWaveforms | None]:
    import numpy as np

    from .waveforms import SpikeWaveforms

    table = dataset(file, "spikes")
    if table is None:
        return np.empty(0, np.int64), np.empty(0, np.uint8), None
    check_events(table)
    rows = table.fields(["timestamp", "channel"])[:]
    if not is_relative(file):
        rows["timestamp"] -= int(number(file, "start_timestamp", 0))
    order = np.lexsort((rows["channel"], rows["timestamp"]))
    rows = rows[order]
    waveforms = None
    column = table.dtype["samples"] if "samples" in (table.dtype.names or ()) else None
    if column is not None and column.shape == (SAMPLES_PER_SPIKE,) and column.base.kind in "fiu":
        waveforms = SpikeWaveforms(table, order)
    return rows["timestamp"].astype(np.int64), rows["channel"].astype(np.uint8), waveforms


def is_relative(file: h5py.File) -> bool:
    """Whether timestamps count from the recording's start: always, unless the file says that they do not."""
    from .attributes_view import read_attribute

    declared = read_attribute(file, "file_format") if "file_format" in file.attrs else {}
    return not isinstance(declared, dict) or declared.get(RELATIVE) is not False
