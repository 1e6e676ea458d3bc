"""The simulated device: a data source, and the stimulator's sequencer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from cl._core.device import DeviceInfo, EventHistory
from cl._core.history import FrameRing
from cl._stim.sequencer import Operation, Pulse, Sequencer
from cl._values.constants import HISTORY_FRAMES, NEVER, NOTICE_FRAMES
from cl.error import DeviceDisconnectedError

from .user.checks import SourceEndedError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cl._core.source import FixedSource, ServedSource

_AHEAD = 2_500
"""Frames that a source whose data nothing changes is asked ahead of time."""
_MOST_FRAMES = 2_500_000
"""Frames that are kept at most for loops with long ticks: 100 s, 320 MB."""

Batch: TypeAlias = tuple[
    int, tuple["NDArray[np.int16]", list[int], list[int], list[tuple["NDArray[np.float32]", float] | None]]
]
"""What a source answered, and the timestamp that it reaches to."""


class _SimulatedDevice:
    """What both kinds of simulated device share: the stimulator."""

    @property
    def end_timestamp(self) -> int:
        return NEVER

    def __init__(self, info: DeviceInfo, sequencer: Sequencer) -> None:
        self.info = info
        self._sequencer = sequencer
        self._history = EventHistory()
        self._known = info.start_timestamp
        """Spikes before this are logged."""

    def quiet_until(self) -> int:
        return min(self._known, self._sequencer.next_step >> 1)

    def next_spike(self, position: int) -> int:
        spikes = self._history.spikes
        index = spikes.index(position) - spikes.first
        return spikes.times[index] if index < len(spikes.times) else max(self._known, position)

    def next_stim(self, position: int) -> int:
        stims = self._history.stims
        index = stims.index(position) - stims.first
        if index < len(stims.times):
            return stims.times[index]
        return max(self._sequencer.next_step >> 1, position)

    def submit(self, operations: Sequence[Operation], frame: int, at: int | None) -> None:
        self._sequencer.submit(operations, frame * 2, None if at is None else at * 2)

    def interrupt_all(self, frame: int) -> int:
        self._sequencer.interrupt_all(frame * 2)
        return frame + NOTICE_FRAMES if self._sequencer.next_step < NEVER else frame

    def deliver(self, stop: int) -> list[Pulse]:
        """Log the pulses before `stop` and return them in the order of their steps."""
        sequencer = self._sequencer
        if sequencer.next_step >= 2 * stop:
            return []
        pulses = sequencer.advance(2 * stop)
        order = sorted((pulse.step >> 1, pulse.channel) for pulse in pulses)
        self._history.add_stims([frame for frame, _ in order], [channel for _, channel in order])
        return pulses


class FixedDevice(_SimulatedDevice):
    """A simulated device over data that nothing a program does can change.

    Spikes are logged ahead of time and frames are made only when somebody looks at them.
    """

    def __init__(self, info: DeviceInfo, source: FixedSource, sequencer: Sequencer) -> None:
        super().__init__(info, sequencer)
        self._source = source
        self.frames = source.frames
        self.waveform = source.waveform

    def open(self, history: EventHistory) -> None:
        self._source.open()
        self._history = history

    def close(self) -> None:
        self._source.close()

    def keep(self, frames: int) -> None:
        pass  # Any frame can be made again.

    def produce(self, start: int, stop: int) -> None:
        self.deliver(stop)
        if stop > self._known:
            known = max(stop, self._known + _AHEAD)
            self._history.add_spikes(*self._source.spikes(self._known, known))
            self._known = known


class StreamedDevice(_SimulatedDevice):
    """A simulated device over data that is made window after window, perhaps in answer to stims."""

    def __init__(self, info: DeviceInfo, source: ServedSource, sequencer: Sequencer) -> None:
        super().__init__(info, sequencer)
        self._source = source
        self._ahead = 0 if source.reactive or source.blocking else _AHEAD
        self._asked = info.start_timestamp
        self._hears_at_once = source.hears_at_once
        self._ended = False
        self.wants_stims_at_once = source.blocking and source.reactive
        self.on_submit: Callable[[], None] = _nothing
        """Called when pulses may have been queued. Locked."""
        self.serve = source.serve
        self.overdue = source.overdue
        self.poke = source.poke
        self._ring: FrameRing | None = None

    @property
    def end_timestamp(self) -> int:
        if self._ended:
            return self._asked
        end = self._source.end_timestamp
        return NEVER if end is None else end

    @property
    def gathered(self) -> int:
        """Everything before this has been gathered."""
        return self._asked

    @property
    def failed(self) -> bool:
        """Whether the source has failed; what it gave before can still be had."""
        return self._source.failure is not None

    def why_ended(self) -> DeviceDisconnectedError:
        """Return why nothing comes after `end_timestamp`."""
        failure = self._source.failure
        return failure or DeviceDisconnectedError(f"{self.info.name} has ended at frame {self.end_timestamp}")

    def next_pulse(self) -> int:
        """Return a frame before which no pulse begins."""
        step = self._sequencer.next_step
        return step >> 1 if step < NEVER else NEVER

    def submit(self, operations: Sequence[Operation], frame: int, at: int | None) -> None:
        super().submit(operations, frame, at)
        self.on_submit()

    def open(self, history: EventHistory) -> None:
        self._source.open()
        self._history = history
        self._ring = FrameRing(self.info.start_timestamp)

    def close(self) -> None:
        self._source.close()

    def keep(self, frames: int) -> None:
        assert self._ring is not None
        self._ring.grow(min(frames, _MOST_FRAMES))

    def produce(self, start: int, stop: int) -> None:
        pulses = self.deliver(stop)
        self.log(self.gather(pulses, stop, stop, None))

    def gather(self, pulses: Sequence[Pulse], first: int, stop: int, seconds: float | None) -> list[Batch]:
        """Ask the source for everything before `stop`, and tell it of the pulses on the way.

        A live source is told at once. Its data are waited for until those before `first` are there, so many
        seconds have passed, or somebody has called `poke`; then what there is is gathered.
        """
        batches: list[Batch] = []
        at = 0
        while at < len(pulses):
            # Frames from a pulse's own on follow it: the source knows of it before it makes them.
            frame = pulses[at].step >> 1
            end = at + 1
            while end < len(pulses) and pulses[end].step >> 1 == frame:
                end += 1
            if not self._hears_at_once:
                self._ask(frame, batches)
            self._source.on_stims(pulses[at:end])
            at = end
        if self._hears_at_once and stop > self._asked:
            stop = min(stop, self.end_timestamp)
            stop = self._source.await_frames(self._asked, first, stop, seconds)
        if stop > self._asked:
            self._ask(stop + self._ahead, batches)
        return batches

    def log(self, batches: list[Batch]) -> None:
        """Log what was gathered."""
        assert self._ring is not None
        for stop, (frames, timestamps, channels, waveforms) in batches:
            self._ring.append(frames)
            self._history.add_spikes(timestamps, channels, waveforms)
            self._known = stop

    def _ask(self, stop: int, batches: list[Batch]) -> None:
        stop = min(stop, self.end_timestamp)
        while self._asked < stop and not self._ended:
            block = min(stop, self._asked + HISTORY_FRAMES // 2)
            try:
                batch = self._source.read(self._asked, block)
            except SourceEndedError as ended:
                self._ended, batch = True, ended.batch
            self._asked += len(batch[0])
            batches.append((self._asked, batch))

    def frames(self, start: int, stop: int) -> NDArray[np.int16]:
        assert self._ring is not None
        return self._ring.read(start, stop)

    def waveform(self, timestamp: int, channel: int) -> tuple[NDArray[np.float32], float] | None:
        # A spike that came with samples was logged with them.
        return None


def _nothing() -> None:
    """Stand for a hook that nobody has set."""
