"""How a spike's samples are loaded: with a look ahead where that changes nothing, else with a wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl._core.participant import READ
from cl.events import SAMPLES_BEFORE, SAMPLES_FROM

from . import threads

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cl._core.engine import Engine


class EngineWaveforms:
    """Loads spikes' samples from an engine's frames."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def waveform(self, timestamp: int, channel: int) -> tuple[NDArray[np.float32], float]:
        """Return the 75 samples in µV and the mean that was subtracted, waiting for them if need be."""
        engine = self._engine
        engine.check()
        oldest = max(engine.start, engine.position - engine.kept_frames)
        if max(timestamp - SAMPLES_BEFORE, engine.start) < oldest:
            raise RuntimeError(
                f"the samples of Spike(timestamp={timestamp}, channel={channel}) are no longer in the "
                f"history, whose oldest frame is {oldest}: they can be loaded for about 5 s"
            )
        end = timestamp + SAMPLES_FROM
        if end > engine.position and not engine.time.peeks:
            threads.wait_once(engine, "Spike.samples", READ, end)
        return engine.cut_waveform(timestamp, channel)
