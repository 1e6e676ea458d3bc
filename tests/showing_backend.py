"""A backend of matplotlib that says that it shows figures, and shows none."""

from __future__ import annotations

from typing import Any

from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg

shown: list[bool | None] = []
"""The argument `block` of each time that something was shown."""


class FigureManager(FigureManagerBase):
    """Notes what it is asked for."""

    @classmethod
    def pyplot_show(cls, *, block: bool | None = None) -> None:
        shown.append(block)


class FigureCanvas(FigureCanvasAgg):
    """Draws into memory."""

    manager_class: Any = FigureManager
