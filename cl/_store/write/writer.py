"""Writing a recording.

HDF5's own library is not used for writing. It holds the interpreter's lock while it works, so a loop in
another thread would wait for it; it overwrites reachable structures in several steps, so
a process killed in one of them leaves a file that can no longer be opened; and when the disk
is full it can neither close the file nor leave it readable. What a recording needs of the format is small:
`hdf5` has its bytes, `ordered_file` the order of the writes, and the lock is free during each of them.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from cl._store.stream_names import check_stream_name

from . import hdf5, layout
from .attributes import pickled, plain_dict, value_of
from .clock_table import ClockTable
from .group import Group
from .growing_dataset import GrowingDataset
from .header import RecordingHeader
from .ordered_file import OrderedFile
from .stim_tables import StimTables
from .stream_writer import StreamWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from cl._stim.designs import StimDesign

PENDING_STREAM_BYTES: Final = 4 << 20
"""Stream entries are gathered until the next flush, or until a stream has this many bytes."""
_NEW_FILE: Final = (
    os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
)


_Part: TypeAlias = "GrowingDataset | StimTables | ClockTable | StreamWriter | Group"


class RecordingWriter:
    """Writes one recording; used by one thread at a time.

    What is appended becomes readable with `flush`; call it at least twice a
    second. At any moment the process may be killed: the file then holds what the last flush had,
    and perhaps some of what came after. `finish` adds what is only known at the end. Timestamps are
    frames since the recording's start.

    Every method raises OSError when the disk fails. What was flushed stays
    readable, and `finish` can still be called.
    """

    def __init__(self, path: str | os.PathLike[str], header: RecordingHeader | None = None) -> None:
        """Create the file, with what the header says in it.

        Raises FileExistsError if the name is taken, other OSErrors as `open` does, and TypeError or
        ValueError for attributes that do not fit.
        """
        header = header or RecordingHeader()
        self.path = Path(path)
        self.frames = 0
        """Frames the recording covers so far."""
        self._start = header.start_timestamp
        self._rate = header.frames_per_second
        self._channels = header.channel_count
        attributes = header.attributes()
        descriptor = os.open(self.path, _NEW_FILE, 0o644)
        try:
            self._file = OrderedFile(descriptor)
            self._root = Group(self._file)
            self._root.set_attributes(attributes)
            self._make_parts(header)
            self._begin()
        except BaseException:
            os.close(descriptor)
            self.path.unlink(missing_ok=True)
            raise

    def _make_parts(self, header: RecordingHeader) -> None:
        self._samples = self._array("samples") if header.include_raw_samples else None
        self._spikes = (
            self._table("spikes", layout.SPIKE, layout.SPIKE_CHUNK) if header.include_spikes else None
        )
        self._stims = self._stim_tables() if header.include_stims else None
        self._clock = self._clock_table() if header.include_clock else None
        self._stream_group = self._data_stream_group() if header.include_data_streams else None
        self._streams: dict[str, StreamWriter] = {}

    def _begin(self) -> None:
        """Make the file a recording of no frames, with one write; until then it is no HDF5."""
        self._root.publish()
        self._root.reserve()
        self._file.write(0, hdf5.superblock(self._file.end, self._root.header_address))
        self._file.commit()

    def _array(self, name: str) -> GrowingDataset:
        array = GrowingDataset(
            self._file, layout.SAMPLE, (self._channels,), layout.SAMPLE_CHUNK, layout.array_attributes()
        )
        self._root.add(name, array.header_address)
        return array

    def _table(self, name: str, row: np.dtype[Any], chunk: int) -> GrowingDataset:
        table = GrowingDataset(self._file, row, (), chunk, layout.table_attributes(row))
        self._root.add(name, table.header_address)
        return table

    def _stim_tables(self) -> StimTables:
        tables = StimTables(self._file)
        self._root.add("stims", tables.stims.header_address)
        self._root.add("stim_designs", tables.designs.header_address)
        return tables

    def _clock_table(self) -> ClockTable:
        return ClockTable(self._table("clock", layout.CLOCK, layout.CLOCK_CHUNK))

    def _data_stream_group(self) -> Group:
        group = Group(self._file, self._root, "data_stream")
        group.set_attributes(layout.group_attributes())
        group.publish()
        return group

    # -- what is recorded

    def append_samples(self, frames: NDArray[np.int16]) -> None:
        """Add frames: int16 (n, channels). The recording covers n frames more."""
        if frames.ndim != 2 or frames.shape[1] != self._channels or frames.dtype.kind != "i":
            raise ValueError(f"frames are int16 (n, {self._channels}), not {frames.dtype} {frames.shape}")
        if self._samples is None:
            self.frames += len(frames)
            return
        try:
            self._samples.append(np.ascontiguousarray(frames, layout.SAMPLE))
        finally:
            self.frames = self._samples.rows

    def cover(self, frames: int) -> None:
        """Note that the recording covers this many frames from its start, whether or not it has samples."""
        self.frames = max(self.frames, frames)

    def append_spikes(
        self,
        timestamps: Sequence[int] | NDArray[np.int64],
        channels: Sequence[int] | NDArray[np.uint8],
        samples: ArrayLike,
    ) -> None:
        """Add n spikes: timestamps and channels (n,), samples float32 (n, 75) in µV."""
        if self._spikes is not None:
            rows = np.empty(len(timestamps), layout.SPIKE)
            rows["timestamp"], rows["channel"], rows["samples"] = timestamps, channels, samples
            self._spikes.append(rows)

    def append_stims(
        self,
        timestamps: Sequence[int] | NDArray[np.int64],
        channels: Sequence[int] | NDArray[np.uint8],
        designs: Sequence[StimDesign | None] | None = None,
    ) -> None:
        """Add n stims: timestamps, channels and designs (n,); None for what is not known."""
        if self._stims is not None:
            self._stims.append(timestamps, channels, designs)

    def append_clock(self, timestamp: int, monotonic_ns: int, utc_ns: int) -> None:
        """Note what the host's clocks were when device time came to `timestamp`; written with `flush`."""
        if self._clock is not None:
            self._clock.append(timestamp, monotonic_ns, utc_ns)

    def add_stream(self, name: str, attributes: Mapping[str, Any] | None = None) -> None:
        """Add a data stream; ValueError for a name that is taken or that no file can hold."""
        check_stream_name(name)
        if self._stream_group is None:
            raise ValueError(f"the recording has no data streams, so none called {name!r}")
        if name in self._streams:
            raise ValueError(f"the recording has a data stream {name!r} already")
        self._streams[name] = StreamWriter(self._file, self._stream_group, name, plain_dict(attributes))

    def append_stream(self, name: str, timestamp: int, entry: bytes) -> None:
        """Add an entry, as `packing.pack` gives it, to a stream; KeyError if there is no such stream."""
        stream = self._streams[name]
        stream.append(timestamp, entry)
        if stream.pending_bytes > PENDING_STREAM_BYTES:
            stream.write()

    def set_stream_attributes(self, name: str, attributes: Mapping[str, Any]) -> None:
        """Replace the attributes of a stream."""
        self._streams[name].set_application(plain_dict(attributes))

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Replace the recording's own attributes (`application`)."""
        self._root.set_attributes([pickled("application", plain_dict(attributes))])

    def attributes(self) -> dict[str, Any]:
        """Return the root attributes as they stand, without PyTables' own. For any thread."""
        found = {attribute.name: attribute for attribute in self._root.attributes()}
        for own in layout.group_attributes(is_root=True):
            del found[own.name]
        return {name: value_of(attribute) for name, attribute in found.items()}

    # -- when it becomes readable

    def flush(self, frames: int | None = None) -> None:
        """Make all that was appended readable, but only so many frames of the samples.

        The recording's length so far is `frames` too: those of which everything has been appended.
        """
        frames = self.frames if frames is None else frames
        self._file.commit()  # what an error may have left of the last one
        for publish in self._publishers(frames):
            publish()
        self._publish_root(frames)

    def finish(
        self,
        end_timestamp: int | None = None,
        application: Mapping[str, Any] | None = None,
        ended: datetime | None = None,
        lost: Mapping[str, int] | None = None,
    ) -> None:
        """Flush, add the attributes of the end and close the file.

        `lost` has what the device lost of the recording: {"frames": 300} becomes `frames_lost`.
        By default the recording ends where it was filled to. Samples beyond `end_timestamp` are not made
        readable; where some are already it ends with them: there are as many frames as it is long.
        If the disk fails, the end is where it failed, and its OSError is raised once the file is closed.
        """
        frames = self.frames if end_timestamp is None else end_timestamp - self._start
        if application is not None:
            self.set_attributes(application)
        try:
            failure = self._flush_what_fits(frames)
            if self._samples is not None:
                frames = self._samples.published
            self._root.set_attributes(layout.times("ended", ended or datetime.now(UTC)))
            self._root.set_attributes([hdf5.number(f"{what}_lost", n) for what, n in (lost or {}).items()])
            self._publish_root(frames)
        finally:
            self.abort()
        if failure:
            raise failure

    def _flush_what_fits(self, frames: int) -> OSError | None:
        failure = None
        self._file.commit()
        for publish in self._publishers(frames):
            try:
                publish()
            except OSError as error:
                failure = error
        return failure

    def disown(self) -> None:
        """Let go of the file, in a fork: the process that has made it goes on writing."""
        self._file.disown()

    def abort(self) -> None:
        """Close the file as it is, without an end; nothing happens if it is closed."""
        self._file.close()

    def _publishers(self, frames: int) -> list[Callable[[], None]]:
        """Return what publishes all parts but the root: members before the group they are in.

        The samples come last: if only some of it is done, no frame is there without its events.
        """
        events = (self._spikes, self._stims, self._clock)
        group = () if self._stream_group is None else (self._stream_group,)
        parts: list[_Part] = [part for part in events if part is not None]
        publishers: list[Callable[[], None]] = [p.publish for p in (*parts, *self._streams.values(), *group)]
        samples = [] if self._samples is None else [partial(self._samples.publish, frames)]
        return [*publishers, *samples]

    def _publish_root(self, frames: int) -> None:
        self._root.update_numbers(layout.duration(self._start, frames, self._rate))
        self._root.publish()
        self._file.commit()
