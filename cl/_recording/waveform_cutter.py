"""The waveforms of a recording's spikes, cut from frames that were read for it anyway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cl.error import LaggedError
from cl.events import SAMPLES_BEFORE, SAMPLES_FROM, SAMPLES_PER_SPIKE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cl._core.engine import Engine
    from cl.events import Spike

_OFFSETS: Final = np.arange(-SAMPLES_BEFORE, SAMPLES_FROM)


class WaveformCutter:
    """Cuts spikes' samples, the same as `Spike.samples` gives: float32[75] in µV, mean-centred.

    Making frames can be most of the work of a recording: a block that is `fed` is not made again.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._start = self._stop = 0
        self._frames: NDArray[np.int16] = np.empty((0, 64), np.int16)
        self._tail = self._frames
        """The last frames before `_start`."""

    def feed(self, start: int, frames: NDArray[np.int16]) -> None:
        """Take frames, int16 (n, 64), after those of the last call. They are kept, not copied."""
        tail = self._frames[-SAMPLES_PER_SPIKE:]
        if start != self._stop:
            tail = tail[:0]
        elif len(tail) < SAMPLES_PER_SPIKE:
            tail = np.concatenate((self._tail, tail))[-SAMPLES_PER_SPIKE:]
        self._tail = tail.copy()
        self._frames = frames
        self._start, self._stop = start, start + len(frames)

    def cut(self, spikes: list[Spike], keep: bool = False) -> NDArray[np.float32]:
        """Return the samples of spikes, float32 (n, 75); with `keep` the spikes keep them.

        Frames that no longer come to be are stood for by the last one.
        """
        found = np.empty((len(spikes), SAMPLES_PER_SPIKE), np.float32)
        inside, across = [], []
        for row, spike in enumerate(spikes):
            own = self._own(spike)
            first = spike.timestamp - SAMPLES_BEFORE
            if own is not None:
                found[row] = own
            elif spike.timestamp + SAMPLES_FROM > self._stop or first < self._start - len(self._tail):
                found[row] = self._from_history(spike)
            elif first >= self._start:
                inside.append(row)
            else:
                across.append(row)
        self._gather(found, inside, spikes, self._frames, self._start, keep)
        if across:
            edge = np.concatenate((self._tail, self._frames[:SAMPLES_PER_SPIKE]))
            self._gather(found, across, spikes, edge, self._start - len(self._tail), keep)
        return found

    def _own(self, spike: Spike) -> NDArray[np.float32] | None:
        """Return samples that came with the spike, or were looked at before."""
        if spike._samples is not None:
            return spike._samples
        own = self._engine.device.acquisition.waveform(spike.timestamp, spike.channel)
        return None if own is None else own[0]

    def _gather(
        self,
        found: NDArray[np.float32],
        rows: list[int],
        spikes: list[Spike],
        frames: NDArray[np.int16],
        start: int,
        keep: bool,
    ) -> None:
        if not rows:
            return
        times = np.array([spikes[row].timestamp - start for row in rows])
        channels = np.array([spikes[row].channel for row in rows])
        raw = frames[times[:, None] + _OFFSETS, channels[:, None]]
        samples = found[rows] = self._centred(raw)
        if keep:
            means = raw.astype(np.float64).mean(axis=-1).tolist()
            for row, own, mean in zip(rows, samples, means, strict=True):
                spikes[row].attach(own.copy(), mean)

    def _centred(self, raw: NDArray[Any]) -> NDArray[np.float32]:
        samples = raw.astype(np.float64)
        samples -= samples.mean(axis=-1, keepdims=True)
        samples *= self._engine.device.info.uV_per_sample_unit
        return samples.astype(np.float32)

    def _from_history(self, spike: Spike) -> NDArray[np.float32]:
        try:
            return self._looked_up(spike)
        except (ValueError, LaggedError):
            # The recording has come too late: these frames are among those that it counts as lost.
            self._engine.check()
            return np.zeros(SAMPLES_PER_SPIKE, np.float32)

    def _looked_up(self, spike: Spike) -> NDArray[np.float32]:
        engine = self._engine
        end = spike.timestamp + SAMPLES_FROM
        position = engine.position
        if engine.device.acquisition.predictable or position >= end:
            return engine.cut_waveform(spike.timestamp, spike.channel)[0]
        low = max(spike.timestamp - SAMPLES_BEFORE, engine.start)
        raw = engine.device.acquisition.frames(low, position)[:, spike.channel]
        before = low - (spike.timestamp - SAMPLES_BEFORE)
        return self._centred(np.pad(raw, (before, end - position), mode="edge"))
