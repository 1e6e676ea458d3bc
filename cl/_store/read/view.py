"""Looking into a recording."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import h5py

from cl._values.did_you_mean import DidYouMean
from cl._values.paths import absolute

from . import added_tables, published, reader
from .analysable import Analysable
from .attributes_view import AttributesView, read_attribute
from .data import Array
from .drawable import Drawable
from .errors import damaged
from .guard import check_for_pytables
from .plots import SpikePlot, plot_spikes_and_stims
from .streams_view import DataStreamsView
from .table import Table

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from types import TracebackType

    from matplotlib.axes import Axes

    from .annotations import Annotation
    from .log_table import LogTable
    from .unshared import RecordingFile

_PARTS = ("samples", "spikes", "stims", "data_stream")


class RecordingView(Analysable, Drawable, DidYouMean):
    """A recording, opened for reading; a context manager.

    - `attributes`: a mapping, also by attribute name;
    - `samples`: int16 (frames, 64) in sample units, indexed like an array;
    - `spikes`, `stims`: tables with `timestamp`, `channel` (and `samples`, float32[75] in µV, for
      spikes); timestamps are frames since the recording's start;
    - `stim_designs`: a table whose row i is the design of row i of `stims`: `phases` (0 where it is not
      known), `duration_us` and `current_uA` of the three phases that there can be;
    - `clock`: a table with the host's `monotonic_ns` (`time.monotonic_ns`) and `utc_ns` at frames of the
      recording, `timestamp`; None for recordings in accelerated time;
    - `log`: a table of what has happened beside the data: commands as they were asked for, refusals,
      control, losses, late ticks, annotations; `log.entries()` has it in words (docs/recordings.md);
    - `data_streams`: the streams by name;
    - `file_path`: the path as it was given;
    - `file`: the PyTables file where PyTables is installed, else the h5py file;
    - `complete`: False if the recording was never ended; `duration_frames`,
      `duration_seconds` and the attributes of the end are then derived from what there is.

    A part that was not recorded is None, and so are `stim_designs`, `clock` and `log` in files of
    earlier versions. Nothing but attributes is read before it is asked for.
    Raises FileNotFoundError for a missing file, ValueError for one that is truncated or no
    recording; the text says which and why. A pickled attribute that could execute code raises
    UnsafeOperationError when it is looked at.
    """

    def __init__(self, file_path: str | os.PathLike[str]) -> None:
        self._tables: Any = None
        self._path = os.path.abspath(absolute(file_path))
        self.file_path = os.fspath(file_path)
        self._h5: RecordingFile | None = reader.open_file(file_path)
        try:
            with damaged(str(file_path)):
                self._load(self._h5)
        except BaseException:
            self.close()
            raise

    def _load(self, file: h5py.File) -> None:
        if not any(
            name in file.attrs for name in ("frames_per_second", "sampling_frequency", "channel_count")
        ):
            raise ValueError(f"{file.filename} is not a recording: it has no attribute 'frames_per_second'")
        samples, spikes, stims = (reader.dataset(file, name) for name in _PARTS[:3])
        streams = reader.member(file, "data_stream", h5py.Group)
        if samples is not None:
            reader.check_samples(samples)
        for events in (spikes, stims):
            if events is not None:
                reader.check_events(events)
        complete = bool(_text(file, "ended_utc")) and "duration_frames" in file.attrs
        limit = None if complete else published.limit(file, samples)
        self.complete = complete
        self.samples: Array | Any = None if samples is None else Array(samples)
        self.spikes: Table | Any = None if spikes is None else Table(spikes, published.rows(spikes, limit))
        self.stims: Table | Any = None if stims is None else Table(stims, published.rows(stims, limit))
        self.stim_designs: Table | Any = (
            None if self.stims is None else added_tables.stim_designs(file, len(self.stims))
        )
        if self.stims is not None:
            self.stims.designs = self.stim_designs
        self.clock: Table | Any = added_tables.clock(file)
        self.log: LogTable | Any = added_tables.log(file)
        self.data_streams: DataStreamsView | Any = None if streams is None else DataStreamsView(streams)
        self.attributes = AttributesView(file, None if self.complete else self._derived(file))

    def _derived(self, file: h5py.File) -> dict[str, Any]:
        """Return the attributes of the end for a recording that was not ended."""
        rate = reader.number(file, "frames_per_second", 25_000, above=0)
        frames = self._recorded_frames(file)
        derived = {
            "duration_frames": frames,
            "duration_seconds": frames / rate,
            "end_timestamp": int(reader.number(file, "start_timestamp", 0)) + frames,
        }
        for zone in ("utc", "localtime"):
            try:
                ended = datetime.fromisoformat(_text(file, f"created_{zone}")) + timedelta(
                    seconds=frames / rate
                )
                derived[f"ended_{zone}"] = ended.isoformat()
            except (ValueError, OverflowError):
                derived[f"ended_{zone}"] = ""
        return derived

    def _recorded_frames(self, file: h5py.File) -> int:
        """With samples, there are as many frames as of those; else as many as were published last."""
        if self.samples is not None:
            return len(self.samples)
        if "duration_frames" in file.attrs:
            return int(reader.number(file, "duration_frames"))
        last = [0]
        for events in (self.spikes, self.stims):
            if events is not None and len(events):
                last.append(int(events[-1]["timestamp"]) + 1)
        return max(last)

    @property
    def annotations(self) -> list[Annotation]:
        """The remarks of `neurons.annotate` and of the live page: timestamp, text and fields of each."""
        from .annotations import annotations_of

        return annotations_of(self.log)

    def refresh(self) -> bool:
        """Move on to the file as it is now; return whether there was anything new.

        All parts of the view are then new ones. Those that were taken from it before stay at their moment,
        and can be read as long as the view is open. A recording that is complete has nothing new. After an
        error, of which all of opening are possible, the view is as it was; ValueError where it is closed.
        """
        if self._h5 is None:
            raise ValueError("the recording is closed")
        with damaged(self._path):
            newer = self._h5.newer()
            if newer is None:
                return False
            before = dict(self.__dict__)
            try:
                self._load(newer)
            except BaseException:
                self.__dict__.update(before)
                raise
        self._close_tables()
        self._h5 = newer
        return True

    @property
    def file(self) -> Any:
        """The PyTables file (`view.file.root.…`) where PyTables is installed, else the h5py file.

        PyTables unpickles attributes, so every one in the file is looked at before: UnsafeOperationError.
        """
        if self._h5 is None:
            raise ValueError("the recording is closed")
        if self._tables is None:
            try:
                import tables
            except ImportError:
                return self._h5
            with reader.open_file(self._path) as present:  # as PyTables will find it
                check_for_pytables(present)
            self._tables = self._open_tables(tables)
        return self._tables

    def _open_tables(self, tables: Any) -> Any:
        """Open the file with PyTables.

        As `unshared` says, HDF5 may hand out what a file was when it was opened first; not so with
        another of its drivers.
        """
        for driver in ({}, {"driver": "H5FD_STDIO"}):
            file = tables.open_file(self._path_for_pytables(), "r", **driver)
            if not self._is_ahead_of(file, (tables.Table, tables.EArray)):
                return file
            file.close()
        raise ValueError(
            f"{self._path} is open in PyTables as it was earlier: close the views of it whose `file` was used"
        )

    def _path_for_pytables(self) -> str:
        """Return a path that PyTables can open: it takes only what is UTF-8."""
        try:
            self._path.encode()
        except UnicodeEncodeError:
            if self._h5 is not None and os.path.exists("/proc/self/fd"):
                return f"/proc/self/fd/{self._h5.descriptor.number}"
        return self._path

    def _is_ahead_of(self, file: Any, kinds: tuple[type[Any], ...]) -> bool:
        root = file.root
        ended = "ended_utc" in root._v_attrs and root._v_attrs.ended_utc
        parts = zip(_PARTS, (self.samples, self.spikes, self.stims), strict=False)
        return (self.complete and not ended) or any(
            part is not None and isinstance(root[name], kinds) and root[name].nrows < len(part)
            for name, part in parts
        )

    @property
    def path(self) -> str:
        """Where the file is."""
        return self._path

    def close(self, safe_mode: bool = False) -> None:
        """Close the file; nothing happens if it is closed.

        `safe_mode` is cl-sdk's, for closing at any moment, and changes nothing: it is always safe here.
        """
        self._close_tables()
        if self._h5 is not None:
            self._h5.close()
            self._h5 = None

    def _close_tables(self) -> None:
        if self._tables is not None:
            self._tables.close()
            self._tables = None

    def __enter__(self) -> RecordingView:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        if self._h5 is None:
            return "RecordingView(closed)"
        parts = [name for name in _PARTS if name in self._h5]
        return f"RecordingView({self._h5.filename!r}: {', '.join(parts)})"

    def _repr_html_(self) -> str:
        from .faces import of_view

        return of_view(self)

    plot_spike = SpikePlot()
    """Plot the waveform of a spike; see `cl.util.plot_spike`. A view takes the number of a row, too."""

    def plot_spikes_and_stims(
        self,
        figsize: Sequence[float] = (12, 8),
        title: str | None = None,
        save_path: str | os.PathLike[str] | None = None,
        limit_to_time_range_secs: Sequence[float] | None = None,
        limit_to_channels: Collection[int] | None = None,
        *,
        start: int | None = None,
        stop: int | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Plot spikes and stims by time and channel; see `cl.util.plot_spikes_and_stims`.

        Only those within the analysis limit.
        """
        limits = limit_to_time_range_secs, limit_to_channels
        return plot_spikes_and_stims(self, figsize, title, save_path, *limits, start=start, stop=stop, ax=ax)


def _text(file: h5py.File, name: str) -> str:
    """Return a text of the root, empty where there is none."""
    value = read_attribute(file, name) if name in file.attrs else ""
    return value if isinstance(value, str) else ""
