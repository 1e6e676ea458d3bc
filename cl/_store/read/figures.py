"""Figures of matplotlib (the extra `cl-aio[plot]`): where a plot that is finished goes."""

from __future__ import annotations

import os
from typing import Any, Final, TypeAlias

FilePath: TypeAlias = str | os.PathLike[str]

_SILENT_BACKENDS: Final = frozenset({"agg", "cairo", "pdf", "pgf", "ps", "svg", "template"})
"""Those of matplotlib's own that only draw."""


def pyplot() -> Any:
    """Return matplotlib's pyplot; ImportError that names the extra where it is not installed."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError("plots need matplotlib: install the extra, pip install 'cl-aio[plot]'") from error
    return pyplot


def present(figure: Any, save_path: FilePath | None, is_own: bool) -> None:
    """Save a figure, or show it where it is a plot's own and there is a window or a notebook for it."""
    if save_path is not None:
        figure.savefig(save_path, bbox_inches="tight")
        if is_own:
            # Pyplot keeps what nobody closes, and a notebook shows it.
            pyplot().close(figure)
    elif is_own and pyplot().get_backend().lower() not in _SILENT_BACKENDS:
        pyplot().show(block=True)
