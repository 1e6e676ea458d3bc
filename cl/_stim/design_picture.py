"""What a design shows in a notebook: its waveform."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from cl._values import svg
from cl._values.html import face

_WIDTH: Final = 320
_HEIGHT: Final = 120
_LEFT: Final = 8
_MIDDLE: Final = _HEIGHT / 2
_REACH: Final = 34
"""The height of the largest current."""
_REST: Final = 0.12
"""The part of the width that is drawn before the pulse and after it."""


def shown(name: str, durations_us: Sequence[int], currents_uA: Sequence[float]) -> str:
    """Return the HTML of a pulse with phases of these durations and currents."""
    charge = sum(duration * current for duration, current in zip(durations_us, currents_uA, strict=True))
    left = "balanced" if abs(charge) < 1e-6 else f"{charge / 1000:+.3g} nC left"
    return face(
        "StimDesign", f"{sum(durations_us)} µs, {left}", {}, _waveform(name, durations_us, currents_uA)
    )


def _waveform(name: str, durations_us: Sequence[int], currents_uA: Sequence[float]) -> str:
    room = _WIDTH - 2 * _LEFT
    scale = room * (1 - 2 * _REST) / sum(durations_us)
    begin = _LEFT + room * _REST
    edges = [begin + scale * time for time in accumulate(durations_us, initial=0)]
    top = max(map(abs, currents_uA)) or 1
    levels = [_MIDDLE - _REACH * current / top for current in currents_uA]
    points: list[tuple[float, float]] = [(_LEFT, _MIDDLE), (begin, _MIDDLE)]
    for index, level in enumerate(levels):
        points += [(edges[index], level), (edges[index + 1], level)]
    points += [(edges[-1], _MIDDLE), (_WIDTH - _LEFT, _MIDDLE)]
    shapes = [svg.rule(_LEFT, _MIDDLE, _WIDTH - _LEFT, _MIDDLE, dashed=True), svg.line(points, svg.ACCENT, 2)]
    for index, (duration, current, level) in enumerate(zip(durations_us, currents_uA, levels, strict=True)):
        middle = (edges[index] + edges[index + 1]) / 2
        away = -6 if current > 0 else 14
        shapes.append(svg.label(middle, level + away, f"{current:+g} µA", "middle"))
        # On the other side of the axis, where there is room.
        shapes.append(
            svg.label(middle, _MIDDLE + (14 if current > 0 else -6), f"{duration} µs", "middle", 0.7)
        )
    return svg.picture(_WIDTH, _HEIGHT, name, shapes)
