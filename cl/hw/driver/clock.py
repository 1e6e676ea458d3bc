"""Device time between two interrupts, as the host's clock tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cl._core.host_clock import host_ns
from cl._values.constants import FRAME_NS, NEVER

from .reader import LONGEST_JUMP

if TYPE_CHECKING:
    from .link import Link

_DRIFT_SHIFT: Final = 12
"""The device's clock may lose 2^-12 against the host's, 244 ppm: more than two bad crystals."""
_LATER_SHIFT: Final = 7
"""Where all interrupts begin to come later, so much of the time since is taken for lateness: 1/128."""
_SLIP_NS: Final = 50_000_000
"""A device that is so late has stood still: time goes on from where it is."""


class HardwareClock:
    """The time of a device that says where it is every now and then.

    An interrupt comes a little after the moment it tells of, sometimes much later, never before: the
    earliest ones say how the host's clock and the device's go together (the minimum filter of clock
    synchronisation). What is told is kept by `tell`, with the engine's lock held; all else may be
    called from any thread.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._posted = self._last = link.posted
        self._limit = self._posted
        self._told_ns = host_ns()
        self._offset_ns = self._told_ns - self._posted * FRAME_NS
        self._doubt_ns = self._noticed_after()
        """By how much the offset may be too large: what the earliest interrupt was late itself, and drift."""
        self._later_ns = 0
        """By how much it may be too small: all interrupts of late came so much later."""
        self._ended = False

    def tell(self, posted: int) -> None:
        """Take note that the frames before `posted` have just been found."""
        present = host_ns()
        passed = present - self._told_ns
        drift = passed >> _DRIFT_SHIFT
        offset = self._offset_ns + drift
        found = present - posted * FRAME_NS
        if found < offset or found > offset + _SLIP_NS:
            # Where it is later than ever, the device may have posted late rather than stood still.
            self._doubt_ns = self._noticed_after() + max(0, found - offset)
            offset = found
        else:
            # What the offset was let drift, and what it may have been wrong in doing so.
            self._doubt_ns += 2 * drift
        self._later_ns = min(found - offset, self._later_ns + (passed >> _LATER_SHIFT))
        self._offset_ns = offset
        self._told_ns = present
        self._posted = posted
        self._limit = max(self._limit, posted + self._link.moderation)

    def _noticed_after(self) -> int:
        """Return how long ago the device raised the interrupt that is being told of, or longer."""
        age = self._link.interrupt_age_ns()
        # Below 0: it has raised another since, or its clock is not this host's.
        return age if age >= 0 else self._link.moderation * FRAME_NS

    def error_ns(self) -> int:
        """Return by how much `due_ns` of a present frame may be wrong.

        A frame's moment is taken to be when its block is posted at best: what a device always takes for that
        nobody can see from here.
        """
        since = 2 * ((host_ns() - self._told_ns) >> _DRIFT_SHIFT)
        return FRAME_NS + self._doubt_ns + self._later_ns + since

    def end(self) -> None:
        """Let time stand still at what was told last: the device is gone."""
        self._ended = True

    def now(self) -> int:
        """Return the timestamp of the present, at most one block beyond what has been posted."""
        posted = self._posted
        if self._ended:
            return posted
        now = max(min((host_ns() - self._offset_ns) // FRAME_NS, self._limit), posted, self._last)
        self._last = now
        return now

    def behind(self, due: int) -> int:
        """Return by how many frames a loop is behind that asks for `due` now, as far as it can help it.

        Data come in blocks: whoever takes what came in one block before the next has come is in time.
        What counts is what the device has posted, whether the reader thread has got round to it or not.
        """
        posted, told = self._link.posted, self._posted
        if posted != told and 0 < posted - told < LONGEST_JUMP:
            self._link.catch_up()
        else:
            posted = told
        behind = posted - due
        return behind if behind >= self._link.moderation else min(behind, 0)

    def due_ns(self, frame: int) -> int:
        """Return the `perf_counter_ns` at which the frames before `frame` exist on the device."""
        return self._offset_ns + frame * FRAME_NS

    def seconds_until(self, frame: int) -> float:
        """Return how long it takes until the frames before `frame` exist; negative when they do."""
        return (self.due_ns(min(frame, NEVER)) - host_ns()) * 1e-9
