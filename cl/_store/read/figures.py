"""Figures of matplotlib (the extra `cl-aio[plot]`): where a plot that is finished goes."""

from __future__ import annotations

import os
import warnings
from typing import Any, TypeAlias

FilePath: TypeAlias = str | os.PathLike[str]


def pyplot() -> Any:
    """Return matplotlib's pyplot; ImportError that names the extra where it is not installed."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError("plots need matplotlib: install the extra, pip install 'cl-aio[plot]'") from error
    return pyplot


def present(figure: Any, save_path: FilePath | None, is_own: bool) -> None:
    """Save a figure, or show it where it is a plot's own."""
    if save_path is not None:
        figure.savefig(save_path, bbox_inches="tight")
        if is_own:
            # Pyplot keeps what nobody closes, and a notebook shows it.
            pyplot().close(figure)
    elif is_own:
        show()


def show() -> None:
    """Show what pyplot has until its windows are closed.

    A backend that only draws leaves pyplot its figures: programs without a screen save them from there.
    """
    with warnings.catch_warnings():
        # matplotlib says of backends without a screen that they show nothing.
        warnings.filterwarnings("ignore", message=".*non-interactive")
        pyplot().show(block=True)
