"""Actions that are stimulation: nothing, or one design on one channel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from cl._stim.channels import ChannelSet
from cl._stim.designs import StimDesign
from cl._values.numbers import whole

if TYPE_CHECKING:
    from cl.neurons import Neurons

CHANNELS: Final = (9, 12, 15, 25, 28, 31, 41, 44, 47, 49, 52, 55)
"""Twelve electrodes, spread over the array."""


class Stimulation:
    """What actions stand for: 0 nothing, and then each channel with each design, designs changing first.

    A number x as a design is StimDesign(160, -x, 160, x), in µA.
    """

    def __init__(
        self, channels: Sequence[int] = CHANNELS, designs: Sequence[StimDesign | float] = (1.0,)
    ) -> None:
        self.channels = tuple(whole(channel, f"channels[{at}]", 0, 63) for at, channel in enumerate(channels))
        self.designs = tuple(designs)
        if not self.channels or not self.designs:
            raise ValueError("channels and designs must have one each, at least: there is nothing to do")
        if len({*self.channels}) < len(self.channels):
            raise ValueError(f"channels must be there once each, not {list(self.channels)}")
        self._acts = [(ChannelSet(c), _design(d)) for c in self.channels for d in self.designs]

    def __len__(self) -> int:
        return 1 + len(self._acts)

    def __call__(self, neurons: Neurons, action: int) -> None:
        """Do what an action stands for."""
        if action:
            neurons.stim(*self._acts[action - 1])


def _design(design: StimDesign | float) -> StimDesign:
    return design if isinstance(design, StimDesign) else StimDesign(160, -design, 160, design)
