"""The bounded history: event logs with absolute indices, and a ring of frames."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Generic, TypeVar

from cl._values.constants import CHANNEL_COUNT, HISTORY_FRAMES, NEVER, SPARE_FRAMES
from cl.error import DeviceDisconnectedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")

_BEYOND_FRAMES = SPARE_FRAMES + 8_192
"""Also what is asked of a source ahead of time must not push out what is still to be written."""


class EventLog(Generic[T]):
    """Events in timestamp order, each under an absolute index that never changes.

    `times` and `items` are parallel; `first` is the absolute index of their first entry. Old
    entries are dropped by `trim`; a cursor is an absolute index, so it survives that.

    Only `window` and `look` may be called without the engine's lock: it looks at a pair of lists that belong
    together, to which events are added item first, and which are replaced, not cut, when trimmed.
    """

    __slots__ = ("_pair", "_trimmed", "first", "items", "times")

    def __init__(self) -> None:
        self.first = 0
        self.times: list[int] = []
        self.items: list[T] = []
        self._pair = self.times, self.items
        self._trimmed: tuple[list[int], list[T], int] | None = None

    @property
    def end(self) -> int:
        """The absolute index that the next event gets."""
        return self.first + len(self.times)

    def append(self, timestamp: int, item: T) -> None:
        """Add one event, not earlier than the last one."""
        self.heal()
        self.items.append(item)
        self.times.append(timestamp)

    def extend(self, timestamps: Iterable[int], items: Iterable[T]) -> None:
        """Add events in order."""
        self.heal()
        self.items.extend(items)
        self.times.extend(timestamps)

    def heal(self) -> None:
        """Undo or finish what an interruption (Ctrl-C) has left half done."""
        if self._trimmed is not None:
            self._put(*self._trimmed)
        if len(self.items) > len(self.times):
            del self.items[len(self.times) :]

    def cut(self, end: int) -> None:
        """Drop the events from the absolute index `end` on, which no consumer has been given."""
        self.heal()
        del self.times[max(end - self.first, 0) :]
        self.heal()

    def trim(self, before: int) -> None:
        """Drop what is older than `before`, once that is worth the move."""
        times = self.times
        if not times or times[0] >= before:
            return
        gone = bisect_left(times, before)
        if gone < 256 and gone * 2 < len(times):
            return
        self._trimmed = times[gone:], self.items[gone:], self.first + gone
        self._put(*self._trimmed)

    def _put(self, times: list[int], items: list[T], first: int) -> None:
        self.times, self.items, self.first = times, items, first
        self._pair = times, items
        self._trimmed = None

    def index(self, timestamp: int) -> int:
        """Return the absolute index of the first event at or after `timestamp`."""
        return self.first + bisect_left(self.times, timestamp)

    def look(self, start: int, stop: int) -> tuple[list[T], int]:
        """Return the events of [start, stop), and the time of the first one behind: NEVER without one."""
        times, items = self._pair
        count = len(times)
        if not count or times[-1] < start:
            return [], NEVER
        low = bisect_left(times, start)
        high = bisect_left(times, stop, low)
        return items[low:high], times[high] if high < count else NEVER

    def window(self, start: int, stop: int) -> list[T]:
        """Return the events of [start, stop)."""
        times, items = self._pair
        low = bisect_left(times, start)
        return items[low : bisect_left(times, stop, low)]


class FrameRing:
    """The last frames of a streamed source, by timestamp."""

    __slots__ = ("_data", "end", "start")

    def __init__(self, start: int, channel_count: int = CHANNEL_COUNT) -> None:
        import numpy as np

        self._data = np.empty((HISTORY_FRAMES + _BEYOND_FRAMES, channel_count), np.int16)
        # Touched now: the system gives memory in pieces of 2 MB, and may take milliseconds for each.
        self._data[...] = 0
        self.start = start
        """The oldest timestamp that was held since it has its size."""
        self.end = start
        """The timestamp after the newest frame."""

    @property
    def oldest(self) -> int:
        """The oldest timestamp that is still held."""
        return max(self.start, self.end - len(self._data))

    def append(self, frames: NDArray[np.int16]) -> None:
        """Add the frames that follow, int16 (n, channels)."""
        size = len(self._data)
        skipped = max(0, len(frames) - size)
        self.end += skipped
        rest = frames[skipped:]
        while len(rest):
            at = self.end % size
            part = rest[: size - at]
            self._data[at : at + len(part)] = part
            self.end += len(part)
            rest = rest[len(part) :]

    def read(self, start: int, stop: int) -> NDArray[np.int16]:
        """Return a copy of the frames of [start, stop), which must be held."""
        import numpy as np

        data = self._data
        if not len(data):
            raise DeviceDisconnectedError("the device was closed")
        if start < self.oldest or stop > self.end:
            raise ValueError(f"frames {start} to {stop} are not held: {self.oldest} to {self.end} are")
        low, high = start % len(data), stop % len(data)
        if stop - start >= len(data) or (high <= low and stop > start):
            found = np.concatenate((data[low:], data[:high]))
        else:
            found = data[low:high].copy()
        if start < self.end - len(data):
            # Another thread may have written over them meanwhile.
            raise ValueError(f"frames {start} to {stop} are no longer held: {self.oldest} to {self.end} are")
        return found

    def release(self) -> None:
        """Give the memory back: the device was closed, as reading says from now on.

        What is left of a device refers to itself, and lasts until Python's collector looks for such things.
        """
        self._data = self._data[:0].copy()

    def grow(self, frames: int) -> None:
        """Hold as many frames from now on, besides the spare and early ones; what is held stays."""
        data, size = self._data, frames + _BEYOND_FRAMES
        if size <= len(data) or not len(data):
            return
        import numpy as np

        self.start = self.oldest
        held = np.arange(self.start, self.end)
        grown = np.empty((size, data.shape[1]), np.int16)
        grown[held % size] = data[held % len(data)]
        self._data = grown
