"""The doses: which there are, and in which order they are given."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import cl

from .config import DoseResponseConfig


@dataclass(frozen=True)
class Dose:
    """A current on an electrode."""

    channel: int
    current_ua: float

    def design(self, width_us: int) -> cl.StimDesign:
        """Return its pulse: biphasic, negative first."""
        return cl.StimDesign(width_us, -self.current_ua, width_us, self.current_ua)


def doses(config: DoseResponseConfig) -> list[Dose]:
    """Return all doses, by channel and current, ascending."""
    return [Dose(*one) for one in product(sorted(config.channels), sorted(config.currents_ua))]


def sequence(config: DoseResponseConfig) -> Iterator[Dose]:
    """Yield the doses as they are given: in each repeat every one of them once, in a new random order."""
    rng = random.Random(config.seed)
    order = doses(config)
    for _ in range(config.repeats):
        rng.shuffle(order)
        yield from order
