"""The frames of the culture: noise, with the spikes and stimulation artifacts drawn into it."""

from __future__ import annotations

from copy import copy, deepcopy
from typing import TYPE_CHECKING, Final

import numpy as np

from cl._values.constants import CHANNEL_COUNT, GROUNDED, REFERENCE

from .drawn import Drawn
from .random import WORDS_PER_RAW, normal_quantiles, stream
from .waveforms import Artifact, artifact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .config import CultureConfig

REFERENCE_SHARE: Final = 0.25
"""Noise of the reference channel as a share of the others'."""
ARTIFACTS_KEPT: Final = 256
"""Shapes of artifacts kept for pulses that come again, some 60 kB each."""
_PIECE: Final = 500
"""Frames filled with noise at a time: random words and frames then stay in the cache."""
_RAW_PER_FRAME: Final = CHANNEL_COUNT // WORDS_PER_RAW
_NOISE: Final = 8

_Mark = tuple[int, int, "NDArray[np.int16]"]
_Trace = tuple[int, "Artifact", int]


class FrameMaker:
    """Makes consecutive frames. What was drawn ahead of time appears in them as they are made.

    A drawing must begin at or after the next frame. All is integer sums, clipped once where there are
    artifacts, so it does not matter how the frames are cut into windows, nor in which order things are drawn.
    """

    def __init__(self, config: CultureConfig, uV_per_unit: float) -> None:
        self._seed = config.seed
        self._uV_per_unit = uV_per_unit
        units = config.noise_uV / uV_per_unit * normal_quantiles()
        self._table: NDArray[np.int16] = np.clip(np.rint(units), -32768, 32767).astype(np.int16)
        self._quiet_table: NDArray[np.int16] = np.rint(self._table * REFERENCE_SHARE).astype(np.int16)
        self._source = stream(config.seed, _NOISE)
        self._hearing = [c for c in range(CHANNEL_COUNT) if c not in GROUNDED and c != REFERENCE]
        self._spikes: list[_Mark] = []
        self._artifacts: list[_Trace] = []
        self._drawn_spikes = Drawn(np.int16)
        self._drawn_artifacts = Drawn(np.int32)
        self._shapes: dict[tuple[object, ...], Artifact] = {}

    def copy(self) -> FrameMaker:
        """Return a maker in the same state, which goes its own way from here on."""
        twin = copy(self)
        twin._source = deepcopy(self._source)
        twin._spikes, twin._artifacts = self._spikes[:], self._artifacts[:]
        twin._drawn_spikes, twin._drawn_artifacts = self._drawn_spikes.copy(), self._drawn_artifacts.copy()
        return twin

    def draw_spike(self, timestamp: int, channel: int, waveform: NDArray[np.int16]) -> None:
        """Draw a waveform that begins at a frame."""
        self._spikes.append((timestamp, channel, waveform))

    def draw_artifact(
        self, timestamp: int, channel: int, durations_us: Sequence[float], currents_uA: Sequence[float]
    ) -> None:
        """Draw the artifact of a pulse that begins at a frame."""
        key = (channel, tuple(durations_us), tuple(currents_uA))
        shape = self._shapes.get(key)
        if shape is None:
            shape = artifact(channel, durations_us, currents_uA, self._hearing, self._uV_per_unit)
            if len(self._shapes) >= ARTIFACTS_KEPT:
                del self._shapes[next(iter(self._shapes))]
            self._shapes[key] = shape
        self._artifacts.append((timestamp, shape, channel))

    def make(self, start: int, count: int) -> NDArray[np.int16]:
        """Return the next `count` frames, of which the first has the timestamp `start`."""
        frames = self._noise(count)
        self._add_spikes(frames, start)
        self._add_artifacts(frames, start)
        return frames

    def _noise(self, count: int) -> NDArray[np.int16]:
        frames = np.empty((count, CHANNEL_COUNT), np.int16)
        for first in range(0, count, _PIECE):
            piece = frames[first : first + _PIECE]
            drawn = self._source.random_raw(len(piece) * _RAW_PER_FRAME).view(np.uint16).reshape(piece.shape)
            self._table.take(drawn, out=piece, mode="clip")
            piece[:, REFERENCE] = self._quiet_table.take(drawn[:, REFERENCE])
            for channel in GROUNDED:
                piece[:, channel] = 0
        return frames

    def _add_spikes(self, frames: NDArray[np.int16], start: int) -> None:
        stop = start + len(frames)
        for first, channel, waveform in self._spikes:
            if first < stop:
                self._drawn_spikes.add(waveform, first - start, channel)
        self._spikes = [mark for mark in self._spikes if mark[0] >= stop]
        drawn = self._drawn_spikes.take(len(frames))
        frames[: len(drawn)] += drawn

    def _add_artifacts(self, frames: NDArray[np.int16], start: int) -> None:
        stop = start + len(frames)
        for first, shape, channel in self._artifacts:
            if first < stop:
                self._drawn_artifacts.add(shape.others, first - start)
                self._drawn_artifacts.add(shape.own, first - start, channel)
        self._artifacts = [trace for trace in self._artifacts if trace[0] >= stop]
        drawn = self._drawn_artifacts.take(len(frames))
        # The sum is kept wide until all is added, and saturates like the amplifier's converter.
        frames[: len(drawn)] = np.clip(drawn + frames[: len(drawn)], -32768, 32767)
