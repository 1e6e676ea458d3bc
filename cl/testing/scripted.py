"""A source that plays a script: given spikes, over silence or noise."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cl._values.constants import GROUNDED
from cl.events import SAMPLES_BEFORE, SAMPLES_FROM, SAMPLES_PER_SPIKE
from cl.sim.user.data_source import (
    DataSourceBatch,
    DataSourceSpike,
    SimulatorDataSource,
    SimulatorDataSourceMetadata,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BLOCK: Final = 2_500


class ScriptedSource(SimulatorDataSource):
    """A data source whose spikes are those given: pairs of a timestamp and a channel, in any order.

    The frames are zeros but for the spikes: each is a trough of `amplitude` sample units (0.195 µV) at its
    timestamp and a low hump after it; those of neighbouring spikes add up. `noise` is the standard deviation
    of what is laid over it, in sample units, drawn from `seed`; the four grounded channels stay at zero.
    Stims change nothing. `start_timestamp` is the device's first frame.

    Raises ValueError for spikes before the first frame, on channels that are none, or given twice.
    """

    def __init__(
        self,
        spikes: Iterable[tuple[int, int]] = (),
        *,
        noise: float = 0.0,
        seed: int = 0,
        amplitude: int = 200,
        start_timestamp: int = 0,
    ) -> None:
        self._spikes = sorted(map(_pair, spikes))
        self._times = [timestamp for timestamp, _ in self._spikes]
        if not noise >= 0:
            raise ValueError(f"noise must be at least 0, not {noise!r}")
        self._check(start_timestamp)
        self._noise = float(noise)
        self._seed = seed
        self._shape = _waveform(amplitude)
        self._metadata = SimulatorDataSourceMetadata(
            start_timestamp=start_timestamp, read_timeout_seconds=None, reactive=False
        )

    @property
    def metadata(self) -> SimulatorDataSourceMetadata:
        """What the simulator has to know of it."""
        return self._metadata

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        """Return a window of the script."""
        stop = from_timestamp + frame_count
        frames = np.zeros((frame_count, 64), np.int16)
        if self._noise:
            self._add_noise(frames, from_timestamp)
        for timestamp, channel in self._between(from_timestamp - SAMPLES_FROM, stop + SAMPLES_BEFORE):
            first = timestamp - SAMPLES_BEFORE
            low, high = max(first, from_timestamp), min(first + SAMPLES_PER_SPIKE, stop)
            if low < high:
                frames[low - from_timestamp : high - from_timestamp, channel] += self._shape[
                    low - first : high - first
                ]
        spikes = [DataSourceSpike(*spike) for spike in self._between(from_timestamp, stop)]
        return DataSourceBatch(frames, spikes)

    def _between(self, start: int, stop: int) -> list[tuple[int, int]]:
        low = bisect_left(self._times, start)
        return self._spikes[low : bisect_left(self._times, stop, low)]

    def _add_noise(self, frames: NDArray[np.int16], start: int) -> None:
        stop = start + len(frames)
        for block in range(start // _BLOCK, -(-stop // _BLOCK)):
            first = block * _BLOCK
            low, high = max(first, start), min(first + _BLOCK, stop)
            # Each block has a generator of its own, so the windows that are asked for do not matter.
            drawn = np.random.default_rng([self._seed, block]).normal(0.0, self._noise, (_BLOCK, 64))
            drawn[:, GROUNDED] = 0
            frames[low - start : high - start] += np.rint(drawn[low - first : high - first]).astype(np.int16)

    def _check(self, start: int) -> None:
        before = None
        for spike in self._spikes:
            timestamp, channel = spike
            if timestamp < start:
                raise ValueError(f"spikes: {timestamp} lies before the first frame, {start}")
            if not 0 <= channel < 64:
                raise ValueError(f"spikes: channel {channel} at {timestamp} is out of range: 0 to 63")
            if spike == before:
                raise ValueError(f"spikes: there are two at {timestamp} on channel {channel}")
            before = spike


def _waveform(amplitude: int) -> NDArray[np.int16]:
    """Return 75 samples: a trough at sample 25, a hump of a quarter of its height 0.6 ms later."""
    at = np.arange(SAMPLES_PER_SPIKE) - SAMPLES_BEFORE
    shape = -np.exp(-((at / 4.0) ** 2)) + 0.25 * np.exp(-(((at - 15) / 8.0) ** 2))
    samples: NDArray[np.int16] = np.rint(shape * (amplitude / -shape.min())).astype(np.int16)
    return samples


def _pair(spike: Any) -> tuple[int, int]:
    """Return a spike of the script, checked for its shape."""
    try:
        timestamp, channel = spike
    except (TypeError, ValueError):
        raise TypeError(
            f"spikes: {spike!r} is no pair of a timestamp and a channel, such as (100, 8)"
        ) from None
    return int(timestamp), int(channel)
