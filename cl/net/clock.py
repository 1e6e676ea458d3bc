"""Device time at the far end of a link: by what has arrived, and by exchanged stamps."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from typing import TYPE_CHECKING, Final

from cl._core.host_clock import host_ns
from cl._values.constants import FRAME_NS, NEVER

if TYPE_CHECKING:
    from .link import Link

_DRIFT_SHIFT: Final = 12
"""The device's clock may lose 2^-12 against the host's."""
_SLIP_NS: Final = 50_000_000
"""What comes so late has been held up: time goes on from where it is."""
_ONCE: Final = 250
"""Frames that may come together for no other reason than that the thread that reads had to wait: 10 ms."""
_ARRIVALS: Final = 4096
"""How many arrivals are remembered, to tell by how much a loop is late."""


class NetworkClock:
    """The time of a device whose frames come over a network.

    The present is what has arrived, and at most a block more; `due_ns` is when frames exist on the device,
    which is earlier than they can be here. What arrives is noted by `tell`, with the engine's lock held; all
    else may be called from any thread.
    """

    def __init__(self, link: Link, start: int, block: int) -> None:
        """`block` is how many frames usually come together."""
        self._link = link
        self._block = block
        self._posted = self._last = start
        self._told_ns = host_ns()
        self._offset_ns = self._told_ns - start * FRAME_NS
        self._arrivals: deque[int] = deque((start,), maxlen=_ARRIVALS)
        """Up to where everything had come, arrival by arrival."""
        self._ended = False

    def tell(self, posted: int) -> None:
        """Take note that everything before `posted` has come, the newest of it together."""
        present = host_ns()
        offset = self._offset_ns + ((present - self._told_ns) >> _DRIFT_SHIFT)
        found = present - posted * FRAME_NS
        self._offset_ns = found if found < offset or found > offset + _SLIP_NS else offset
        self._told_ns = present
        self._posted = posted
        self._arrivals.append(posted)

    def end(self) -> None:
        """Let time stand still at what was told last: the device is gone."""
        self._ended = True

    def now(self) -> int:
        """Return the timestamp of the present, at most one block beyond what has arrived."""
        posted = self._posted
        if self._ended:
            return posted
        passed = (host_ns() - self._offset_ns) // FRAME_NS
        now = max(min(passed, posted + self._block), posted, self._last)
        self._last = now
        return now

    def behind(self, due: int) -> int:
        """Return by how many frames a loop is behind that asks for `due` now, as far as it can help it.

        What counts is what has arrived since. Of what came together with what it asks for, since the network
        had held it up, no more than a usual delay counts.
        """
        posted = self._posted
        if posted <= due:
            return posted - due
        arrivals = list(self._arrivals)
        at = bisect_left(arrivals, due)
        if at >= len(arrivals) - 1:
            return 0  # It came with the last of all.
        return posted - max(due, arrivals[at] - max(self._block, _ONCE))

    def due_ns(self, frame: int) -> int:
        """Return the `perf_counter_ns` at which the frames before `frame` exist on the device."""
        pong, best = self._link.pong, self._link.exchanges.best
        if pong is None or best is None:
            return self._offset_ns + frame * FRAME_NS
        return pong.frame_ns - best.ahead_ns + (frame - pong.frame) * FRAME_NS

    def at_device(self) -> int:
        """Return up to where frames should exist on the device by now; most of them have arrived."""
        return (host_ns() - self.due_ns(0)) // FRAME_NS

    def error_ns(self) -> int:
        """Return by how much `due_ns` of a present frame may be wrong.

        Half of the shortest round trip, what clocks may have drifted since, and the server's own.
        """
        pong, best, now = self._link.pong, self._link.exchanges.best, host_ns()
        if pong is None or best is None or pong.error_ns < 0:
            # As late as what has come may have been: nobody knows how long it was on its way.
            return FRAME_NS + (best.error_at(now) * 2 if best is not None else _SLIP_NS)
        since = max(0, now + best.ahead_ns - pong.went_ns) >> _DRIFT_SHIFT
        return best.error_at(now) + max(pong.error_ns, FRAME_NS) + since

    def seconds_until(self, frame: int) -> float:
        """Return how long it takes until the frames before `frame` exist; negative when they do."""
        return (self.due_ns(min(frame, NEVER)) - host_ns()) * 1e-9
