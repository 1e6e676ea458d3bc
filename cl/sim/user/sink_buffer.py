"""What a live source has emitted and the device has not read for good."""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .data_source import DataSourceSpike


class SinkBuffer:
    """Frames in order and spikes in any; used under the sink's lock.

    What was read stays until a later window is: one whose reader was interrupted is asked for again.
    """

    def __init__(self) -> None:
        self._blocks: deque[tuple[int, NDArray[np.int16]]] = deque()
        """Frames and their first timestamps."""
        self._spikes: list[tuple[int, int, int, DataSourceSpike]] = []
        self._seen = 0
        """How many of the spikes are of the last window."""
        self.number = 0
        """How many spikes were taken in."""
        self.dropped = 0
        """How many came after their frames had been read."""

    @property
    def unread_spikes(self) -> int:
        """How many spikes have not been read."""
        return len(self._spikes) - self._seen

    def spikes_end(self) -> int:
        """Return the frame behind the last spike that is here; 0 without."""
        return max(self._spikes)[0] + 1 if self._spikes else 0

    def forget(self, start: int) -> None:
        """Drop what lies before `start`. Again: the same."""
        blocks, spikes = self._blocks, self._spikes
        while blocks and blocks[0][0] + len(blocks[0][1]) <= start:
            blocks.popleft()
        self._seen = 0
        while spikes and spikes[0][0] < start:
            heappop(spikes)

    def copy_frames(self, start: int, out: NDArray[np.int16]) -> None:
        """Copy the frames from `start` on, as far as they are here."""
        stop = start + len(out)
        for first, block in self._blocks:
            low, high = max(first, start), min(first + len(block), stop)
            if low < high:
                out[low - start : high - start] = block[low - first : high - first]
            if high >= stop:
                break

    def copy_spikes(self, start: int, stop: int, out: list[DataSourceSpike]) -> None:
        """Add the spikes of [start, stop) to `out`, in order."""
        found = sorted(entry for entry in self._spikes if start <= entry[0] < stop)
        out += [spike for _, _, _, spike in found]
        self._seen += len(found)

    def put_frames(self, first: int, frames: NDArray[np.int16]) -> None:
        """Take in the frames that follow."""
        self._blocks.append((first, frames))

    def put_spikes(self, spikes: list[DataSourceSpike], given: int, stop: int, read: int) -> int:
        """Take in the spikes before `stop` from the `given`-th on, and return how many those were.

        Those before `read` are dropped.
        """
        first = given
        while given < len(spikes) and spikes[given].timestamp < stop:
            spike = spikes[given]
            given += 1
            if spike.timestamp < read:
                self.dropped += 1
                continue
            self.number += 1
            heappush(self._spikes, (spike.timestamp, spike.channel, self.number, spike))
        return given - first
