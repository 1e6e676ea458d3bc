"""Figures: made, saved or shown, and not left open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cl._store.read.figures import show
from cl.analysis.optional import missing

if TYPE_CHECKING:
    import os

    from matplotlib.axes import Axes


@contextmanager
def figure(
    figsize: tuple[float, float], save_path: str | os.PathLike[str] | None, drawn_on: Axes | None = None
) -> Iterator[Any]:
    """Give the figure to draw on, that of given axes or a new one, then save or show it."""
    if drawn_on is not None:
        given: Any = drawn_on.get_figure()
        yield given
        if save_path is not None:
            getattr(given, "figure", given).savefig(save_path, bbox_inches="tight")
    elif save_path is not None:
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise missing("matplotlib") from error
        made = Figure(figsize=figsize, layout="constrained")
        yield made
        made.savefig(save_path, bbox_inches="tight")
    else:
        yield from _shown(figsize)


def _shown(figsize: tuple[float, float]) -> Iterator[Any]:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise missing("matplotlib") from error
    made = pyplot.figure(figsize=figsize, layout="constrained")
    try:
        yield made
        show()
    finally:
        pyplot.close(made)
