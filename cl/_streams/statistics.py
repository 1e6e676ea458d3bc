"""What a stream tells about itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StreamStatistics:
    """How a stream is doing; frames streams count frames, the others events."""

    delivered: int
    """What the consumer has been given."""
    missed: int
    """What it was too slow for, summed over its `LaggedError`; always 0 in accelerated time."""
    backlog: int
    """What is in the history and not yet taken (on whatever channel)."""
    timestamp: int
    """Up to where the consumer has been given everything."""
