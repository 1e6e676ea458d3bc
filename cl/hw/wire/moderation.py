"""How many frames are to go by between two interrupts, so that loops are woken when their ticks are due."""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING, Final

from .layout import Register

if TYPE_CHECKING:
    from collections.abc import Sequence

FASTEST: Final = 5
"""The fewest frames between interrupts that are asked for: 200 µs. More often costs more than it gives."""
LONGEST: Final = 25_000
"""The most frames that a device may let go by from one interrupt to the next."""
_MODERATION: Final = int(Register.MODERATION)


def stated_moderation(registers: memoryview[int]) -> int:
    """Return how many frames go by between two interrupts, or what is nearest to that of what can be."""
    return max(1, min(registers[_MODERATION], LONGEST))


def fitting_moderation(periods: Sequence[int], usual: int) -> int:
    """Return the frames between interrupts for loops whose ticks are so many frames long, one at least.

    At best every tick ends with a block: a divisor of all periods, up to `usual`. Fast loops that have
    none of at least FASTEST take several ticks out of one block; slow ones are late by up to one
    block of the usual length, which is little to them.
    """
    common = gcd(*periods)
    for frames in range(min(common, usual), FASTEST - 1, -1):
        if common % frames == 0:
            return frames
    if min(periods) > usual:
        return usual
    return common * -(-FASTEST // common)
