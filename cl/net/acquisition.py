"""What a device across the network senses: the frames that have come are kept here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl._values.constants import NEVER

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cl._core.engine import Engine
    from cl._core.history import FrameRing


class NetworkAcquisition:
    """Reads frames from the mirror of the device's ring."""

    predictable = False
    end_timestamp = NEVER

    def __init__(self, engine: Engine, ring: FrameRing) -> None:
        self._engine = engine
        self._ring = ring

    def next_spike(self, position: int) -> int:
        return position

    def prepare(self, until: int) -> None:
        """Do nothing: the device makes its data in its own time."""

    def frames(self, start: int, stop: int) -> NDArray[np.int16]:
        """Return the frames of [start, stop); zeros where they are among the engine's losses."""
        return self._ring.read(start, stop)

    def waveform(self, timestamp: int, channel: int) -> tuple[NDArray[np.float32], float] | None:
        return None
