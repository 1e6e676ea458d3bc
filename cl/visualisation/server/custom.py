"""Custom visualisers: made from files, and shown in a frame of their own."""

from __future__ import annotations

import html
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cl._current import devices

from .commands import MAX_NAME, MAX_NAMES
from .custom_visualiser import CustomVisualiser

if TYPE_CHECKING:
    from cl._current import Page


def load(
    javascript_file: str | os.PathLike[str],
    html_file: str | os.PathLike[str] | None = None,
    data_streams: Sequence[str] | None = None,
    title: str | None = None,
) -> CustomVisualiser:
    """Read a visualiser's files. A missing file raises `FileNotFoundError`."""
    script = Path(javascript_file)
    text = script.read_text("utf-8")
    fragment = "" if html_file is None else Path(html_file).read_text("utf-8")
    return CustomVisualiser(text, fragment, _checked(data_streams), title or script.stem)


def _checked(names: Sequence[str] | None) -> tuple[str, ...] | None:
    if names is None:
        return None
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"data_streams must be a list of names, not {names!r}")
    if len(names) > MAX_NAMES or any(len(name) > MAX_NAME for name in names):
        raise ValueError(f"data_streams takes at most {MAX_NAMES} names of at most {MAX_NAME} characters")
    return tuple(names)


def frame(url: str, width: int | str, height: int | str, title: str) -> str:
    """Return the HTML that shows a page of the server within another page."""
    style = f"width:{_length(width)};height:{_length(height)};border:0;display:block"
    return (
        f'<div class="cl-visualiser"><iframe src="{html.escape(url)}" title="{html.escape(title)}" '
        f'style="{html.escape(style)}" referrerpolicy="no-referrer"></iframe></div>'
    )


def _length(value: int | str) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise TypeError(f"a width or height is a number of pixels or a CSS length, not {value!r}")
    text = f"{value}px" if isinstance(value, int) else value
    if not text or not all(c.isalnum() or c in ".%" for c in text):
        raise ValueError(f"a width or height is a number of pixels or a CSS length, not {value!r}")
    return text


def create_visualiser(
    javascript_file: str | os.PathLike[str],
    html_file: str | os.PathLike[str] | None = None,
    data_streams: Sequence[str] | None = None,
    *,
    width: int | str = "100%",
    height: int | str = 400,
    title: str | None = None,
) -> str:
    """Return HTML that shows a visualiser of one's own, fed by the open device, for any web page.

    `javascript_file` defines `dataStreams`, the names of the data streams that it wants, and
    `createVisualiser(uniqueId, div)`, which returns an object of any of the functions `reset process
    draw attributesReset attributesUpdated`: see docs/visualiser-protocol.md. `html_file` is a
    fragment that is put into `div`; `data_streams` is used instead of `dataStreams`. The HTML is a
    frame of `width` by `height` (pixels, or a CSS length); it shows something as long as the device
    is open. Raises `RuntimeError` without an open device whose visualiser is on.
    """
    server = open_server()
    visualiser = load(javascript_file, html_file, data_streams, title)
    text = frame("", width, height, visualiser.title)
    return text.replace('src=""', f'src="{server.show(visualiser)}"', 1)


def open_server() -> Page:
    """Return the server of the open device; `RuntimeError` where there is none.

    That is the environment's device where it is open, and else the only one that is.
    """
    found = devices.environments()
    sessions = [found] if found is not None else devices.sessions()
    if not sessions:
        raise RuntimeError("a visualiser shows an open device: call this inside of `with cl.open()`")
    servers = [s.visualiser for s in sessions if s.visualiser is not None]
    if not servers:
        raise RuntimeError(
            "the data visualiser is off: it runs in wall-clock time, unless CL_SDK_VISUALISATION=0"
        )
    if len(servers) > 1:
        raise RuntimeError(f"{len(servers)} devices with a page are open, none of them the environment's")
    return servers[0]
