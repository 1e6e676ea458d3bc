"""Measuring how long code takes, for loops that have a time budget."""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_told = True
"""Whether blocks print what they took."""


def benchmark_enable() -> None:
    """Let the blocks of all benchmarks print what they took, as they do from the start."""
    global _told
    _told = True


def benchmark_disable() -> None:
    """Let no block of a benchmark print; they measure all the same."""
    global _told
    _told = False


class Benchmark:
    """Measures code in wall-clock time: `with benchmark: ...`, once or, for statistics, many times.

    The end of a block prints "NAME: took 12.345 µs", if it took `report_threshold_us` or longer; `start` and
    `stop` print nothing. `print(benchmark)` gives the count, mean, median, 99th percentile and maximum. The
    clock returns nanoseconds.
    """

    def __init__(
        self,
        name: str | None = None,
        report_threshold_us: float = 0,
        *,
        clock: Callable[[], int] = perf_counter_ns,
    ) -> None:
        self.name = name or ""
        self._threshold_us = report_threshold_us
        self._clock = clock
        self._began: int | None = None
        self.durations_ns: list[int] = []
        """The durations measured so far, in nanoseconds, in order."""

    def start(self) -> None:
        """Begin to measure."""
        self._began = self._clock()

    def stop(self) -> float:
        """End what `start` began and return its duration in seconds; RuntimeError if it did not."""
        now = self._clock()
        if self._began is None:
            raise RuntimeError(f"{self.name or 'the benchmark'} was not started")
        self.durations_ns.append(now - self._began)
        self._began = None
        return self.durations_ns[-1] / 1e9

    def __enter__(self) -> Benchmark:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        took_us = self.durations_ns[-1] / 1000
        if _told and took_us >= self._threshold_us:
            print(f"{self.name or 'Benchmark'}: took {took_us:.3f} µs")

    @property
    def count(self) -> int:
        """How often was measured."""
        return len(self.durations_ns)

    @property
    def seconds(self) -> float:
        """The last duration in seconds; 0 if there is none."""
        return self.durations_ns[-1] / 1e9 if self.durations_ns else 0.0

    @property
    def total_seconds(self) -> float:
        """The sum of the durations in seconds."""
        return sum(self.durations_ns) / 1e9

    @property
    def mean_seconds(self) -> float:
        """The mean duration in seconds; 0 if there is none."""
        return self.total_seconds / self.count if self.count else 0.0

    @property
    def max_seconds(self) -> float:
        """The longest duration in seconds; 0 if there is none."""
        return max(self.durations_ns, default=0) / 1e9

    def quantile_seconds(self, fraction: float) -> float:
        """Return the duration that this fraction of all does not exceed, in seconds (0.99: p99)."""
        if not 0 <= fraction <= 1:
            raise ValueError(f"a quantile is of 0 to 1, not {fraction}")
        if not self.durations_ns:
            return 0.0
        ordered = sorted(self.durations_ns)
        return ordered[min(len(ordered) - 1, int(fraction * len(ordered)))] / 1e9

    def __str__(self) -> str:
        name = f"{self.name}: " if self.name else ""
        if self.count == 1:
            return f"{name}{_readable(self.seconds)}"
        return (
            f"{name}{self.count} times, mean {_readable(self.mean_seconds)}, "
            f"median {_readable(self.quantile_seconds(0.5))}, p99 {_readable(self.quantile_seconds(0.99))}, "
            f"max {_readable(self.max_seconds)}"
        )


def _readable(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"
