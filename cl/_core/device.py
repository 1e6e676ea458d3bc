"""What the engine asks of a device: the one small protocol that the simulator and the hardware implement."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from cl.events import Spike, Stim, Waveforms

from .device_log import DeviceLog
from .history import EventLog

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray

    from cl._stim.budget import Left, StimBudget
    from cl._stim.budget_keeper import BudgetKeeper
    from cl._stim.designs import StimDesign
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
    attributes: dict[str, Any] = field(default_factory=dict)
    """What `get_system_attributes` returns."""
    simulation: dict[str, Any] | None = None
    """What makes the run of a simulator again; None on a device. Recordings have it as an attribute."""
    culture: dict[str, Any] | None = None
    """What was said of the culture in the dish, where anything was. Recordings have it as an attribute."""
    is_remote: bool = False
    """Whether what waits for its answer waits for a network."""


class EventHistory:
    """The event logs that producers fill and consumers hold cursors into.

    Events may be logged ahead of time; consumers see only those before the engine's position.
    """

    __slots__ = ("entries", "log", "spikes", "stims", "waveforms")

    def __init__(self, waveforms: Waveforms | None = None) -> None:
        self.spikes: EventLog[Spike] = EventLog()
        self.stims: EventLog[Stim] = EventLog()
        self.entries: EventLog[Any] = EventLog()
        """Data-stream entries in the order they came, each under the position it came at."""
        self.log = DeviceLog()
        self.waveforms = waveforms

    def add_spikes(
        self,
        timestamps: Sequence[int],
        channels: Sequence[int],
        waveforms: Sequence[tuple[NDArray[np.float32], float] | None] = (),
    ) -> None:
        """Log spikes, sorted by timestamp and channel.

        `waveforms` are the samples and means of those that come with them; the others' samples are
        cut from the frames when it is looked at.
        """
        loader = self.waveforms
        spikes = [Spike(t, c, None, None, loader) for t, c in zip(timestamps, channels, strict=True)]
        for spike, own in zip(spikes, waveforms, strict=False):
            if own is not None:
                spike.attach(*own)
        self.spikes.extend(timestamps, spikes)

    def add_stims(
        self, timestamps: Sequence[int], channels: Sequence[int], designs: Sequence[StimDesign | None]
    ) -> None:
        """Log delivered pulses, sorted by timestamp and channel; a design is None where it is not known."""
        self.stims.extend(timestamps, map(Stim, timestamps, channels, designs))

    def heal(self) -> None:
        """Undo or finish what an interruption (Ctrl-C) has left half done."""
        self.spikes.heal()
        self.stims.heal()
        self.entries.heal()

    def trim(self, before: int) -> None:
        """Drop what is older than `before`."""
        self.spikes.trim(before)
        self.stims.trim(before)
        self.entries.trim(before)
        self.log.trim(before)


class Acquisition(Protocol):
    """The part of a device that senses: frames, spikes, waveforms. Locked, but for `frames`."""

    predictable: bool
    """Whether what comes can be looked at without waiting, since nothing a program does changes it."""

    @property
    def end_timestamp(self) -> int:
        """Where the data ends, as far as that is known; NEVER for most."""
        ...

    def next_spike(self, position: int) -> int:
        """Return a timestamp at or after `position` before which no further spike comes."""
        ...

    def prepare(self, until: int) -> None:
        """Do now what makes it cheaper to be asked for the data before `until`. Without the lock."""
        ...

    def frames(self, start: int, stop: int) -> NDArray[np.int16]:
        """Return the frames of [start, stop), int16 (n, 64), owned by the caller."""
        ...

    def waveform(self, timestamp: int, channel: int) -> tuple[NDArray[np.float32], float] | None:
        """Return a spike's own samples and mean where the device has them."""
        ...


class Stimulator(Protocol):
    """The part of a device that stimulates. Commands take the engine's lock themselves."""

    def submit(
        self, operations: Sequence[Operation], frame: int, at: int | None = None, plan: int = 0
    ) -> None:
        """Queue operations as of `frame`, or for the time `at`; all of them, or raise and change nothing.

        Where frames beyond `frame` were given they count as of the next. What was asked for is logged, as the
        plan of that number, or none; so is why it was refused.
        """
        ...

    def interrupt_all(self) -> int:
        """Drop what is queued on every channel; return the frame by which what has begun is delivered."""
        ...

    halted: bool
    """Whether stims are refused, since the watchdog has fired."""
    halts_at_once: bool
    """Whether `halt` may be called with the engine's lock, and acts at its very frame."""

    def arm(self, seconds: float) -> bool:
        """Have the device itself watch for signs of life; return whether it does."""
        ...

    def beat(self) -> None:
        """Give the device a sign of life."""
        ...

    def fired_at(self) -> int | None:
        """Return the frame as of which the device has ended stimulation by itself, if it has."""
        ...

    def halt(self, frame: int) -> int:
        """Drop what is queued on every channel as of a frame, and return as of which it was."""
        ...

    def resume(self) -> None:
        """Have the device take stims again."""
        ...

    def keep(self, keeper: BudgetKeeper) -> None:
        """Hold commands against budgets from now on. Locked."""
        ...

    def keeping(self) -> AbstractContextManager[object]:
        """Return what commands are checked under, to be held while budgets change. Without the lock."""
        ...

    def budget_left(self, operations: Sequence[Operation]) -> dict[int, tuple[StimBudget, Left]]:
        """Return what is left of channels' budgets if operations are submitted now. Without the lock."""
        ...

    def next_stim(self, position: int) -> int:
        """Return a timestamp at or after `position` before which no further stim comes. Locked."""
        ...


class Control(Protocol):
    """The part of a device that says who may command it, and whether it runs. Without the lock."""

    def take(self) -> None:
        """Take control of it; ControlRequestError where another program has it."""
        ...

    def release(self) -> None:
        """Let others have control."""
        ...

    def holds(self) -> bool:
        """Return whether control that was taken has not been lost since."""
        ...

    def is_running(self) -> bool:
        """Return whether frames come."""
        ...

    def next_sign(self) -> int:
        """Return a frame whose arrival shows that frames come."""
        ...


class Device(Protocol):
    """A dish and what is around it, in four parts: these three, and the timebase of its engine."""

    info: DeviceInfo

    @property
    def acquisition(self) -> Acquisition:
        """What it senses."""
        ...

    @property
    def stimulator(self) -> Stimulator:
        """What it stimulates with."""
        ...

    @property
    def control(self) -> Control:
        """Who may command it."""
        ...

    def open(self) -> None:
        """Begin to log to the engine's history; an error leaves nothing behind."""
        ...

    def close(self) -> None:
        """Give back everything that is held; called once, also after an error."""
        ...


class MadeOnDemand(Device, Protocol):
    """A device whose data are made when they are wanted, with the lock held."""

    def produce(self, start: int, stop: int) -> None:
        """Log what happens in [start, stop); `start` is where the last call ended."""
        ...

    def foresee(self, stop: int) -> None:
        """Log what comes before `stop` and nothing can change, ahead of `produce`."""
        ...

    def quiet_until(self) -> int:
        """Return up to where `produce` would have nothing to log."""
        ...
