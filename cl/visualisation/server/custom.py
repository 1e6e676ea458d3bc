"""Custom visualisers: made from files, and shown in a frame of their own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cl._core.settings import load_settings
from cl._current import devices
from cl._values.saying import Log

from .commands import MAX_NAME, MAX_NAMES
from .custom_visualiser import CustomVisualiser
from .frame import Ratio, Size, frame, frame_without_data
from .server import VisualiserServer

if TYPE_CHECKING:
    from cl._current import Page

_log = Log()


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


def create_visualiser(
    javascript_file: str | os.PathLike[str],
    html_file: str | os.PathLike[str] | None = None,
    data_streams: Sequence[str] | None = None,
    use_sidebar: bool = True,
    aspect_ratio: Ratio | None = None,
    *,
    width: int | str = "100%",
    height: int | str | None = None,
    title: str | None = None,
) -> str:
    """Return HTML that shows a visualiser of one's own, fed by the device that is open, for any web page.

    `javascript_file` defines `dataStreams`, the names of the data streams that it wants, and
    `createVisualiser(uniqueId, div)`, which returns an object of any of the functions `reset process
    draw attributesReset attributesUpdated`: see docs/visualiser-protocol.md. `html_file` is a
    fragment that is put into `div`; `data_streams` is used instead of `dataStreams`. The HTML is a
    frame of `width` by `height` (pixels, or a CSS length), or as high as `aspect_ratio` says; without either
    it is as high as what is in it, where scripts may run, and else 400 pixels.
    `use_sidebar` is taken, and makes no difference: HTML stays where it is put (`jupyter.display_visualiser`
    has a sidebar).

    A frame that is made while a device with a page is open shows that device; RuntimeError with several of
    them. Any other shows one device that opens after the other, in wall-clock time, until the process ends;
    with CL_SDK_VISUALISATION=0 it says that the visualiser is off.
    """
    visualiser = load(javascript_file, html_file, data_streams, title)
    size = Size(width, height, aspect_ratio)
    server = server_of_frames()
    return (
        frame_without_data(size)
        if server is None
        else frame(server.show(visualiser), size, visualiser.title, follow=True)
    )


def create_iframe_visualiser(
    iframe_url: str,
    use_sidebar: bool = True,
    aspect_ratio: Ratio | None = None,
    *,
    width: int | str = "100%",
    height: int | str | None = None,
    title: str = "Visualiser",
) -> str:
    """Return HTML that shows a page: a URL, or a path of the visualiser's server ("/" is its own page).

    The rest is as for `create_visualiser`.
    """
    size = Size(width, height, aspect_ratio)
    if not iframe_url.startswith("/"):
        return frame(iframe_url, size, title)
    server = server_of_frames()
    if server is None:
        return frame_without_data(size)
    return frame(server.url + iframe_url, size, title, follow=True)


def server_of_frames() -> Page | None:
    """Return the server that a frame is to be of: an open device's, or one that waits for those to come.

    The latter lives until the process ends. None where the environment says that there is to be none.
    """
    server = _open_server()
    if server is None and devices.page is not None and devices.page.alive:
        return devices.page
    return server or _waiting_server()


def _open_server() -> Page | None:
    """Return the page of the environment's device, where it is open, or else of the only one that is."""
    found = devices.environments()
    sessions = [found] if found is not None else devices.sessions()
    servers = [session.visualiser for session in sessions if session.visualiser is not None]
    if len(servers) > 1:
        raise RuntimeError(f"{len(servers)} devices with a page are open, none of them the environment's")
    return servers[0] if servers else None


def _waiting_server() -> Page | None:
    """Return a server for the devices to come, or None where the environment says that there is none."""
    settings = load_settings()
    if not settings.visualisation:
        return None
    try:
        server = VisualiserServer(None, settings.visualisation_host, public_url=settings.visualisation_url)
    except OSError as error:
        _log.warning("the data visualiser is not started: %s", error)
        return None
    server.keep()
    return server
