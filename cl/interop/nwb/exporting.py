"""From a recording to an NWB file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from cl._values.numbers import real
from cl._values.paths import absolute
from cl._values.progress import Progress
from cl.interop.missing import missing
from cl.interop.output import check_free, new_file
from cl.interop.recorded import Recorded, Source, opened
from cl.interop.spool import Spool

from . import electrodes, file_metadata, gaps, host_clock, remarks, samples, spikes, stims, streams
from . import units as units_table
from .filling import Compression

if TYPE_CHECKING:
    from pynwb.file import Subject

Compressor = Literal["gzip", "lzf"]
_COMPRESSORS: Final = ("gzip", "lzf", None)


def export(
    path: Source,
    out: str | os.PathLike[str] | None = None,
    *,
    overwrite: bool = False,
    subject: Subject | Mapping[str, Any] | None = None,
    units: bool = False,
    compression: Compressor | None = "gzip",
    electrode_location: str = "in vitro",
    pitch_um: float = 200,
    **nwbfile_fields: Any,
) -> Path:
    """Write a recording as an NWB file and return where it is.

    `path`: a recording, ended or not, one still being written as it is now; or an open view of one; or
    several paths, or a view by `cl.analysis.open_many`: one file, whose gaps are `invalid_times`. `out`: by
    default the first path with the suffix `.nwb`. `subject`: a `pynwb.file.Subject`, or its fields.
    `units`: also a table `units`, one row a channel that has spikes, which are not sorted.
    `compression`: "gzip" (level 1), "lzf" or None. `pitch_um`: what is nominally between neighbouring
    electrodes, in µm, and said so in the file. Other keywords are those of `pynwb.NWBFile`.

    Samples are int16 with a conversion to volts, spikes' waveforms float32 with one; times are in seconds
    since frame 0. Memory does not grow with the samples or waveforms, which are read block by block.

    FileExistsError if `out` exists, unless `overwrite`; ImportError without the extra `cl-aio[nwb]`;
    OSError if the disk fails: nothing is left of the file then. TypeError and ValueError for arguments
    that are none, before anything is written. For recordings, the errors are those of `RecordingView`.
    """
    try:
        import pynwb
    except ImportError as error:
        raise missing("cl.interop.nwb", "pynwb", "nwb") from error
    _check(compression, electrode_location)
    pitch = _pitch(pitch_um)
    with opened(path) as recorded:
        target = absolute(recorded.paths[0]).with_suffix(".nwb") if out is None else absolute(out)
        check_free(target, recorded.paths, overwrite)
        file = file_metadata.new(pynwb, recorded, subject, nwbfile_fields)
        electrodes.add(file, recorded, electrode_location, pitch)
        fillers = _contents(file, recorded, Compression(compression), units)
        with new_file(target, recorded.paths, overwrite) as part:
            _write(pynwb, file, part, fillers, recorded)
    return target


def _check(compression: object, location: object) -> None:
    if compression not in _COMPRESSORS:
        raise ValueError(f"compression must be 'gzip', 'lzf' or None, not {compression!r}")
    if not isinstance(location, str) or not location.strip():
        raise ValueError(f"electrode_location must be a text that is not empty, not {location!r}")


def _pitch(value: object) -> float:
    pitch = real(value, "pitch_um")
    if not 0 < pitch < 1e6:
        raise ValueError(f"pitch_um must be above 0 and below 1000000, not {pitch:g}")
    return pitch


Filler = Callable[[Callable[[float], None]], None]


def _contents(file: Any, recorded: Recorded, compression: Compression, units_too: bool) -> list[Filler]:
    """Add what there is to the file, and return what fills it once it is on the disk."""
    fillers: list[Filler] = []
    fillers += samples.add(file, recorded, compression)
    fillers += spikes.add(file, recorded, compression)
    names: set[str] = set()
    fillers += stims.add(file, recorded, compression, names)
    fillers += host_clock.add(file, recorded, compression, names)
    fillers += streams.add(file, recorded, compression, names)
    gaps.add(file, recorded)
    remarks.add(file, recorded, names)
    if units_too:
        units_table.add(file, recorded)
    return fillers


def _write(pynwb: Any, file: Any, part: Path, fillers: list[Filler], recorded: Recorded) -> None:
    import h5py

    total = recorded.count("samples") + recorded.count("spikes") + recorded.count("stims")
    with Progress("exporting", total) as progress, Spool(part) as spool:

        def done(count: float) -> None:
            spool.check()
            progress.step(count)

        with h5py.File(spool, "w") as h5, pynwb.NWBHDF5IO(mode="w", file=h5) as io:
            io.write(file)
            done(0)
            for fill in fillers:
                fill(done)
        spool.check()
