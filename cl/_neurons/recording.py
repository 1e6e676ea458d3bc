"""The part of `Neurons` that records and publishes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from cl._recording.files import checked_suffix
from cl._recording.plan import RecordingPlan
from cl._recording.user_attributes import UserAttributes
from cl._recording.window import compression_level, file_length, wanted_streams, window
from cl._wait import threads

from .time import TimeMethods

if TYPE_CHECKING:
    from cl.data_stream import DataStream
    from cl.recording import Recording

    from .recordings import Recordings

_SPARE_FRAMES: Final = 5_000
"""In wall-clock time a recording does not begin with the very oldest frames: they are gone in a moment."""


class RecordingMethods(TimeMethods):
    """`record` and `create_data_stream`."""

    _recordings: Recordings

    def record(
        self,
        file_suffix: str | None = None,
        file_location: str | os.PathLike[str] | None = None,
        from_seconds_ago: float | None = None,
        from_frames_ago: int | None = None,
        from_timestamp: int | None = None,
        stop_after_seconds: float | None = None,
        stop_after_frames: int | None = None,
        attributes: Mapping[str, Any] | None = None,
        include_spikes: bool = True,
        include_stims: bool = True,
        include_raw_samples: bool = True,
        include_data_streams: bool | Iterable[str] = True,
        exclude_data_streams: Iterable[str] = (),
        *,
        new_file_every_seconds: float | None = None,
        compression: str | None = None,
    ) -> Recording:
        """Start a recording to a new HDF5 file, and return it at once.

        The file is `YYYY_MM_DD_HH_MM_SS_<file_suffix or "recording">.h5` (UTC) in `file_location`, which is
        made with its parents where it does not exist; a name that is taken gets `_2`, `_3` and so on. At
        most one of the `from_*` lets it begin in the past, as far as the history goes (5 s at least); at
        most one of the `stop_after_*` ends it, counted from where it begins. `attributes` are the
        application's own. Bad values raise `ValueError`, bad types `TypeError`, a folder that cannot be made
        or written to an `OSError`; then nothing has begun.

        `new_file_every_seconds`, at least 1, divides it into files that follow one another without a gap,
        `…_part0001.h5` and so on (`recording.files`; `cl.analysis.open_many` reads them as one).
        `compression="gzip"` makes the samples half as large, `"gzip-1"` to `"gzip-9"` faster or smaller;
        every reader of HDF5 reads that.
        """
        self._engine.check()
        # Making the file takes a moment, in which others must not move time beyond what is to be recorded.
        with self.hold("record"), threads.at_work(self._engine):
            begin, end = window(
                *(self._present(), self.timestamp(), self._oldest()),
                *(from_seconds_ago, from_frames_ago, from_timestamp),
                *(stop_after_seconds, stop_after_frames),
            )
            plan = RecordingPlan(
                begin=begin,
                end=end,
                folder=file_location,
                suffix=checked_suffix(file_suffix),
                application=UserAttributes(attributes),
                spikes=bool(include_spikes),
                stims=bool(include_stims),
                samples=bool(include_raw_samples),
                wanted=wanted_streams(include_data_streams, exclude_data_streams),
                compression=compression_level(compression),
                frames_per_file=file_length(new_file_every_seconds),
            )
            return self._recordings.start(plan, self._present)

    def create_data_stream(self, name: str, attributes: Mapping[str, Any] | None = None) -> DataStream:
        """Return a new stream of timestamped values, for the recordings that run and those that follow.

        `ValueError` for a name that is taken or that no file can hold, `TypeError` for attributes
        that no file can hold.
        """
        self._engine.check()
        return self._recordings.create_data_stream(self._present, name, attributes)

    def _oldest(self) -> int:
        """Return the oldest frame that a recording can begin with."""
        engine = self._engine
        # Where time goes on it has to be there still when its turn comes to be written.
        spare = _SPARE_FRAMES if engine.time.comes() else 0
        return max(engine.start, engine.now() - engine.history_frames + spare)
