"""What a loop's statistics show in a notebook: a histogram of how late its ticks were."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from cl._values import svg
from cl._values.html import face, number

_WIDTH: Final = 440
_HEIGHT: Final = 140
_LEFT: Final = 44
_RIGHT: Final = 12
_TOP: Final = 24
_BOTTOM: Final = _HEIGHT - 20
_PER_OCTAVE: Final = 4
"""Bars to a power of two."""
_GAP: Final = 2
"""Slots between the bar of punctual ticks and the others."""


def shown(summary: str, buckets: Sequence[tuple[float, int]], marks: Mapping[str, float]) -> str:
    """Return the HTML of buckets, each its upper edge in µs and how many ticks were in it; `marks` in µs.

    Both axes are logarithmic, so that a single late tick is seen among a million.
    """
    if not any(edge > 0 for edge, _ in buckets):
        return face("LoopStatistics", summary, {})
    return face("LoopStatistics", summary, {}, _Histogram(buckets).picture(summary, marks))


class _Histogram:
    def __init__(self, buckets: Sequence[tuple[float, int]]) -> None:
        self._counts: Counter[int] = Counter()
        for edge, count in buckets:
            if edge > 0:
                self._counts[_slot(edge)] += count
        self._low = min(self._counts)
        self._first, self._last = self._low - 1, max(self._counts) + 1
        punctual = sum(count for edge, count in buckets if edge <= 0)
        if punctual:
            # To the left of all others, where a logarithmic axis has no zero.
            self._first -= _GAP
            self._counts[self._first] = punctual
        self._punctual = punctual
        self._step = (_WIDTH - _LEFT - _RIGHT) / (self._last - self._first + 1)
        self._tallest = math.log10(max(self._counts.values())) + 0.3

    def picture(self, summary: str, marks: Mapping[str, float]) -> str:
        boxes = [
            (self._x(slot) + 0.5, self._y(count), max(self._step - 1, 0.5), _BOTTOM - self._y(count))
            for slot, count in sorted(self._counts.items())
        ]
        axis = svg.rule(_LEFT, _BOTTOM, _WIDTH - _RIGHT, _BOTTOM)
        shapes = [svg.bars(boxes), axis, *self._times(), *self._scale(), *self._marks(marks)]
        return svg.picture(_WIDTH, _HEIGHT, summary, shapes)

    def _x(self, slot: float) -> float:
        return _LEFT + self._step * (slot - self._first)

    def _y(self, count: int) -> float:
        return _BOTTOM - (math.log10(count) + 0.3) / self._tallest * (_BOTTOM - _TOP)

    def _times(self) -> Iterator[str]:
        if self._punctual:
            yield svg.label(self._x(self._first + 0.5), _HEIGHT - 6, "0", "middle", 0.7)
        for power in range(-3, 10):
            at = _place(10.0**power)
            if self._low - 0.5 <= at <= self._last + 1:
                yield svg.rule(self._x(at), _BOTTOM, self._x(at), _BOTTOM + 4)
                anchor = "end" if at > self._last - 1 else "middle"
                yield svg.label(self._x(at), _HEIGHT - 6, _time(10.0**power), anchor, 0.7)

    def _scale(self) -> Iterator[str]:
        top = math.floor(self._tallest - 0.3)
        for power in range(0, top + 1, 1 + top // 4):
            yield svg.label(_LEFT - 4, self._y(10**power) + 4, number(10**power), "end", 0.7)

    def _marks(self, marks: Mapping[str, float]) -> Iterator[str]:
        right = 0.0
        for name, us in marks.items():
            if us <= 0:
                continue
            x = self._x(min(max(_place(us), self._low - 0.5), self._last + 1))
            yield svg.line([(x, _TOP - 4), (x, _BOTTOM)], svg.ACCENT, 1)
            # What would lie on the label before it has the line alone.
            if x - 12 >= right:
                yield svg.label(x, _TOP - 8, name, "middle")
                right = x + 5 * len(name)


def _place(us: float) -> float:
    return math.log2(us) * _PER_OCTAVE


def _slot(us: float) -> int:
    return math.floor(_place(us))


def _time(us: float) -> str:
    if us >= 1e6:
        return f"{us / 1e6:g} s"
    if us >= 1000:
        return f"{us / 1000:g} ms"
    return f"{us:g} µs" if us >= 1 else f"{us * 1000:g} ns"
