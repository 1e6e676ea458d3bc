"""The visualiser in a notebook. Needs IPython, which a notebook has, and the extra `dropin`.

With the extra `jupyter` it is shown also where the browser does not reach the program's port, through the
kernel, and beside the notebook: docs/notebooks.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode

from cl._session.opening import is_simulator
from cl.stim import ChannelSet

from .server.custom import create_iframe_visualiser, create_visualiser, load, server_of_frames
from .server.frame import Ratio, Size, frame, frame_without_data
from .server.server import VisualiserServer

if TYPE_CHECKING:
    from cl._current import Page

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
    """Show a visualiser of one's own. Arguments and errors as for `create_visualiser`.

    With `use_sidebar` it is shown in a panel on the right in JupyterLab and Notebook, where the extra
    `jupyter` is installed, until its cell is cleared; else, and elsewhere, below the cell.
    """
    visualiser = load(javascript_file, html_file, data_streams, title)
    size = Size(width, height, aspect_ratio)

    def page() -> str:
        from .relay.bundle import custom_page

        return custom_page(visualiser)

    server = server_of_frames()
    url = None if server is None else server.show(visualiser)
    _show(server, url, page, size, visualiser.title, use_sidebar)


def show_activity(
    mode: Literal["2d", "3d"] = "2d",
    use_sidebar: bool = True,
    focus_on_channels: int | Sequence[int] | ChannelSet | None = None,
    *,
    width: int | str = "100%",
    height: int | str | None = None,
    **kwargs: Any,
) -> None:
    """Show the device's activity: the page of the data visualiser, 16 by 9 without a `height`.

    With `mode` "3d" its map of the electrodes has their rates as heights. `mode`, `focus_on_channels` and
    `kwargs` go to the page as parameters of its URL. `use_sidebar` as for `display_visualiser`. ValueError
    for another mode or a channel that there is not.
    """
    if mode not in ("2d", "3d"):
        raise ValueError(f"mode must be '2d' or '3d', not {mode!r}")
    query = {"mode": mode, **kwargs}
    if focus_on_channels is not None:
        query["focus_on_channels"] = ",".join(map(str, ChannelSet(focus_on_channels)))
    text = urlencode(query)
    size = Size(width, height, "16/9" if height is None else None)

    def page() -> str:
        from .relay.bundle import live_page

        return live_page(f"?{text}")

    server = server_of_frames()
    url = None if server is None else f"{server.url}/?{text}"
    _show(server, url, page, size, "Activity", use_sidebar, tall=height is None)


def _show(
    server: Page | None,
    url: str | None,
    page: Callable[[], str],
    size: Size,
    title: str,
    use_sidebar: bool,
    tall: bool = False,
) -> None:
    """Show what is served under a URL, or, where this browser does not reach that, what `page` makes."""
    html = frame_without_data(size) if url is None else frame(url, size, title, follow=True)
    if isinstance(server, VisualiserServer) and url is not None:
        from .relay.widget import can_show, show

        if can_show():
            show(server, url, page, size, title, use_sidebar, tall, html)
            return
    _display(html)


def _display(text: str) -> None:
    try:
        from IPython.display import HTML, display
    except ImportError as error:
        raise ImportError(
            "this shows something in a notebook, whose IPython is not installed here: "
            "the extra dropin has it; cl.visualisation.create_visualiser() returns the HTML itself"
        ) from error
    show: Any = display
    show(HTML(text))
