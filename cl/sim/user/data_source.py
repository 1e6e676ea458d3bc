"""What a user's own data source is made of: the abstract source, and the values that go in and out."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from threading import TIMEOUT_MAX
from typing import TYPE_CHECKING, Any, Final

from cl._values import numbers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from cl.stim import StimDesign


_IT_MUST_BE: Final = numbers.Wording("{what} is {value}, it must be {limit}", "a whole number")
_LATEST_START: Final = 1 << 53
"""Timestamps may go to programs that know no larger whole numbers: those of JSON and JavaScript, say."""


@dataclass(frozen=True, slots=True)
class SimulatorDataSourceMetadata:
    """What the simulator has to know of a source before it opens it.

    `channel_count` and `frames_per_second` must be 64 and 25 000. `start_timestamp` is the timestamp of
    the source's first frame, 0 to 2**53. A source of `duration_frames` frames begins anew after the last of
    them if it is `seekable`, and ends the device if not; None is a source without an end. A `realtime_only`
    source is never asked ahead of time and, like one without `supports_accelerated`, does not open in
    accelerated time.

    `read_timeout_seconds` is how long a call of the source may take. None is for a source that is quick and
    sure to answer: whoever waits for data asks it directly, which takes no thread and little time; but
    nobody notices if it hangs, and an event loop stands still meanwhile.

    `reactive` says whether stims change what the source gives; None means that they do if it has a method
    `on_stim` or `on_stims`. `detect_spikes` asks for the simulator's detector to find the spikes in the
    frames.

    All calls of a source with a timeout come one at a time, in a thread of its own or in the main thread,
    while that waits for it. `own_thread` is for a source that holds what only the thread that made it may use
    (a connection of sqlite3, a window): then all of them come in its own thread, which costs some 80 µs for
    each. It does not go together with a `read_timeout_seconds` of None. Wrong types raise TypeError, wrong
    values ValueError.
    """

    channel_count: int = 64
    frames_per_second: int = 25_000
    uV_per_sample_unit: float = 0.195
    start_timestamp: int = 0
    duration_frames: int | None = None
    seekable: bool = True
    realtime_only: bool = False
    supports_accelerated: bool = True
    read_timeout_seconds: float | None = 30.0
    reactive: bool | None = None
    detect_spikes: bool = False
    own_thread: bool = False

    def __post_init__(self) -> None:
        self._check_whole("channel_count", 64, 64)
        self._check_whole("frames_per_second", 25_000, 25_000)
        self._check_whole("start_timestamp", 0, _LATEST_START)
        if self.duration_frames is not None:
            self._check_whole("duration_frames", 1)
        self._check_positive("uV_per_sample_unit")
        if self.read_timeout_seconds is not None:
            object.__setattr__(self, "read_timeout_seconds", timeout(self.read_timeout_seconds))
        for name in ("seekable", "realtime_only", "supports_accelerated", "detect_spikes", "own_thread"):
            self._check_flag(name)
        if self.reactive is not None:
            self._check_flag("reactive")
        if self.own_thread and self.read_timeout_seconds is None:
            raise ValueError(
                "own_thread is True, but read_timeout_seconds is None: such a source has no thread of its own"
            )

    def _check_whole(self, name: str, least: int | None = None, most: int | None = None) -> None:
        value = getattr(self, name)
        object.__setattr__(self, name, whole(name, value, least, most))

    def _check_positive(self, name: str) -> None:
        object.__setattr__(self, name, positive(name, getattr(self, name)))

    def _check_flag(self, name: str) -> None:
        object.__setattr__(self, name, flag(name, getattr(self, name)))


@dataclass(frozen=True, slots=True)
class DataSourceSpike:
    """A spike of a source: a frame's timestamp and a channel, 0 to 63.

    `samples` is its waveform, 75 numbers in µV, 25 frames before the timestamp and 50 from it, kept as
    float32, and `channel_mean_sample` the mean in sample units that was subtracted from it (0 if None).
    Without samples the waveform is cut from the source's frames. Wrong types raise TypeError, wrong values
    ValueError.
    """

    timestamp: int
    channel: int
    samples: NDArray[np.float32] | None = field(default=None, compare=False)
    channel_mean_sample: float | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if type(self.timestamp) is not int:
            object.__setattr__(self, "timestamp", whole("timestamp", self.timestamp))
        if type(self.channel) is not int or not 0 <= self.channel <= 63:
            object.__setattr__(self, "channel", whole("channel", self.channel, 0, 63))
        if self.samples is not None:
            object.__setattr__(self, "samples", _waveform(self.samples))
        if self.channel_mean_sample is not None:
            mean = finite("channel_mean_sample", self.channel_mean_sample)
            object.__setattr__(self, "channel_mean_sample", mean)


@dataclass(frozen=True, slots=True)
class DataSourceStim:
    """A pulse that is delivered, as a source is told of it.

    `timestamp` is the frame in which it begins, `intended_timestamp` the one in which the program asked for
    it (None where that is not known); the difference is what it waited for other pulses. The phases are in µs
    and µA; without any, `duration_us` is 0, and there is no `stim_design` (ValueError).
    """

    timestamp: int
    channel: int
    intended_timestamp: int | None = None
    phase_durations_us: tuple[int, ...] = ()
    phase_currents_uA: tuple[float, ...] = ()

    @property
    def duration_us(self) -> int:
        """Return the duration of the whole pulse in µs."""
        return sum(self.phase_durations_us)

    @property
    def stim_design(self) -> StimDesign:
        """Return the pulse's design, as the program gave it."""
        from cl.stim import StimDesign

        phases = zip(self.phase_durations_us, self.phase_currents_uA, strict=True)
        return StimDesign(*(number for phase in phases for number in phase))


@dataclass(frozen=True, slots=True, eq=False)
class DataSourceBatch:
    """What a source gives for a window: int16 frames (frame_count, 64), None for zeros, and its spikes."""

    frames: NDArray[np.int16] | None = None
    spikes: Iterable[DataSourceSpike] = ()


class SimulatorDataSource(ABC):
    """A source that the simulator asks for its data, window after window.

    The simulator calls one method at a time, in a thread of the source's own or, while that waits for its
    data, in the main one, which saves a hop to another thread; with `metadata.own_thread` always in its own,
    with `metadata.read_timeout_seconds` of None in that of the one who waits for the data.

    A call that takes longer than the timeout ends the device. In the main thread it is interrupted where
    Python code runs, or a sleep, a lock or a socket is waited for; code of an extension that never returns to
    Python cannot be interrupted there. In its own thread it is left behind, whatever it does. An exception
    that comes from outside (Ctrl-C, an alarm) while the source is called in the caller's thread is the
    caller's: the same window is asked for again later, and the same stims may be told of again. A source with
    state has to be able to answer again, or takes `own_thread`.
    """

    @property
    @abstractmethod
    def metadata(self) -> SimulatorDataSourceMetadata:
        """Return what the simulator has to know of this source; the same at every look."""

    @abstractmethod
    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        """Return the frames from a timestamp on, and the spikes in them.

        Windows follow one another without gaps; only a bounded, seekable source is asked for its
        beginning again. How large they are depends on the program, and must not change the data.
        """

    # Hooks that most sources can do without; they are no part of what must be written.
    def open(self) -> None:  # noqa: B027
        """Get ready; called once, before anything else."""

    def close(self) -> None:  # noqa: B027
        """Give back what is held; called once, also after an error."""

    def on_stim(self, stim: DataSourceStim) -> None:  # noqa: B027
        """Take a pulse, before the frames that follow it are asked for."""

    def on_stims(self, stims: Sequence[DataSourceStim]) -> None:
        """Take pulses that begin in one frame, in the order of their channels; by default one by one."""
        for stim in stims:
            self.on_stim(stim)


def reacts(source: SimulatorDataSource, metadata: SimulatorDataSourceMetadata) -> bool:
    """Return whether stims can change what a source gives, as its metadata or its methods say."""
    return listens(source) if metadata.reactive is None else metadata.reactive


def listens(source: SimulatorDataSource) -> bool:
    """Return whether a source wants to be told of stims."""
    base = SimulatorDataSource
    return _own(source.on_stim, base.on_stim) or _own(source.on_stims, base.on_stims)


def _own(method: object, inherited: object) -> bool:
    return getattr(method, "__func__", method) is not inherited


def whole(name: str, value: Any, least: int | None = None, most: int | None = None) -> int:
    """Return a whole number as an int; TypeError and ValueError name it and its limits."""
    return numbers.whole(value, name, least, most, _IT_MUST_BE)


def finite(name: str, value: Any) -> float:
    """Return a finite number as a float; TypeError and ValueError name it."""
    try:
        numbers.real(value, name)
    except TypeError:
        raise TypeError(f"{name} is {value!r}, it must be a number") from None
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{name} is {value!r}, it must be finite")
    return number


def positive(name: str, value: Any) -> float:
    """Return a number above zero as a float; TypeError and ValueError name it."""
    number = finite(name, value)
    if number <= 0:
        raise ValueError(f"{name} is {value!r}, it must be above 0")
    return number


def timeout(value: Any) -> float:
    """Return seconds that a thread can wait for; TypeError and ValueError name `read_timeout_seconds`."""
    seconds = positive("read_timeout_seconds", value)
    if seconds > TIMEOUT_MAX:
        raise ValueError(
            f"read_timeout_seconds is {value!r}, it must be at most {TIMEOUT_MAX:g}; None is for ever"
        )
    return seconds


def flag(name: str, value: Any) -> bool:
    """Return a truth value as a bool; TypeError names it."""
    if not isinstance(value, bool) and type(value).__name__ != "bool":
        raise TypeError(f"{name} is {value!r}, it must be True or False")
    return bool(value)


def _waveform(samples: Any) -> NDArray[np.float32]:
    import numpy as np

    try:
        waveform = np.array(samples, np.float32)
    except (TypeError, ValueError) as error:
        raise TypeError(f"samples must be 75 numbers in µV: {error}") from None
    if waveform.shape != (75,):
        raise ValueError(f"samples have the shape {waveform.shape}, it must be (75,)")
    if not np.isfinite(waveform).all():
        raise ValueError("samples must be finite")
    return waveform
