"""What happens on the device: spikes, stims, and the window they are reported in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from cl._values.saying import deprecated

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cl._stim.designs import StimDesign

SAMPLES_BEFORE: Final = 25
"""Frames of a spike's waveform that lie before its detection (1 ms)."""
SAMPLES_FROM: Final = 50
"""Frames of a spike's waveform from its detection on (2 ms)."""
SAMPLES_PER_SPIKE: Final = SAMPLES_BEFORE + SAMPLES_FROM


class Waveforms(Protocol):
    """Where a spike's waveform is loaded from when somebody looks at it."""

    def waveform(self, timestamp: int, channel: int) -> tuple[NDArray[np.float32], float]:
        """Return the mean-centred samples in µV and the mean in sample units."""
        ...


class Spike:
    """A spike detected on a channel.

    `timestamp` is the frame of the detection, `channel` 0 to 63. `samples` is
    loaded on access, see there. Spikes compare, hash and pickle by value.
    """

    __slots__ = ("_mean", "_samples", "_waveforms", "channel", "timestamp")

    timestamp: int
    channel: int

    def __init__(
        self,
        timestamp: int,
        channel: int,
        channel_mean_sample: float | None = None,
        samples: NDArray[np.float32] | None = None,
        waveforms: Waveforms | float | None = None,
    ) -> None:
        self.timestamp = timestamp
        self.channel = channel
        self._waveforms = waveforms
        self._samples = samples
        self._mean = channel_mean_sample

    @property
    def samples(self) -> NDArray[np.float32]:
        """The waveform: float32[75] in µV, 25 frames before the detection and 50 from it.

        The mean of the 75 samples is subtracted. Loaded on the first access,
        which waits until the last of the frames exists (at most 2 ms); it can
        be loaded as long as the frames are in the history (about 5 s), later
        accesses raise an error that says so.
        """
        if self._samples is None:
            self._load()
        assert self._samples is not None
        return self._samples

    @property
    def channel_mean_sample(self) -> float:
        """The mean that was subtracted from `samples`, in sample units."""
        if self._mean is None:
            self._load()
        assert self._mean is not None
        return self._mean

    def attach(self, samples: NDArray[np.float32], channel_mean_sample: float) -> None:
        """Give the spike its waveform, for whoever detected it."""
        self._samples = samples
        self._mean = channel_mean_sample

    def _load(self) -> None:
        if self._waveforms is None:
            raise RuntimeError(f"{self!r} was made or restored without its samples")
        if isinstance(self._waveforms, float):
            # Pickled before the order of the arguments became cl-sdk's: this is the mean.
            self._mean = self._waveforms
            return
        samples, mean = self._waveforms.waveform(self.timestamp, self.channel)
        self.attach(samples, mean)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Spike):
            return NotImplemented
        return self.timestamp == other.timestamp and self.channel == other.channel

    def __hash__(self) -> int:
        return hash((Spike, self.timestamp, self.channel))

    def __repr__(self) -> str:
        return f"Spike(timestamp={self.timestamp}, channel={self.channel})"

    def __copy__(self) -> Spike:
        return Spike(self.timestamp, self.channel, self._mean, self._samples, self._waveforms)

    def __deepcopy__(self, memo: dict[int, Any]) -> Spike:
        samples = None if self._samples is None else self._samples.copy()
        return Spike(self.timestamp, self.channel, self._mean, samples, self._waveforms)

    def __reduce__(self) -> tuple[Any, ...]:
        # The device cannot travel with the spike; samples that were loaded do.
        return Spike, (self.timestamp, self.channel, self._mean, self._samples)


class Stim:
    """A stimulation pulse that was delivered on a channel.

    `timestamp` is the frame in which the pulse began, `channel` 0 to 63, `design` its phases, or None
    where the device did not tell. When and where is what makes a stim: the design is no part of the
    equality, the hash and the repr. Stims pickle with their designs.
    """

    __slots__ = ("channel", "design", "timestamp")

    timestamp: int
    channel: int
    design: StimDesign | None

    def __init__(self, timestamp: int, channel: int, design: StimDesign | None = None) -> None:
        self.timestamp = timestamp
        self.channel = channel
        self.design = design

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Stim):
            return NotImplemented
        return self.timestamp == other.timestamp and self.channel == other.channel

    def __hash__(self) -> int:
        return hash((Stim, self.timestamp, self.channel))

    def __repr__(self) -> str:
        return f"Stim(timestamp={self.timestamp}, channel={self.channel})"

    def __reduce__(self) -> tuple[Any, ...]:
        # As ever without one, so that earlier versions read it.
        known = () if self.design is None else (self.design,)
        return Stim, (self.timestamp, self.channel, *known)


class DetectionResult:
    """The spikes and stims of the half-open window [start_timestamp, stop_timestamp).

    Both lists are sorted by (timestamp, channel).
    """

    __slots__ = ("spikes", "start_timestamp", "stims", "stop_timestamp")

    start_timestamp: int
    stop_timestamp: int
    spikes: list[Spike]
    stims: list[Stim]

    def __init__(
        self,
        start_timestamp: int,
        stop_timestamp: int,
        spikes: list[Spike] | None = None,
        stims: list[Stim] | None = None,
    ) -> None:
        self.start_timestamp = start_timestamp
        self.stop_timestamp = stop_timestamp
        self.spikes = [] if spikes is None else spikes
        self.stims = [] if stims is None else stims

    @property
    def timestamp(self) -> int:
        """Deprecated alias of `start_timestamp`."""
        deprecated("DetectionResult.timestamp is deprecated, use start_timestamp", stacklevel=2)
        return self.start_timestamp

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DetectionResult):
            return NotImplemented
        return (
            self.start_timestamp == other.start_timestamp
            and self.stop_timestamp == other.stop_timestamp
            and self.spikes == other.spikes
            and self.stims == other.stims
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return (
            f"DetectionResult(start_timestamp={self.start_timestamp}, "
            f"stop_timestamp={self.stop_timestamp}, "
            f"spikes={self.spikes!r}, stims={self.stims!r})"
        )
