"""Small pictures for notebooks: inline SVG in the colour of the text around it, so in light and in dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from .html import text

ACCENT: Final = "#d9622b"
"""Told apart from the text's colour on white and on black."""
_SMALL: Final = 10


def picture(width: float, height: float, title: str, shapes: Iterable[str]) -> str:
    """Return a picture of so many pixels, narrower where there is less room; `title` says what it shows."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width:g}" height="{height:g}" '
        f'viewBox="0 0 {width:g} {height:g}" style="max-width:100%;height:auto;display:block" '
        f'fill="currentColor" font-family="system-ui,sans-serif" font-size="{_SMALL}">'
        f"<title>{text(title)}</title>{''.join(shapes)}</svg>"
    )


def label(x: float, y: float, words: object, anchor: str = "start", opacity: float = 1.0) -> str:
    """Return a text whose baseline is at `y`; `anchor` is start, middle or end."""
    faint = "" if opacity == 1 else f' opacity="{opacity:g}"'
    return f'<text x="{x:.4g}" y="{y:.4g}" text-anchor="{anchor}"{faint}>{text(words)}</text>'


def line(points: Sequence[tuple[float, float]], colour: str = "currentColor", width: float = 1.5) -> str:
    """Return a line through points."""
    route = " ".join(f"{x:.5g},{y:.5g}" for x, y in points)
    return f'<polyline points="{route}" fill="none" stroke="{colour}" stroke-width="{width:g}"/>'


def rule(x1: float, y1: float, x2: float, y2: float, dashed: bool = False) -> str:
    """Return a faint line from one point to another."""
    dashes = ' stroke-dasharray="2 2"' if dashed else ""
    ends = f'x1="{x1:.5g}" y1="{y1:.5g}" x2="{x2:.5g}" y2="{y2:.5g}"'
    return f'<line {ends} stroke="currentColor" opacity=".35"{dashes}/>'


def bars(boxes: Iterable[tuple[float, float, float, float]], colour: str = "currentColor") -> str:
    """Return filled boxes, each x, y, width, height, as one shape."""
    route = "".join(f"M{x:.5g} {y:.5g}h{w:.5g}v{h:.5g}h{-w:.5g}z" for x, y, w, h in boxes)
    return f'<path d="{route}" fill="{colour}"/>' if route else ""
