"""From a user's source that is asked for its data to the source that the engine knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .caller import Caller
from .checks import checked_batch
from .data_source import DataSourceStim, listens, reacts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cl._stim.sequencer import Pulse

    from .checks import Batch
    from .data_source import SimulatorDataSource, SimulatorDataSourceMetadata


class PullSource:
    """A user's source, asked for window after window, every answer checked: a `ServedSource`.

    A bounded source that is seekable starts anew after its last frame: it then gets the timestamps of its
    first round again, and so do its stims. One that is not has an `end_timestamp`; windows that go
    beyond it are refused.
    """

    available = None
    hears_at_once = False
    failure = None

    def __init__(self, source: SimulatorDataSource, name: str, metadata: SimulatorDataSourceMetadata) -> None:
        self.name = name
        self.start_timestamp = metadata.start_timestamp
        self.uV_per_sample_unit = metadata.uV_per_sample_unit
        self.supports_accelerated = metadata.supports_accelerated and not metadata.realtime_only
        self.reactive = reacts(source, metadata)
        self.blocking = metadata.realtime_only
        duration = metadata.duration_frames
        self._period = duration if metadata.seekable else None
        self.end_timestamp = (
            None if duration is None or metadata.seekable else metadata.start_timestamp + duration
        )
        self._source = source
        # One of this package's own answers at once, and surely.
        trusted = type(source).__module__.startswith("cl.sim.")
        timeout = None if trusted else metadata.read_timeout_seconds
        self.inline = timeout is None
        """Whether it is asked by whoever waits: then nobody could stop waiting for it."""
        self._call = Caller(name, timeout, metadata.own_thread)
        self._listens = listens(source)
        self._closed = False
        self.serve, self.overdue = self._call.serve, self._call.overdue
        self.lend, self.lent = self._call.lend, self._call.lent

    def open(self) -> None:
        """Open the source."""
        try:
            self._call("open", self._source.open)
        except BaseException:
            self._closed = True
            self._call.stop()
            raise

    def close(self) -> None:
        """Close the source. Again: nothing."""
        if not self._closed:
            self._closed = True
            self._call.close(self._source.close)

    def read(self, start: int, stop: int) -> Batch:
        """Return the frames of [start, stop) and their spikes; see `StreamedSource`."""
        if self._period is None:
            if self.end_timestamp is not None and stop > self.end_timestamp:
                raise self._call.error(_window(start, stop), f"it has ended at frame {self.end_timestamp}")
            return self._piece(start, stop, 0)
        pieces = [self._piece(*piece) for piece in self._rounds(start, stop, self._period)]
        return pieces[0] if len(pieces) == 1 else _joined(pieces)

    def await_frames(self, start: int, first: int, stop: int, seconds: float | None) -> int:
        """Return `stop`: the data are made when they are asked for."""
        return stop

    def poke(self) -> None:
        """Do nothing: there is no `await_frames` that waits."""

    def on_stims(self, pulses: Sequence[Pulse]) -> None:
        """Tell the source of pulses; see `StreamedSource`."""
        if not self._listens:
            return
        shift = 0
        if self._period is not None:
            shift = (pulses[0].timestamp - self.start_timestamp) // self._period * self._period
        stims = stims_of(pulses, shift)
        self._call(f"stims at {pulses[0].timestamp}", self._source.on_stims, stims)

    def _piece(self, start: int, stop: int, shift: int) -> Batch:
        """Return the data of a window that lies within one round, in the device's time."""
        batch: Batch = self._call(_window(start, stop), self._read, start - shift, stop - shift, shift)
        return batch

    def _read(self, start: int, stop: int, shift: int) -> Batch:
        # Checked where the source runs: its spikes may be a generator, which is the source's code too.
        return checked_batch(self._source.read(start, stop - start), start, stop, shift)

    def _rounds(self, start: int, stop: int, period: int) -> Iterator[tuple[int, int, int]]:
        while start < stop:
            shift = (start - self.start_timestamp) // period * period
            end = min(stop, self.start_timestamp + shift + period)
            yield start, end, shift
            start = end


def stims_of(pulses: Sequence[Pulse], shift: int = 0) -> list[DataSourceStim]:
    """Return pulses as a source is told of them, their times moved back by `shift` frames."""
    return [
        DataSourceStim(
            pulse.timestamp - shift,
            pulse.channel,
            pulse.intended_timestamp - shift,
            pulse.design.phase_durations_us,
            pulse.design.phase_currents_uA,
        )
        for pulse in pulses
    ]


def _joined(pieces: list[Batch]) -> Batch:
    if not pieces:
        return np.empty((0, 64), np.int16), [], [], []
    return (
        np.concatenate([piece[0] for piece in pieces]),
        [timestamp for piece in pieces for timestamp in piece[1]],
        [channel for piece in pieces for channel in piece[2]],
        [waveform for piece in pieces for waveform in piece[3]],
    )


def _window(start: int, stop: int) -> str:
    return f"frames {start} to {stop}"
