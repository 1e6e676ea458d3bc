"""The layout of a recording: its row types, chunks and attributes, as PyTables writes them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from . import hdf5

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

SAMPLES_PER_SPIKE: Final = 75
SAMPLE: Final = np.dtype("<i2")
SPIKE: Final = np.dtype([("timestamp", "<i8"), ("channel", "u1"), ("samples", "<f4", (SAMPLES_PER_SPIKE,))])
STIM: Final = np.dtype([("timestamp", "<i8"), ("channel", "u1")])
STIM_DESIGN: Final = np.dtype([("phases", "u1"), ("duration_us", "<u4", (3,)), ("current_uA", "<f8", (3,))])
"""Row i is the design of row i of the stims: the first `phases` of its numbers; 0 phases: not known."""
CLOCK: Final = np.dtype([("timestamp", "<i8"), ("monotonic_ns", "<i8"), ("utc_ns", "<i8")])
"""The host's two clocks at the moment in which device time came to a frame; see `cl._recording.clock_log`."""
LOG: Final = np.dtype(
    [
        ("timestamp", "<i8"),
        ("kind", "u1"),
        ("command", "<u8"),
        ("plan", "<u4"),
        ("refused", "u1"),
        ("channels", "<u8"),
        ("count", "<u8"),
        ("interval_us", "<u8"),
        ("lead_us", "<u8"),
        ("at", "<i8"),
        ("value", "<i8"),
        *STIM_DESIGN.descr,
        ("data_index", "<u8"),
        ("text_bytes", "<u4"),
        ("fields_bytes", "<u4"),
    ]
)
"""What has happened, see docs/recordings.md: `channels` has bit c for channel c; the text of a row is the
first `text_bytes` bytes of `/log_data` from `data_index` on, and `fields_bytes` bytes of msgpack follow."""
CHECKSUM: Final = np.dtype([("dataset", "<u4"), ("first", "<i8"), ("rows", "<i8"), ("crc32", "<u4")])
"""See `checksums`."""
STREAM_INDEX: Final = np.dtype([("timestamp", "<i8"), ("start_index", "<u8"), ("end_index", "<u8")])
STREAM_DATA: Final = np.dtype("u1")

# Rows in a chunk: large enough to be found and read quickly, small enough that the
# unused part of the last one does not count in a short recording.
SAMPLE_CHUNK: Final = 512
SPIKE_CHUNK: Final = 64
STIM_CHUNK: Final = 512
STIM_DESIGN_CHUNK: Final = 512
CLOCK_CHUNK: Final = 64
CHECKSUM_CHUNK: Final = 64
LOG_CHUNK: Final = 128
LOG_DATA_CHUNK: Final = 1024
INDEX_CHUNK: Final = 256
DATA_CHUNK: Final = 16_384

RELATIVE: Final = "stim_and_spike_timestamps_relative_to_start"


def group_attributes(*, is_root: bool = False) -> list[hdf5.Attribute]:
    """Return what PyTables wants of a group."""
    attributes = [hdf5.text("TITLE", ""), hdf5.text("CLASS", "GROUP"), hdf5.text("VERSION", "1.0")]
    if is_root:
        attributes.append(hdf5.text("PYTABLES_FORMAT_VERSION", "2.1"))
    return attributes


@cache
def array_attributes() -> tuple[hdf5.Attribute, ...]:
    """Return what PyTables wants of an EArray that grows along its first dimension."""
    return (
        hdf5.text("CLASS", "EARRAY", hdf5.ASCII),
        hdf5.text("VERSION", "1.1", hdf5.ASCII),
        hdf5.text("TITLE", "", hdf5.ASCII),
        hdf5.number("EXTDIM", 0, "<i4"),
    )


@cache
def table_attributes(row: np.dtype[Any]) -> tuple[hdf5.Attribute, ...]:
    """Return what PyTables wants of a Table."""
    names = row.names or ()
    return (
        hdf5.text("CLASS", "TABLE"),
        hdf5.text("VERSION", "2.7"),
        hdf5.text("TITLE", ""),
        *(hdf5.text(f"FIELD_{i}_NAME", name) for i, name in enumerate(names)),
        *(hdf5.number(f"FIELD_{i}_FILL", 0, row[name].base.str) for i, name in enumerate(names)),
        hdf5.number("NROWS", 0),
    )


def identity(system: Mapping[str, str] | None) -> list[hdf5.Attribute]:
    """Return the attributes that say which system recorded; unknown ones are empty."""
    known = {"hostname": "", "project_id": "", "cell_batch_id": ""} | dict(system or {})
    return [hdf5.text(name, value) for name, value in known.items()]


def times(word: str, moment: datetime | None) -> list[hdf5.Attribute]:
    """Return `<word>_localtime` and `<word>_utc`, ISO 8601 with the offset; empty for None."""
    from datetime import UTC

    local = moment.astimezone().isoformat() if moment else ""
    utc = moment.astimezone(UTC).isoformat() if moment else ""
    return [hdf5.text(f"{word}_localtime", local), hdf5.text(f"{word}_utc", utc)]


def signal(channels: int, rate: int, uV_per_sample_unit: float, start: int) -> list[hdf5.Attribute]:
    """Return the attributes that say what the samples mean."""
    return [
        hdf5.number("channel_count", channels),
        hdf5.number("sampling_frequency", rate),
        hdf5.number("frames_per_second", rate),
        hdf5.number("uV_per_sample_unit", uV_per_sample_unit, "<f8"),
        hdf5.number("start_timestamp", start),
    ]


def duration(start: int, frames: int, rate: int) -> list[hdf5.Attribute]:
    """Return the attributes that grow with the recording."""
    return [
        hdf5.number("end_timestamp", start + frames),
        hdf5.number("duration_frames", frames),
        hdf5.number("duration_seconds", frames / rate, "<f8"),
    ]
