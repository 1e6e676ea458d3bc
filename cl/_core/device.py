"""What the engine asks of a device: the one small protocol that the simulator and the hardware implement."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from cl.events import Spike, Stim, Waveforms

from .history import EventLog

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from cl._stim.sequencer import Operation


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """What does not change while a device is open."""

    name: str
    """What a person would call it: "simulator (random, seed 7)"."""
    start_timestamp: int
    uV_per_sample_unit: float
    is_simulator: bool
    detects_jitter: bool
    """Whether loops that fall behind raise; what a program may override."""
    predictable: bool
    """Whether what comes can be looked at without waiting, since nothing a program does changes it."""
    pushes: bool
    """Whether data arrives by itself (`Engine.post`); otherwise `produce` makes it on demand."""
    attributes: dict[str, Any] = field(default_factory=dict)
    """What `get_system_attributes` returns."""


class EventHistory:
    """The event logs that producers fill and consumers hold cursors into.

    Events may be logged ahead of time; consumers see only those before the engine's position.
    """

    __slots__ = ("entries", "spikes", "stims", "waveforms")

    def __init__(self, waveforms: Waveforms | None = None) -> None:
        self.spikes: EventLog[Spike] = EventLog()
        self.stims: EventLog[Stim] = EventLog()
        self.entries: EventLog[Any] = EventLog()
        """Data-stream entries in the order they came, each under the position it came at."""
        self.waveforms = waveforms

    def add_spikes(
        self,
        timestamps: Sequence[int],
        channels: Sequence[int],
        waveforms: Sequence[tuple[NDArray[np.float32], float] | None] = (),
    ) -> None:
        """Log spikes, sorted by timestamp and channel.

        `waveforms` are the samples and means of those that come with them; the others' samples are
        cut from the frames when somebody looks.
        """
        loader = self.waveforms
        spikes = [Spike(t, c, loader) for t, c in zip(timestamps, channels, strict=True)]
        for spike, own in zip(spikes, waveforms, strict=False):
            if own is not None:
                spike.attach(*own)
        self.spikes.extend(timestamps, spikes)

    def add_stims(self, timestamps: Sequence[int], channels: Iterable[int]) -> None:
        """Log delivered pulses, sorted by timestamp and channel."""
        self.stims.extend(timestamps, map(Stim, timestamps, channels))

    def trim(self, before: int) -> None:
        """Drop what is older than `before`."""
        self.spikes.trim(before)
        self.stims.trim(before)
        self.entries.trim(before)


class Device(Protocol):
    """A dish: it makes frames and spikes as time goes on, and takes stimulation.

    The engine calls everything but `open`, `close` and `frames` with its lock held.
    """

    info: DeviceInfo

    @property
    def end_timestamp(self) -> int:
        """Where the data ends, as far as that is known; NEVER for most."""
        ...

    def open(self, history: EventHistory) -> None:
        """Get ready to log to `bus`; an error leaves nothing behind."""
        ...

    def close(self) -> None:
        """Give back everything that is held; called once, also after an error."""
        ...

    def keep(self, frames: int) -> None:
        """Keep the last `frames` frames from now on, as far as that is possible."""
        ...

    def produce(self, start: int, stop: int) -> None:
        """Log what happens in [start, stop); `start` is where the last call ended."""
        ...

    def quiet_until(self) -> int:
        """Return up to where `produce` would have nothing to log."""
        ...

    def next_spike(self, position: int) -> int:
        """Return a timestamp at or after `position` before which no further spike comes."""
        ...

    def next_stim(self, position: int) -> int:
        """Return a timestamp at or after `position` before which no further stim comes."""
        ...

    def frames(self, start: int, stop: int) -> NDArray[np.int16]:
        """Return the frames of [start, stop), int16 (n, 64), owned by the caller."""
        ...

    def waveform(self, timestamp: int, channel: int) -> tuple[NDArray[np.float32], float] | None:
        """Return a spike's own samples and mean where the device has them."""
        ...

    def submit(self, operations: Sequence[Operation], frame: int, at: int | None) -> None:
        """Queue operations as of `frame`, or for the time `at`; all of them, or raise and change nothing."""
        ...

    def interrupt_all(self, frame: int) -> int:
        """Drop what is queued on every channel; return the frame by which what has begun is delivered."""
        ...
