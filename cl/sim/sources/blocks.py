"""Blocks of data that were made a moment ago and will be asked for again in small pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

BLOCK: Final = 2_500
"""Frames that are made together: few enough for the processor's cache, enough for numpy to be fast."""

T = TypeVar("T")


class RecentBlocks(Generic[T]):
    """The last few blocks, by number. The oldest makes room for the newest.

    Looking up takes no lock and keeps no order of use: a reader that stays behind loses a block only
    after `limit` newer ones were made, and making it again makes it the newest. All methods may be called
    from any thread.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._blocks: dict[int, T] = {}
        self.get: Callable[[int], T | None] = self._blocks.get

    def put(self, number: int, block: T) -> None:
        """Keep a block. Two threads may keep the same one: the data agree, so either will do."""
        self._blocks[number] = block
        while len(self._blocks) > self._limit:
            try:
                self._blocks.pop(next(iter(self._blocks)), None)
            except (StopIteration, RuntimeError):  # Another thread took it, or put one in meanwhile.
                continue

    def clear(self) -> None:
        """Forget all blocks."""
        self._blocks.clear()


class FrameBlocks:
    """Frames in blocks: block k holds the frames [k * 2500, (k + 1) * 2500), the last one perhaps fewer.

    `fill(number, out)` makes a block: it writes all of `out`, int16 (frames, 64). With a `period` the
    frames repeat after so many. Any window may be asked for, by any thread; small windows one after the
    other are cheap.
    """

    def __init__(
        self, fill: Callable[[int, NDArray[np.int16]], None], period: int | None = None, keep: int = 8
    ) -> None:
        self._fill = fill
        self._period = period
        self._recent: RecentBlocks[NDArray[np.int16]] = RecentBlocks(keep)
        self._get = self._recent.get

    def window(self, first: int, stop: int) -> NDArray[np.int16]:
        """Return the frames [first, stop): int16 (stop - first, 64), owned by the caller."""
        position = first if self._period is None else first % self._period
        number, low = divmod(position, BLOCK)
        high = low + stop - first
        block = self._get(number)
        if block is not None and low <= high <= len(block):
            return block[low:high].copy()
        if high < low:
            raise ValueError(f"frames from {first} to {stop}: the stop is before the start")
        return self._collect(position, high - low)

    def clear(self) -> None:
        """Forget all blocks."""
        self._recent.clear()

    def _collect(self, position: int, count: int) -> NDArray[np.int16]:
        out = np.empty((count, 64), np.int16)
        done = 0
        while done < count:
            number, low = divmod(position, BLOCK)
            size = self._size(number)
            take = min(size - low, count - done)
            if take == size:
                self._fill(number, out[done : done + take])
            else:
                out[done : done + take] = self._block(number, size)[low : low + take]
            done += take
            position += take
            if position == self._period:
                position = 0
        return out

    def _size(self, number: int) -> int:
        return BLOCK if self._period is None else min(BLOCK, self._period - number * BLOCK)

    def _block(self, number: int, size: int) -> NDArray[np.int16]:
        block = self._get(number)
        if block is None:
            block = np.empty((size, 64), np.int16)
            self._fill(number, block)
            self._recent.put(number, block)
        return block
