"""`LoopTick`: one iteration of a loop, as its body sees it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from cl._values.saying import deprecated
from cl.events import DetectionResult

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cl._core.engine import Engine


_new: Final = object.__new__


class LoopTick:
    """One iteration of a loop. The object is reused by its iterator; what it hands out is not."""

    __slots__ = (
        "_analysis", "_engine", "_frames", "_n", "_quiet_until", "iteration",
        "iteration_timestamp", "loop",
    )  # fmt: skip

    loop: Any
    """The `Loop` or `AsyncLoop`."""
    iteration: int
    """The iteration's number, from 0; after the loop's end, the number of ticks run."""
    iteration_timestamp: int
    """The moment the body runs: the end of the window."""

    def __init__(self, loop: Any, engine: Engine, n: int) -> None:
        self.loop = loop
        self._engine = engine
        self._n = n
        self.iteration = 0
        self.iteration_timestamp = engine.position
        self._analysis: DetectionResult | None = None
        self._quiet_until = -1
        """Before this timestamp there is nothing that was not in a window already."""
        self._frames: NDArray[np.int16] | None = None

    @property
    def iteration_next_timestamp(self) -> int:
        """The moment the next body is due."""
        return self.iteration_timestamp + self._n

    @property
    def analysis(self) -> DetectionResult:
        """The spikes and stims of the iteration's window [start + i·n, start + (i+1)·n)."""
        found = self._analysis
        if found is None:
            stop = self.iteration_timestamp
            if stop <= self._quiet_until:
                # Without a call of __init__, which costs more than the rest: most ticks are like this.
                found = _new(DetectionResult)
                found.start_timestamp = stop - self._n
                found.stop_timestamp = stop
                found.spikes, found.stims = [], []
            else:
                found = self._look(stop)
            self._analysis = found
        return found

    def _look(self, stop: int) -> DetectionResult:
        engine = self._engine
        commands = engine.commands
        found, self._quiet_until = engine.look(stop - self._n, stop)
        if engine.commands != commands:  # Another thread has given one.
            self._quiet_until = -1
        return found

    def look_again(self) -> None:
        """Take note that a command has been given, of which something may come."""
        self._quiet_until = -1

    @property
    def frames(self) -> NDArray[np.int16]:
        """The frames of the iteration's window, int16 (n, 64); made when first asked for."""
        frames = self._frames
        if frames is None:
            stop = self.iteration_timestamp
            frames = self._frames = self._engine.frames(stop - self._n, stop)
        return frames

    def keep(self) -> None:
        """Have the frames at hand for when the device is closed, which gives their memory back."""
        if not self._engine.device.acquisition.predictable:
            with suppress(Exception):  # They may be gone: whoever asks for them is told.
                _ = self.frames

    @property
    def timestamp(self) -> int:
        """Deprecated alias of `analysis.start_timestamp`: where the iteration's window begins."""
        deprecated("LoopTick.timestamp is deprecated, use analysis.start_timestamp", stacklevel=2)
        return self.iteration_timestamp - self._n

    def __repr__(self) -> str:
        return f"LoopTick(iteration={self.iteration}, iteration_timestamp={self.iteration_timestamp})"
