"""What the server is told about the program around the device."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from cl._core.lateness import LoopStatistics


class RunningRecording(Protocol):
    """What is told about a recording that is running."""

    @property
    def file(self) -> Mapping[str, Any]:
        """Its `name`, at least."""
        ...

    @property
    def start_timestamp(self) -> int:
        """Its first frame."""
        ...


class RunningLoop(Protocol):
    """What is told about a loop that is running."""

    @property
    def frames_per_tick(self) -> int:
        """The frames that a tick covers."""
        ...

    def statistics(self) -> LoopStatistics:
        """Return how late its ticks have been."""
        ...


class Stream(Protocol):
    """What is told about a data stream."""

    @property
    def name(self) -> str:
        """The stream's name."""
        ...

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Its attributes as they stand."""
        ...


@dataclass(frozen=True)
class StatusProvider:
    """What a page shows that the engine does not know.

    The functions are called from the server's thread while a page is open, up to twenty times a
    second; they must be quick, and change nothing.
    """

    recordings: Callable[[], Iterable[RunningRecording]] = tuple
    """The recordings that are running."""
    loops: Callable[[], Iterable[RunningLoop]] = tuple
    """The loops that are running, the latest last."""
    streams: Callable[[], Iterable[Stream]] = tuple
    """The data streams that were created."""
    annotate: Callable[[str], object] | None = None
    """Puts a remark into what is recorded, for a page that has the token."""
