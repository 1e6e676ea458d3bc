"""Frames and LSL's clock: by what the device's clock is found to be, and a fit of the host's to LSL's."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from pylsl import local_clock

if TYPE_CHECKING:
    from cl.neurons import Neurons

_READINGS: Final = 16
_VALID_NS: Final = 5_000_000_000
"""The clocks may drift apart: after so long they are compared again."""


class LslTime:
    """Relates frames to `local_clock`; wall-clock time and devices only, RuntimeError in accelerated time."""

    def __init__(self, neurons: Neurons) -> None:
        neurons.host_ns(0)
        self._neurons = neurons
        self._compared_ns = 0
        self._offset_s = 0.0
        self._compare()

    def stamp(self, timestamp: int) -> float:
        """Return the `local_clock` of a frame's moment, in seconds."""
        self._refresh()
        return self._neurons.host_ns(timestamp) * 1e-9 + self._offset_s

    def timestamp(self, stamp: float) -> int:
        """Return the frame that is the present at a `local_clock`; below 0 before the first."""
        self._refresh()
        return self._neurons.timestamp_at(round((stamp - self._offset_s) * 1e9))

    def _refresh(self) -> None:
        if time.monotonic_ns() - self._compared_ns > _VALID_NS:
            self._compare()

    def _compare(self) -> None:
        """Take the offset of the reading that took least: a thread may be put aside in between."""
        closest = 1 << 63
        for _ in range(_READINGS):
            before, stamp, after = time.monotonic_ns(), local_clock(), time.monotonic_ns()
            if after - before < closest:
                closest = after - before
                self._offset_s = stamp - (before + after) // 2 * 1e-9
        self._compared_ns = after
