"""The pulses of a channel, with the sums of what they did."""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

from cl._values.constants import NEVER


class Charge(NamedTuple):
    """What a pulse moves either way, and what it leaves behind, in units."""

    moved: int
    left: int


class Sums:
    """The pulses of a channel in the order of time, with the sums of what they did up to and with each.

    `pulses` are (step, moved, left); the first is none, and has the sums before. One list, so that an
    interruption finds a pulse whole or not at all. `low` is where a window began that was looked at.
    `unbalanced` is the step of the last one that left any charge behind.
    """

    __slots__ = ("low", "pulses", "unbalanced")

    def __init__(self, pulses: list[tuple[int, int, int]] | None = None, unbalanced: int = -NEVER) -> None:
        self.pulses = pulses or [(-NEVER, 0, 0)]
        self.low = 1
        self.unbalanced = unbalanced

    def add(self, step: int, charge: Charge) -> None:
        """Add a pulse."""
        pulses = self.pulses
        _, moved, left = pulses[-1]
        if charge[1]:
            self.unbalanced = step
        pulses.append((step, moved + charge[0], left + charge[1]))

    def first_after(self, step: int) -> int:
        """Return the place of the first pulse after a step, soon where it is a little later each time."""
        pulses, low = self.pulses, self.low
        if pulses[low - 1][0] > step:
            low = bisect_left(pulses, (step + 1,))
        else:
            count = len(pulses)
            while low < count and pulses[low][0] <= step:
                low += 1
        self.low = low
        return low

    def since(self, step: int) -> Sums:
        """Return those after a step."""
        low = bisect_left(self.pulses, (step + 1,))
        return Sums([(-NEVER, *self.pulses[low - 1][1:]), *self.pulses[low:]], self.unbalanced)
