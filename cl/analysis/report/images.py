"""Pictures as data of a page, in an ink for light pages and one for dark ones."""

from __future__ import annotations

import base64
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from .drawings import Save

_INK: Final = "#123456"
"""What texts and axes are drawn in; found again in the SVG, and replaced."""
_INKS: Final = ("#27303a", "#d5dce4")
"""For light pages, and for dark ones."""
_BLACK: Final = re.compile(r"#000000(?![0-9a-fA-F])")
LARGEST_SVG: Final = 250_000
"""Bytes; a picture of more is one of points, made of so many dots that dots of an image do as well."""
_DPI: Final = 160


class Image(NamedTuple):
    """A picture as two `data:` addresses."""

    light: str
    dark: str
    width: int
    """In pixels of a page."""


def draw(save: Save) -> Image:
    """Draw a picture; raises what drawing it raises. Nothing is left in pyplot."""
    with tempfile.TemporaryDirectory(prefix="cl-analyse-") as folder, _style(_INK):
        path = Path(folder) / "picture.svg"
        save(path)
        text = path.read_text(encoding="utf-8")
        if len(text) <= LARGEST_SVG:
            light, dark = (_data(_inked(text, ink).encode(), "svg+xml") for ink in _INKS)
        else:
            light, dark = (_bitmap(save, Path(folder) / "picture.png", ink) for ink in _INKS)
        return Image(light, dark, _width(text))


def _width(svg: str) -> int:
    found = re.search(r'<svg[^>]*? width="([0-9.]+)pt"', svg)
    return round(float(found[1]) * 96 / 72) if found else 640


def _inked(svg: str, ink: str) -> str:
    return _BLACK.sub(ink, svg.replace(_INK, ink))


def _bitmap(save: Save, path: Path, ink: str) -> str:
    with _style(ink):
        save(path)
    return _data(path.read_bytes(), "png")


def _data(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


@contextmanager
def _style(ink: str) -> Iterator[None]:
    import matplotlib

    colours = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    settings: Any = dict.fromkeys((*colours, "legend.edgecolor", "patch.edgecolor"), ink)
    settings |= dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), "none")
    settings |= {"legend.facecolor": "none", "savefig.transparent": True, "savefig.dpi": _DPI}
    settings |= {"svg.fonttype": "path", "svg.hashsalt": "cl", "font.size": 10.0, "axes.linewidth": 0.8}
    settings |= {"axes.spines.top": False, "axes.spines.right": False}
    with matplotlib.rc_context(settings):
        yield
