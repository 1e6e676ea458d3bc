"""Streams of frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cl._values.constants import FRAMES_PER_SECOND
from cl._values.numbers import whole

from .statistics import StreamStatistics
from .stream import SLACK_FRAMES, Stream

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cl._core.engine import Engine

_MOST_FRAMES: Final = FRAMES_PER_SECOND
"""A block must fit into the history several times."""
_HEAVY_FRAMES: Final = 5_000
"""Frames that take longer to make than a task may keep its event loop from the others."""


class FrameStream(Stream["NDArray[np.int16]"]):
    """A stream of blocks of frames, int16 (frame_count, 64), each following the last without a gap.

    Each block is made when it is asked for, and is the consumer's own.
    """

    _noun = "frames"

    def __init__(self, engine: Engine, frame_count: int, from_timestamp: int | None) -> None:
        count = whole(frame_count, "frame_count", 1)
        if count > _MOST_FRAMES:
            raise ValueError(f"frame_count must be at most {_MOST_FRAMES}, not {count}")
        super().__init__(engine, f"a stream of {count} frames", count, from_timestamp)
        self._block = count
        self._at = 0
        self._participant.probe = self._probe
        self._participant.horizon = self._horizon

    @property
    def timestamp(self) -> int:
        """The timestamp of the first frame of the next block."""
        return self._at

    async def __anext__(self) -> NDArray[np.int16]:
        if not await self._next(1):
            raise StopAsyncIteration
        self._iterating = True
        try:
            frames = await self._frames(self._at, self._at + self._block)
        finally:
            self._iterating = False
        self._at += self._block
        self._delivered += self._block
        return frames

    def statistics(self) -> StreamStatistics:
        """Return how many frames were delivered and missed, and how many are waiting."""
        backlog = max(self._engine.position - self._at, 0)
        return StreamStatistics(self._delivered, self._missed, backlog, self._at)

    async def _frames(self, start: int, stop: int) -> NDArray[np.int16]:
        frames = self._engine.device.acquisition.frames
        if self._block <= _HEAVY_FRAMES:
            return frames(start, stop)
        from cl._values.offload import in_thread

        return await in_thread(frames, start, stop)

    def _begin(self, start: int) -> None:
        self._at = start

    def _collect(self, limit: int | None) -> list[Any]:
        self._engine.check()
        return [self._at] if self._at + self._block <= self._engine.position else []

    def _drop_lost(self, oldest: int) -> int:
        if self._at >= self._engine.oldest:
            return 0
        lost, self._at = oldest - self._at, oldest
        return lost

    def _count(self, found: list[Any]) -> int:
        return 0

    def _probe(self) -> int:
        due = self._participant.due = self._at + self._block
        return due

    def _horizon(self) -> int:
        """Return up to where time may go without loss while nobody takes anything. Locked."""
        return self._at + self._engine.history_frames - SLACK_FRAMES
