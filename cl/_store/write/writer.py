"""Writing a recording.

HDF5's own library is not used for writing. It holds the interpreter's lock while it works, so a loop in
another thread would wait for it; it overwrites reachable structures in several steps, so
a process killed in one of them leaves a file that can no longer be opened; and when the disk
is full it can neither close the file nor leave it readable. What a recording needs of the format is small:
`hdf5` has its bytes, `ordered_file` the order of the writes, and the lock is free during each of them.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cl._store.stream_names import check_stream_name

from . import checksums, hdf5, layout
from .attributes import pickled, plain_dict, values_of
from .clock_table import ClockTable
from .group import Group
from .header import RecordingHeader
from .header_page import HeaderPage
from .log_tables import LogTables
from .new_file import NewFile
from .ordered_file import OrderedFile
from .stim_tables import StimTables
from .stream_writer import StreamWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from cl._core.device_log import LogItem
    from cl._stim.designs import StimDesign

PENDING_STREAM_BYTES: Final = 4 << 20
"""Stream entries are gathered until the next flush, or until a stream has this many bytes."""


class RecordingWriter:
    """Writes one recording; used by one thread at a time.

    What is appended becomes readable with `flush`; call it at least twice a
    second. At any moment the process may be killed: the file then holds what the last flush had,
    and perhaps some of what came after. `finish` adds what is only known at the end. Timestamps are
    frames since the recording's start.

    Every method raises OSError when the disk fails. What was flushed stays
    readable, and `finish` can still be called.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        header: RecordingHeader | None = None,
        *,
        nameless: bool = False,
    ) -> None:
        """Create the file, with what the header says in it; a `nameless` one has a name from `appear` on.

        Raises FileExistsError if the name is taken, other OSErrors as `open` does, and TypeError or
        ValueError for attributes that do not fit.
        """
        header = header or RecordingHeader()
        self.path = Path(path)
        self.frames = 0
        """Frames the recording covers so far."""
        self.sync_seconds = header.sync_seconds
        self.synced = 0
        """Frames that a power cut would leave, where that is provided for."""
        self.frames_at_once = layout.SAMPLE_CHUNK if header.compression and header.include_raw_samples else 1
        """Frames that are flushed best: multiples of so many, counted from the beginning."""
        self._published = self._synced_next = 0
        self._start = header.start_timestamp
        self._rate = header.frames_per_second
        self._channels = header.channel_count
        attributes = header.attributes()
        new = self._new = NewFile(self.path, nameless=nameless)
        try:
            self._file = OrderedFile(new.descriptor)
            self._root = Group(self._file)
            self._root.set_attributes(attributes)
            self._make_parts(header)
            self._begin()
            self._file.syncs = bool(header.sync_seconds)
            if not nameless:
                new.appear()
        except BaseException:
            new.discard()
            raise

    def appear(self) -> None:
        """Have the file get its name, if it has none, with what is in it on the disk if it is to be there.

        Raises FileExistsError if the name has been taken meanwhile.
        """
        self._file.settle()
        self._new.appear()

    def discard(self) -> None:
        """Close the file, and leave none."""
        self._file.descriptor = -1
        self._new.discard()

    def _make_parts(self, header: RecordingHeader) -> None:
        page = self._page = HeaderPage(self._file)
        self._samples = self._spikes = self._stims = self._clock = None
        if header.include_raw_samples:
            self._samples = page.array(
                layout.SAMPLE,
                (self._channels,),
                layout.SAMPLE_CHUNK,
                header.compression,
                checksums.SAMPLE_BLOCK,
            )
            self._root.add("samples", self._samples.header_address)
        if header.include_spikes:
            self._spikes = page.table(layout.SPIKE, layout.SPIKE_CHUNK)
            self._root.add("spikes", self._spikes.header_address)
        if header.include_stims:
            self._stims = StimTables(page)
            self._root.add("stims", self._stims.stims.header_address)
            self._root.add("stim_designs", self._stims.designs.header_address)
        if header.include_clock:
            clock = page.table(layout.CLOCK, layout.CLOCK_CHUNK)
            self._root.add("clock", clock.header_address)
            self._clock = ClockTable(clock)
        self._log: LogTables | None = None
        if header.include_log:
            self._log = LogTables(self._file, self._start)
            self._root.add("log", self._log.rows.header_address)
            self._root.add("log_data", self._log.data.header_address)
        page = self._checksums = HeaderPage(self._file, checksums.ROOM)
        self._root.add(checksums.NAME, page.table(layout.CHECKSUM, layout.CHECKSUM_CHUNK).header_address)
        self._root.add(
            checksums.DATA, page.array(layout.STREAM_DATA, (), checksums.DATA_CHUNK).header_address
        )
        self._stream_group = self._data_stream_group() if header.include_data_streams else None
        self._streams: dict[str, StreamWriter] = {}

    def _begin(self) -> None:
        """Make the file a recording of no frames, with one write; until then it is no HDF5."""
        self._root.publish()
        self._root.reserve()
        self._file.write(0, hdf5.superblock(self._file.end, self._root.header_address))
        self._file.commit()

    def _data_stream_group(self) -> Group:
        group = Group(self._file, self._root, "data_stream")
        group.set_attributes(layout.group_attributes())
        group.publish()
        return group

    @property
    def size(self) -> int:
        """Bytes that the file takes so far."""
        return self._file.end

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

    @contextmanager
    def together(self) -> Iterator[None]:
        """Append the events of this block all, or none of them: after an error, none is in the file."""
        spikes, stims = self._spikes, self._stims
        mark = spikes.mark() if spikes else None
        pending = stims.pending if stims else 0
        try:
            yield
        except BaseException:
            if spikes and mark:
                spikes.rewind(mark)
            if stims:
                stims.take_back(pending)
            raise

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

    def append_log(self, items: Iterable[LogItem]) -> None:
        """Add what has happened, at timestamps of the device; written with `flush`, or before."""
        if self._log is not None:
            self._log.append(items)

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
        return values_of(self._root.attributes(), layout.group_attributes(is_root=True))

    # -- when it becomes readable

    def flush(self, frames: int | None = None) -> None:
        """Make all that was appended readable, but only so many frames of the samples.

        The recording's length so far is `frames` too: those of which everything has been appended. Where a
        power cut is provided for, this waits for the disk, and what an earlier flush made readable is there
        for good afterwards (`synced`).
        """
        frames = self.frames if frames is None else frames
        with self._telling():
            if self._file.unfinished:
                self._file.commit()  # what an error may have left of the last one
            self._new.settle_entry(self._file.syncs)
            for publish in self._publishers(frames):
                publish()
            self._publish_root(frames)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """After a sync that has failed, tell what is sure."""
        try:
            yield
        except OSError as error:
            if error is not self._file.sync_failure:
                raise
            text = f"{error.strerror}; the first {self.synced} frames are on the disk"
            raise OSError(error.errno, text) from error

    def displaced(self) -> str | None:
        """Return what others have done to the file, if they have: removed, renamed, replaced or cut it."""
        return self._new.displaced(self._file.end)

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
        try:
            with self._telling():
                failure = self._finish(frames, application, ended, lost)
        finally:
            self.abort()
        if failure:
            raise failure

    def _finish(
        self,
        frames: int,
        application: Mapping[str, Any] | None,
        ended: datetime | None,
        lost: Mapping[str, int] | None,
    ) -> OSError | None:
        failure = self._flush_what_fits(frames)
        if self._samples is not None:
            frames = self._samples.published
        elif failure:
            frames = self._published
        if self._file.syncs:
            # An end that is there before what it ends would be a lie.
            self._file.commit()
        if application is not None:
            self.set_attributes(application)
        self._root.set_attributes(layout.times("ended", ended or datetime.now(UTC)))
        self._root.set_attributes([hdf5.number(f"{what}_lost", n) for what, n in (lost or {}).items()])
        self._root.update_numbers(layout.duration(self._start, frames, self._rate))
        if not (failure or self._file.failed):
            self._add_checksums()
        self._publish_root(frames)
        self._file.settle()
        self.synced = self._synced_next
        return failure

    def _add_checksums(self) -> None:
        """Write the checksums of all that is in the file; none where the disk is full."""
        own = [*self._page.datasets, *((self._log.rows, self._log.data) if self._log else ())]
        found = checksums.datasets_of("", self._root.members(), own)
        for name, stream in self._streams.items():
            found += stream.checksums(f"data_stream/{name}")
        found.append(("", checksums.of_group(self._root.attributes())))
        rows, names = checksums.rows_of(found)
        with suppress(OSError):
            table, data = self._checksums.datasets
            table.append(rows)
            data.append_bytes(memoryview(names))
            self._checksums.publish()
            self._file.commit()

    def _flush_what_fits(self, frames: int) -> OSError | None:
        failure = None
        if self._file.unfinished:
            self._file.commit()
        self._new.settle_entry(self._file.syncs)
        for publish in self._publishers(frames, last=True):
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
        self._new.descriptor = -1
        self._file.close()

    def _publishers(self, frames: int, last: bool = False) -> list[Callable[[], None]]:
        """Return what publishes all parts but the root: members before the group they are in."""
        group = () if self._stream_group is None else (self._stream_group,)
        publishers: list[Callable[[], None]] = [p.publish for p in (*self._streams.values(), *group)]
        publishers.append(partial(self._publish_parts, frames))
        if self._log is not None:
            # The last room on a disk is for data.
            publishers.append(partial(self._log.publish, last))
        return publishers

    def _publish_parts(self, frames: int) -> None:
        """Publish frames and events together: no frame is there without its events, nor they without it."""
        for gathered in (self._stims, self._clock):
            if gathered is not None:
                gathered.write()
        self._page.publish({} if self._samples is None else {self._samples: frames})
        self._published = frames

    def _publish_root(self, frames: int) -> None:
        self._root.update_numbers(layout.duration(self._start, frames, self._rate))
        self._root.publish()
        self._file.commit()
        self.synced, self._synced_next = self._synced_next, self._published
