"""Delivered pulses as the stims that are reported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .designs import StimDesign
    from .machine import Pulse


def reported(pulses: Sequence[Pulse]) -> tuple[list[int], list[int], list[StimDesign]]:
    """Return timestamps, channels and designs of pulses, sorted by timestamp and channel.

    Pulses come in the order of their steps: within a frame the later half may be a lower channel's.
    """
    stims = [(pulse.step >> 1, pulse.channel, pulse.design) for pulse in pulses]
    if len(stims) > 1:
        # A channel's next pulse is at least a notice later: no two stims are equal up to the design.
        stims.sort()
    return [stim[0] for stim in stims], [stim[1] for stim in stims], [stim[2] for stim in stims]
