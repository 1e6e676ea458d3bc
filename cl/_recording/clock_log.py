"""What a recording holds of the host's clocks (`/clock`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cl._core.clock_relation import HostTime
from cl._values.constants import FRAMES_PER_SECOND

if TYPE_CHECKING:
    from cl._core.host_clock import Clock
    from cl._store.write.writer import RecordingWriter

PERIOD: Final = 10 * FRAMES_PER_SECOND
"""Frames from one row to the next."""


class ClockLog:
    """Notes when frames came to be on the host's clocks: the first, every 250 000th, and where it ends.

    A row is made when the recorder comes by, half a second late at most; it tells of the frame's own moment.
    Without a clock, as in accelerated time, nothing is noted. Used by one thread.
    """

    def __init__(self, clock: Clock | None, writer: RecordingWriter, start: int) -> None:
        self._host_time = None if clock is None else HostTime(clock)
        self._writer = writer
        self._start = start
        self._next = start
        self._last = -1

    def come_to(self, stop: int) -> None:
        """Note what is due, when everything before `stop` is recorded."""
        while self._next <= max(stop, self._start):
            self._note(self._next)
            self._next += PERIOD

    def end_at(self, stop: int) -> None:
        """Note what is due, and the end."""
        self.come_to(stop)
        if stop > self._last:
            self._note(stop)

    def _note(self, timestamp: int) -> None:
        if self._host_time is not None:
            self._writer.append_clock(timestamp - self._start, *self._host_time.on_both_clocks(timestamp))
        self._last = timestamp
