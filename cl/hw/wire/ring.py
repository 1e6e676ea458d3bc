"""The rings of frames and of events, from the side that reads and from the side that writes.

Order of stores (PROTOCOL.md, section 5): RESERVED first, then the records, then PRODUCED. A reader
copies, and then looks at RESERVED again: what the writer may meanwhile have touched does not count.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from cl.error import DeviceDisconnectedError, LaggedError

from .layout import CAPACITY_LIMIT, EVENT_BYTES, PAGE, RECORD_LIMIT, U64, RingWord, ring_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from .memory import Region

    Row = TypeVar("Row", bound=np.generic)

_RESERVED: Final = int(RingWord.RESERVED)
_PRODUCED: Final = int(RingWord.PRODUCED)


class Events(NamedTuple):
    """Events in timestamp order, and how many before them were overwritten before they could be read."""

    timestamps: Sequence[int]
    channels: Sequence[int]
    lost: int


_NO_EVENTS: Final = Events((), (), 0)


def ring_capacity(region: Region, record_bytes: int) -> int:
    """Return how many records a ring has, after checking its header against the region's size.

    Raises ValueError where the header does not fit.
    """
    stated, capacity = region.words[RingWord.RECORD_BYTES], region.words[RingWord.CAPACITY]
    if stated != record_bytes or not 0 < record_bytes <= RECORD_LIMIT:
        raise ValueError(f"a ring has records of {stated} bytes where {record_bytes} were expected")
    if not 0 < capacity <= CAPACITY_LIMIT or capacity & (capacity - 1):
        raise ValueError(f"a ring has {capacity} records, which is no power of two up to {CAPACITY_LIMIT}")
    if region.size < ring_bytes(record_bytes, capacity):
        raise ValueError(f"a ring of {capacity} records does not fit into {region.size} bytes")
    return capacity


def circular_copy(rows: NDArray[Row], first: int, count: int) -> NDArray[Row]:
    """Return a copy of the records [first, first + count) of a ring, one a row; its capacity at most."""
    import numpy as np

    capacity = len(rows)
    low = first & (capacity - 1)
    high = low + count
    if high <= capacity:
        return rows[low:high].copy()
    return np.concatenate((rows[low:], rows[: high - capacity]))


def write_ring_header(region: Region, record_bytes: int, capacity: int, first: int = 0) -> None:
    """Make a ring out of a new region; `first` is what its counters start from."""
    region.words[RingWord.RECORD_BYTES] = record_bytes
    region.words[RingWord.CAPACITY] = capacity
    region.words[_RESERVED] = first
    region.words[_PRODUCED] = first


class FrameReader:
    """The frames of a device, by timestamp. Any number of threads may read; nothing is consumed."""

    __slots__ = ("_data", "_words", "capacity", "first")

    def __init__(self, region: Region, channel_count: int, first_frame: int) -> None:
        """Look into a mapped ring; `first_frame` is the oldest timestamp the device ever posted."""
        self.capacity = ring_capacity(region, 2 * channel_count)
        self.first = first_frame
        self._words = region.words
        self._data: NDArray[np.int16] = region.array(  # type: ignore[assignment]
            "<i2", PAGE, self.capacity * channel_count
        ).reshape(self.capacity, channel_count)

    @property
    def posted(self) -> int:
        """The timestamp after the newest frame."""
        return self._words[_PRODUCED]

    @property
    def oldest(self) -> int:
        """The oldest timestamp that can still be read, for the moment."""
        return max(self.first, self._words[_RESERVED] - self.capacity)

    def read(self, start: int, stop: int, known: int = 0) -> NDArray[np.int16]:
        """Return a copy of the frames of [start, stop): int16 (stop - start, channels).

        The frames must have been posted, else ValueError; those before `known` were, whatever has become
        of the counter. Raises LaggedError with the exact number of
        frames in `.missed` where the first of them have been overwritten, also while they were copied.
        """
        posted = max(self._words[_PRODUCED], known)
        if not self.first <= start <= stop <= posted:
            raise ValueError(f"frames [{start}, {stop}) were asked for, and [{self.first}, {posted}) exist")
        self._check(start, stop)
        frames = self._copy(start, stop)
        self._check(start, stop)
        return frames

    def _copy(self, start: int, stop: int) -> NDArray[np.int16]:
        return circular_copy(self._data, start, stop - start)

    def _check(self, start: int, stop: int) -> None:
        oldest = max(self._words[_RESERVED], stop) - self.capacity
        if start < oldest:
            missed = min(stop, oldest) - start
            raise LaggedError(
                f"{missed} frames from {start} on were overwritten; the oldest readable is {oldest}",
                missed,
            )

    def close(self) -> None:
        """Let go of the mapping."""
        del self._data


class FrameWriter:
    """The device's side of the frame ring."""

    __slots__ = ("_data", "_words", "capacity")

    def __init__(self, region: Region, channel_count: int, capacity: int, first_frame: int) -> None:
        write_ring_header(region, 2 * channel_count, capacity, first_frame)
        self.capacity = capacity
        self._words = region.words
        self._data: NDArray[np.int16] = region.array(  # type: ignore[assignment]
            "<i2", PAGE, capacity * channel_count
        ).reshape(capacity, channel_count)

    @property
    def posted(self) -> int:
        """The timestamp after the newest frame posted."""
        return self._words[_PRODUCED]

    def write(self, start: int, frames: NDArray[np.int16]) -> None:
        """Put frames where they belong, without posting them: int16 (n, channels), n up to the capacity."""
        capacity = self.capacity
        stop = start + len(frames)
        if stop > self._words[_RESERVED]:
            self._words[_RESERVED] = stop
        low = start & (capacity - 1)
        head = min(len(frames), capacity - low)
        self._data[low : low + head] = frames[:head]
        if head < len(frames):
            self._data[: len(frames) - head] = frames[head:]

    def post(self, stop: int) -> None:
        """Let readers have everything before `stop`."""
        if stop > self._words[_RESERVED]:
            self._words[_RESERVED] = stop
        self._words[_PRODUCED] = stop

    def post_bad(self, value: int) -> None:
        """Write a counter that makes no sense, to see what a driver does."""
        self._words[_PRODUCED] = value & U64

    def close(self) -> None:
        """Let go of the mapping."""
        del self._data


class EventReader:
    """The spikes or stims of a device, taken in order from a starting point on. For one thread at a time."""

    __slots__ = (
        "_channels",
        "_cursor",
        "_floor",
        "_limit",
        "_lost",
        "_rows",
        "_times",
        "_words",
        "_wrong",
        "capacity",
        "what",
    )

    def __init__(self, region: Region, channel_count: int, what: str) -> None:
        """Look into a mapped ring of `what` ("spikes"), on channels below `channel_count`."""
        self.capacity = ring_capacity(region, EVENT_BYTES)
        self.what = what
        self._words = region.words
        self._rows: NDArray[np.int64] = region.array(  # type: ignore[assignment]
            "<i8", PAGE, 2 * self.capacity
        ).reshape(self.capacity, 2)
        self._limit = channel_count
        self._cursor = self._words[_PRODUCED]
        self._lost = 0
        self._floor = 0
        self._times: list[int] = []
        self._channels: list[int] = []
        self._wrong: str | None = None

    def seek(self, timestamp: int) -> None:
        """Go to the first event at or after `timestamp` that the ring still holds."""
        import numpy as np

        self._times, self._channels, self._lost, self._floor, self._wrong = [], [], 0, timestamp, None
        self._cursor = max(0, self._words[_RESERVED] - self.capacity)
        first, rows = self._fetch()
        at = int(np.searchsorted(rows[:, 0], timestamp))
        self._cursor, self._lost = first + at, 0

    def take(self, stop: int) -> Events:
        """Return the events before timestamp `stop` that have not been taken yet.

        Costs next to nothing when there are none. Raises DeviceDisconnectedError where the device posted
        what cannot be: timestamps out of order or before a `stop` of earlier, or channels that it does
        not have.
        """
        if self._words[_PRODUCED] != self._cursor:
            self._look()
        self._floor = stop
        if not self._times and not self._lost:
            return _NO_EVENTS
        count = bisect_left(self._times, stop)
        if not count and not self._lost:
            return _NO_EVENTS
        taken = Events(self._times[:count], self._channels[:count], self._lost)
        del self._times[:count], self._channels[:count]
        self._lost = 0
        return taken

    def _look(self) -> None:
        """Pull what was posted. What cannot be is found by each look, until the link has ended."""
        if self._wrong is not None:
            raise DeviceDisconnectedError(self._wrong)
        try:
            self._pull()
        except DeviceDisconnectedError as error:
            self._wrong, self._cursor = str(error), -1
            raise

    def _pull(self) -> None:
        """Move what was posted from the ring to the pending lists."""
        before = self._cursor
        first, rows = self._fetch()
        self._lost += first - before
        if not len(rows):
            return
        times, channels = rows[:, 0], rows[:, 1]
        floor = max(self._floor, self._times[-1]) if self._times else self._floor
        if int(times[0]) < floor or (times[1:] < times[:-1]).any():
            raise DeviceDisconnectedError(
                f"the device posted {self.what} late or out of order: {times.tolist()[:8]} after {floor}"
            )
        if int(channels.min()) < 0 or int(channels.max()) >= self._limit:
            bad = next(c for c in channels.tolist() if not 0 <= c < self._limit)
            raise DeviceDisconnectedError(
                f"the device posted {self.what} on channel {bad}, and it has {self._limit}"
            )
        self._times += times.tolist()
        self._channels += channels.tolist()

    def _fetch(self) -> tuple[int, NDArray[np.int64]]:
        """Copy the records from the cursor on; return the index of the first that was not overwritten."""
        words, capacity = self._words, self.capacity
        produced = words[_PRODUCED]
        if produced < self._cursor:
            raise DeviceDisconnectedError(
                f"the device's count of {self.what} went back from {self._cursor} to {produced}"
            )
        first = max(self._cursor, words[_RESERVED] - capacity)
        count = max(0, produced - first)
        if count > capacity:
            raise DeviceDisconnectedError(f"the device reserves fewer {self.what} than it posted, {produced}")
        rows = circular_copy(self._rows, first, count)
        safe = min(max(first, words[_RESERVED] - capacity), produced)
        self._cursor = produced
        return safe, rows[safe - first :]

    def close(self) -> None:
        """Let go of the mapping."""
        del self._rows


class EventWriter:
    """The device's side of a ring of spikes or stims."""

    __slots__ = ("_rows", "_words", "capacity")

    def __init__(self, region: Region, capacity: int) -> None:
        write_ring_header(region, EVENT_BYTES, capacity)
        self.capacity = capacity
        self._words = region.words
        self._rows: NDArray[np.int64] = region.array(  # type: ignore[assignment]
            "<i8", PAGE, 2 * capacity
        ).reshape(capacity, 2)

    def reserve(self, count: int) -> None:
        """Let readers know that as many events are about to be posted."""
        self._words[_RESERVED] = self._words[_PRODUCED] + count

    def post(self, timestamps: Sequence[int], channels: Sequence[int]) -> None:
        """Post events, which must not be older than those before them."""
        words, rows, mask = self._words, self._rows, self.capacity - 1
        at = words[_PRODUCED]
        self.reserve(len(timestamps))
        for timestamp, channel in zip(timestamps, channels, strict=True):
            row = rows[at & mask]
            row[0], row[1] = timestamp, channel
            at += 1
        words[_PRODUCED] = at

    def close(self) -> None:
        """Let go of the mapping."""
        del self._rows
