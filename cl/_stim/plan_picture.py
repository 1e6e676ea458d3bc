"""What a plan's preview shows in a notebook: a timeline, one row a channel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from cl._values import svg
from cl._values.html import face

from .designs import STEP_US

_WIDTH: Final = 560
_LEFT: Final = 34
_RIGHT: Final = 12
_COLUMN: Final = 2.0
"""Pixels that a pulse takes at least."""
_ROOM: Final = int((_WIDTH - _LEFT - _RIGHT) / _COLUMN)
_AXIS: Final = 22
_PARTS: Final = 4

Train = tuple[int, int, int, int]
"""The step of the first pulse, how many there are, steps from one to the next, steps that each takes."""


def shown(summary: str, channels: Mapping[int, Sequence[Train]], end_step: int) -> str:
    """Return the HTML of a plan whose channels have these trains of pulses, over at `end_step`."""
    if not channels:
        return face("PlanPreview", summary, {})
    return face("PlanPreview", summary, {}, _timeline(summary, channels, max(end_step, 1)))


def _timeline(summary: str, channels: Mapping[int, Sequence[Train]], end_step: int) -> str:
    row = 14.0 if len(channels) <= 16 else 10.0
    bottom = row * len(channels) + 4
    boxes, shapes = [], []
    for index, (channel, trains) in enumerate(channels.items()):
        top = index * row + 4
        shapes.append(svg.label(_LEFT - 6, top + row - 4, channel, "end"))
        for first, stop in _runs(trains, end_step):
            boxes.append((_LEFT + _COLUMN * first, top, _COLUMN * (stop - first), row - 3))
    shapes.append(svg.bars(boxes, svg.ACCENT))
    shapes += _axis(bottom, end_step)
    return svg.picture(_WIDTH, bottom + _AXIS, summary, shapes)


def _runs(trains: Sequence[Train], end_step: int) -> Iterator[tuple[int, int]]:
    """Yield where the picture's columns have pulses, [first, stop): at most one run for two columns."""
    taken = bytearray(_ROOM + 1)
    for first, count, interval, length in trains:
        last = first + (count - 1) * interval
        if interval * _ROOM <= 2 * end_step:  # closer than can be told apart, and perhaps very many
            _take(taken, first, last + length, end_step)
            continue
        for step in range(first, last + 1, interval) if count > 1 else (first,):
            _take(taken, step, step + length, end_step)
    start = taken.find(1)
    while start >= 0:
        stop = taken.find(0, start)
        yield start, stop
        start = taken.find(1, stop)


def _take(taken: bytearray, start: int, stop: int, end_step: int) -> None:
    low = min(start * _ROOM // end_step, _ROOM - 1)
    high = min(max(-(-stop * _ROOM // end_step), low + 1), _ROOM)
    taken[low:high] = b"\1" * (high - low)


def _axis(y: float, end_step: int) -> Iterator[str]:
    right = _LEFT + _COLUMN * _ROOM
    yield svg.rule(_LEFT, y, right, y)
    seconds = end_step * STEP_US >= 5_000_000
    for part in range(_PARTS + 1):
        x = _LEFT + _COLUMN * _ROOM * part / _PARTS
        time = end_step * STEP_US * part / _PARTS / (1_000_000 if seconds else 1000)
        unit = (" s" if seconds else " ms") if part == _PARTS else ""
        yield svg.rule(x, y, x, y + 3)
        anchor = "end" if part == _PARTS else "start" if part == 0 else "middle"
        yield svg.label(x, y + 14, f"{time:.4g}{unit}", anchor, 0.7)
