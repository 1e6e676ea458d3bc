"""How late a loop's ticks began, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

_SUB = 3
"""Each power of two is split into 2**_SUB buckets: a percentile is exact to 12.5 %."""
_BUCKETS = (64 - _SUB + 1) << _SUB


@dataclass(frozen=True, slots=True)
class LoopStatistics:
    """What a loop's lateness has been, in µs: how long after its due time each tick's body began.

    `count` is the number of ticks. A percentile is the upper edge of its bucket, at most 12.5 %
    too large; `max_us` is exact. In accelerated time a tick is late only where device time had
    gone beyond its due time.
    """

    count: int
    p50_us: float
    p99_us: float
    p999_us: float
    max_us: float
    buckets: tuple[tuple[float, int], ...] = field(default=(), repr=False, compare=False)
    """The histogram: upper edges in µs, ascending, and how many ticks were in each; 0 µs: not late."""

    def __str__(self) -> str:
        return (
            f"{self.count} ticks, lateness p50 {self.p50_us:.0f} µs, p99 {self.p99_us:.0f} µs, "
            f"p99.9 {self.p999_us:.0f} µs, max {self.max_us:.0f} µs"
        )

    def _repr_html_(self) -> str:
        from .lateness_picture import shown

        marks = {"p50": self.p50_us, "p99": self.p99_us, "p99.9": self.p999_us, "max": self.max_us}
        return shown(str(self), self.buckets, marks)


class Lateness:
    """A histogram of lateness with logarithmic buckets (after G. Tene's HdrHistogram)."""

    __slots__ = ("_buckets", "_max", "punctual")

    def __init__(self) -> None:
        self._buckets: list[int] = []
        """Made for the first late tick: they are 4 kB, and loops may be many."""
        self._max = 0
        self.punctual = 0
        """Ticks that were not late at all; counted apart, since they need no bucket."""

    def add(self, ns: int) -> None:
        """Count one tick that began `ns` nanoseconds after its due time."""
        if ns <= 0:
            self.punctual += 1
            return
        if not self._buckets:
            self._buckets = [0] * _BUCKETS
        if ns > self._max:
            self._max = ns
        if ns < 8:
            self._buckets[ns] += 1
            return
        shift = ns.bit_length() - 4
        self._buckets[(shift << 3) + (ns >> shift)] += 1

    def statistics(self) -> LoopStatistics:
        """Return the figures of what has been counted so far."""
        count = self.punctual + sum(self._buckets)
        return LoopStatistics(
            count,
            self._percentile(count, 0.5) / 1000,
            self._percentile(count, 0.99) / 1000,
            self._percentile(count, 0.999) / 1000,
            self._max / 1000,
            tuple(self._filled()),
        )

    def _filled(self) -> Iterator[tuple[float, int]]:
        if self.punctual:
            yield 0.0, self.punctual
        for index, inside in enumerate(self._buckets):
            if inside:
                yield min(_upper_edge(index), self._max) / 1000, inside

    def _percentile(self, count: int, fraction: float) -> int:
        needed = count * fraction
        seen = self.punctual
        if seen >= needed:
            return 0
        for index, inside in enumerate(self._buckets):
            seen += inside
            if seen >= needed:
                return min(_upper_edge(index), self._max)
        return self._max


def _upper_edge(index: int) -> int:
    if index < 16:
        return index
    shift = (index >> 3) - 1
    return ((index - (shift << 3) + 1) << shift) - 1
