"""What the server is told about the program around the device."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from cl._core.lateness import LoopStatistics


class RunningRecording(Protocol):
    """What is told about a recording that is running."""

    file: Mapping[str, Any]
    start_timestamp: int


class RunningLoop(Protocol):
    """What is told about a loop that is running."""

    frames_per_tick: int

    def statistics(self) -> LoopStatistics:
        """Return how late its ticks have been."""
        ...


@dataclass(frozen=True)
class Surroundings:
    """What a page shows that the engine does not know.

    The functions are called from the server's thread, about twice a second; they must be quick.
    """

    recordings: Callable[[], Sequence[RunningRecording]] = tuple
    """The recordings that are running."""
    loops: Callable[[], Sequence[RunningLoop]] = tuple
    """The loops that are running."""
    streams: Callable[[], Mapping[str, Mapping[str, Any]]] = dict
    """The data streams that were created, with their attributes."""
