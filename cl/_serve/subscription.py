"""What one subscriber is owed: a place in the history, and the credit that it has given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cl._values.constants import FRAMES_PER_SECOND
from cl.error import LaggedError
from cl.net.wire.layout import KEPT_FRAMES, MOST_FRAMES, Kind, Wanted
from cl.net.wire.small import GOES_ON_AFTER, Lag, pack_lag

if TYPE_CHECKING:
    from collections.abc import Callable

    from cl._core.engine import Engine

    from .blocks import Blocks

_MOST_CREDIT: Final = 1 << 26
_STILL_FRAMES: Final = KEPT_FRAMES - FRAMES_PER_SECOND
"""What still comes where the oldest of the history is given up: the next second is about to leave it."""


class Subscription:
    """Sends a subscriber everything of the history, as its credit lets it. For the event loop's thread."""

    def __init__(
        self,
        engine: Engine,
        blocks: Blocks,
        send: Callable[[Kind, bytes, int], int],
        wanted: Wanted,
        start: int,
        credit: int,
        interval: int,
    ) -> None:
        """`send` sends a message and returns its size, 0 where the connection takes none just now."""
        self._engine = engine
        self._blocks = blocks
        self._send = send
        self._wanted = wanted
        self._at = start
        self._credit = min(credit, _MOST_CREDIT)
        self._interval = interval
        self._missed: Lag | None = None
        with engine.lock:
            self._losses = engine.losses.follow()
        # What was lost before is not what this subscriber was to get.
        self._losses.losses.clear()

    def end(self) -> None:
        """Follow the device's losses no more."""
        self._losses.wanted = False

    def lend(self, size: int) -> None:
        """Take more credit."""
        self._credit = min(self._credit + size, _MOST_CREDIT)

    def push(self, position: int) -> None:
        """Send what there is before `position`, as far as there is credit."""
        if self._losses.losses:
            self._tell_losses()
        if position - self._at > KEPT_FRAMES:
            self._miss(position - _STILL_FRAMES)
        while position - self._at >= self._interval and self._credit > 0:
            if self._missed is not None and not self._tell_missed():
                return
            stop = min(position, self._at + MOST_FRAMES)
            try:
                body = self._blocks.body(self._at, stop, self._wanted)
            except (ValueError, LaggedError):
                # It left the history this very moment.
                self._miss(stop)
                continue
            size = self._send(Kind.DATA, body, self._wanted)
            if not size:
                return
            self._credit -= size
            self._at = stop
        if self._missed is not None and self._credit > 0:
            self._tell_missed()

    def _miss(self, stop: int) -> None:
        """Give up what is before `stop`, and count it: the history holds it for a moment still."""
        start, history = self._at, self._engine.history
        frames = stop - start if Wanted.FRAMES in self._wanted else 0
        spikes = stims = 0
        if Wanted.EVENTS in self._wanted:
            spikes = len(history.spikes.window(start, stop))
            stims = len(history.stims.window(start, stop))
        missed = self._missed
        if missed is not None:
            start, frames = missed.start, frames + missed.frames
            spikes, stims = spikes + missed.spikes, stims + missed.stims
        self._missed = Lag(start, stop, frames, spikes, stims, True)
        self._at = stop

    def _tell_missed(self) -> bool:
        missed = self._missed
        assert missed is not None
        if not self._send(Kind.LAG, pack_lag(missed), GOES_ON_AFTER):
            return False
        self._missed = None
        return True

    def _tell_losses(self) -> None:
        """Tell what the device itself has lost, before the frames that stand in its place."""
        for start, stop, size, what in tuple(self._losses.losses):
            frames, spikes, stims = (size if what == each else 0 for each in ("frames", "spikes", "stims"))
            if not self._send(Kind.LAG, pack_lag(Lag(start, stop, frames, spikes, stims, False)), 0):
                return
            self._losses.losses.pop(0)
