"""The visualiser in a notebook. Needs IPython, which a notebook has."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from .server.custom import create_visualiser, frame, open_server


def display_visualiser(
    javascript_file: str | os.PathLike[str],
    html_file: str | os.PathLike[str] | None = None,
    data_streams: Sequence[str] | None = None,
    *,
    width: int | str = "100%",
    height: int | str = 400,
    title: str | None = None,
) -> None:
    """Show a visualiser of one's own below the cell. Arguments and errors as for `create_visualiser`."""
    _show(
        create_visualiser(javascript_file, html_file, data_streams, width=width, height=height, title=title)
    )


def show_activity(*, width: int | str = "100%", height: int | str = 720) -> None:
    """Show the device's activity below the cell: the page of the data visualiser.

    Raises `RuntimeError` without an open device whose visualiser is on.
    """
    server = open_server()
    _show(frame(server.url + "/", width, height, "Activity"))


def _show(text: str) -> None:
    try:
        from IPython.display import HTML, display
    except ImportError as error:
        raise ImportError(
            "this shows something in a notebook, whose IPython is not installed here; "
            "cl.visualisation.create_visualiser() returns the HTML itself"
        ) from error
    show: Any = display
    show(HTML(text))
