"""The visualiser in a notebook. Needs IPython, which a notebook has, and the extra `dropin`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Literal
from urllib.parse import urlencode

from cl._session.opening import is_simulator
from cl.stim import ChannelSet

from .server.custom import create_iframe_visualiser, create_visualiser
from .server.frame import Ratio

__all__ = [
    "ChannelSet",
    "create_iframe_visualiser",
    "create_visualiser",
    "display_visualiser",
    "is_simulator",
    "show_activity",
]


def display_visualiser(
    javascript_file: str | os.PathLike[str],
    html_file: str | os.PathLike[str] | None = None,
    data_streams: Sequence[str] | None = None,
    use_sidebar: bool = True,
    aspect_ratio: Ratio | None = None,
    *,
    width: int | str = "100%",
    height: int | str | None = None,
    title: str | None = None,
) -> None:
    """Show a visualiser of one's own below the cell. Arguments and errors as for `create_visualiser`."""
    _show(
        create_visualiser(
            javascript_file,
            html_file,
            data_streams,
            use_sidebar,
            aspect_ratio,
            width=width,
            height=height,
            title=title,
        )
    )


def show_activity(
    mode: Literal["2d", "3d"] = "2d",
    use_sidebar: bool = True,
    focus_on_channels: int | Sequence[int] | ChannelSet | None = None,
    *,
    width: int | str = "100%",
    height: int | str | None = None,
    **kwargs: Any,
) -> None:
    """Show the device's activity below the cell: the page of the data visualiser, 16 by 9 without a `height`.

    `mode`, `focus_on_channels` and `kwargs` go to the page as parameters of its URL; it shows all channels in
    two dimensions. ValueError for another mode or a channel that there is not.
    """
    if mode not in ("2d", "3d"):
        raise ValueError(f"mode must be '2d' or '3d', not {mode!r}")
    query = {"mode": mode, **kwargs}
    if focus_on_channels is not None:
        query["focus_on_channels"] = ",".join(map(str, ChannelSet(focus_on_channels)))
    ratio = "16/9" if height is None else None
    url = f"/?{urlencode(query)}"
    _show(create_iframe_visualiser(url, use_sidebar, ratio, width=width, height=height, title="Activity"))


def _show(text: str) -> None:
    try:
        from IPython.display import HTML, display
    except ImportError as error:
        raise ImportError(
            "this shows something in a notebook, whose IPython is not installed here: "
            "the extra dropin has it; cl.visualisation.create_visualiser() returns the HTML itself"
        ) from error
    show: Any = display
    show(HTML(text))
