"""What the device senses: its own ring of frames is the history, and spikes come with its interrupts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl._values.constants import NEVER

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cl._core.engine import Engine

    from .link import Link


class HardwareAcquisition:
    """Reads frames from the device's own ring when somebody looks."""

    predictable = False
    end_timestamp = NEVER

    def __init__(self, engine: Engine, link: Link) -> None:
        self._engine = engine
        self._link = link

    def next_spike(self, position: int) -> int:
        return position

    def prepare(self, until: int) -> None:
        """Do nothing: the device makes its data in its own time."""

    def frames(self, start: int, stop: int) -> NDArray[np.int16]:
        """Return the frames of [start, stop), see `FrameReader.read`."""
        try:
            return self._link.frames(start, stop)
        except (ValueError, AttributeError):
            # Where the memory has just been given back, that is what to tell.
            self._engine.check()
            raise

    def waveform(self, timestamp: int, channel: int) -> tuple[NDArray[np.float32], float] | None:
        return None
