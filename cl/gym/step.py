"""What happened in one step of an environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cl.events import Spike, Stim


@dataclass(slots=True)
class Step:
    """One step of a `CultureEnv`, for functions that observe, reward and end."""

    number: int
    """The step of the episode, from 1 on; 0 is what the reset observed."""
    action: Any
    """What the agent did; None at the reset."""
    start_timestamp: int
    stop_timestamp: int
    """The window [start, stop) of device time, in frames; the action is taken at its start."""
    spikes: list[Spike]
    stims: list[Stim]
    counts: NDArray[np.int32]
    """The spikes of each channel, int32 (64,): the observation, unless `encode` makes another."""
