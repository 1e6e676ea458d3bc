"""A source whose spikes are found by the detector."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .checks import SourceEndedError
from .detector import Detector

if TYPE_CHECKING:
    from .checks import Batch, DataSourceError
    from .live_source import LiveSource
    from .pull import PullSource


class DetectingSource:
    """A user's source and, besides the spikes that it gives itself, those that are in its frames.

    A `ServedSource`. A spike that both know of is there once, with the source's own samples.
    """

    def __init__(self, source: PullSource | LiveSource) -> None:
        self.name = source.name
        self.start_timestamp = source.start_timestamp
        self.uV_per_sample_unit = source.uV_per_sample_unit
        self.supports_accelerated = source.supports_accelerated
        self.reactive = source.reactive
        self.blocking = source.blocking
        self.inline = source.inline
        self.on_stims = source.on_stims
        self.open = source.open
        self.close = source.close
        self.serve = source.serve
        self.overdue = source.overdue
        self.lend = source.lend
        self.lent = source.lent
        self.hears_at_once = source.hears_at_once
        self.await_frames = source.await_frames
        self.poke = source.poke
        self._source = source
        self._detector = Detector(start_timestamp=source.start_timestamp)

    @property
    def end_timestamp(self) -> int | None:
        """Where the source ends, as far as that is known: no window goes beyond."""
        return self._source.end_timestamp

    @property
    def failure(self) -> DataSourceError | None:
        """What the source ended by, if it failed."""
        return self._source.failure

    @property
    def available(self) -> int | None:
        """The timestamp up to which a live source's `read` does not have to wait; None for others."""
        return self._source.available

    def read(self, start: int, stop: int) -> Batch:
        """Return the frames of [start, stop) and their spikes; see `StreamedSource`."""
        try:
            batch = self._source.read(start, stop)
        except SourceEndedError as ended:
            ended.batch = self._with_found(start, ended.batch)
            raise
        return self._with_found(start, batch)

    def _with_found(self, start: int, batch: Batch) -> Batch:
        frames, timestamps, channels, waveforms = batch
        # A read that was interrupted is asked for again.
        self._detector.resume(start)
        found = self._detector.feed(frames)
        if not found:
            return frames, timestamps, channels, waveforms
        given = zip(timestamps, channels, waveforms, strict=True)
        merged = {(timestamp, channel): waveform for timestamp, channel, waveform in given}
        for spike in found:
            merged.setdefault(spike, None)
        ordered = sorted(merged)
        return frames, [t for t, _ in ordered], [c for _, c in ordered], [merged[spike] for spike in ordered]
