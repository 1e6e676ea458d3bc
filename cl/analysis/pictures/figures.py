"""Figures that pictures make for themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl._store.read.figures import present, pyplot

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from matplotlib.axes import Axes


def drawn(
    draw: Callable[[Axes], None],
    size: tuple[float, float],
    save_path: str | os.PathLike[str] | None,
    ax: Axes | None,
) -> Axes:
    """Draw into given axes, or into a figure of their own, which is shown, or saved; return the axes.

    A figure of which nothing came is closed.
    """
    module = pyplot()
    axes = module.subplots(figsize=size, layout="constrained")[1] if ax is None else ax
    try:
        draw(axes)
    except BaseException:
        if ax is None:
            module.close(axes.figure)
        raise
    present(axes.figure, save_path, is_own=ax is None)
    return axes
