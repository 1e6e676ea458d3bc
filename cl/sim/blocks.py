"""Blocks of data that were made a moment ago and will be asked for again in small pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

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


def copy_window(
    first: int,
    count: int,
    size: int,
    block_at: Callable[[int], NDArray[np.int16]],
    fill: Callable[[int, NDArray[np.int16]], object],
) -> NDArray[np.int16]:
    """Return `count` frames from frame `first` on, put together from blocks of `size` frames.

    Blocks that lie in the window as a whole are made in place by `fill(number, out)`, parts of
    blocks are copied from `block_at(number)`.
    """
    out = np.empty((count, 64), np.int16)
    done = 0
    while done < count:
        number, low = divmod(first + done, size)
        take = min(size - low, count - done)
        if take == size:
            fill(number, out[done : done + size])
        else:
            out[done : done + take] = block_at(number)[low : low + take]
        done += take
    return out
