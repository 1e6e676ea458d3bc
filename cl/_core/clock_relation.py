"""Device time and the host's clocks: when on those a frame came to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl._values.constants import FRAME_NS

from .host_clock import host_and_utc_ns, monotonic_offset

if TYPE_CHECKING:
    from .host_clock import Clock


class HostTime:
    """A clock of frames in terms of `time.monotonic_ns`, and of UTC.

    A frame's moment is the one from which on it is the present: `neurons.timestamp()` returns it then. May
    be used from any thread.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_ns, self._offset_error_ns = monotonic_offset()

    def ns(self, timestamp: int) -> int:
        """Return the `time.monotonic_ns` of a frame's moment, past or to come."""
        return self._clock.due_ns(timestamp) + self._offset_ns

    def timestamp(self, ns: int) -> int:
        """Return the frame that is the present at `time.monotonic_ns`; less than the first before that."""
        return (ns - self.ns(0)) // FRAME_NS

    def error_ns(self) -> int:
        """Return by how much `ns` of a present frame may be wrong."""
        return self._clock.error_ns() + self._offset_error_ns

    def on_both_clocks(self, timestamp: int) -> tuple[int, int]:
        """Return the `time.monotonic_ns` and the ns since 1970 in UTC of a frame's moment."""
        host, utc = host_and_utc_ns()
        due = self._clock.due_ns(timestamp)
        return due + self._offset_ns, utc + due - host
