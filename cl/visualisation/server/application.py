"""The page of an application: its own script, HTML and style, served at `/app`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cl._core.settings import load_settings

from .custom import server_of_frames
from .custom_visualiser import APPLICATION_PATH, CustomVisualiser, filled

if TYPE_CHECKING:
    from cl._current import Page


@dataclass(frozen=True)
class Application(CustomVisualiser):
    """The visualiser of an application, which has a style of its own."""

    style: str = ""

    def page(self, prefix: str = "") -> bytes:
        """Return the page that it is shown on; `prefix` stands before the paths of its files."""
        # "</" would end the element that it is put into; in CSS a backslash changes nothing there.
        return filled("app.html", self, prefix, {"style": self.style.replace("</", "<\\/")})


def load(folder: str | os.PathLike[str], name: str) -> Application:
    """Read an application's web folder: `vis.html`, `vis.mjs` and, where it is there, `vis.css`.

    `name` is the application's id. Raises FileNotFoundError where one of the first two is missing, and
    ValueError for what is not UTF-8.
    """
    web = Path(folder)
    fragment, script = ((web / file).read_text("utf-8") for file in ("vis.html", "vis.mjs"))
    style = web / "vis.css"
    return Application(
        script, fragment, None, f"{name} Visualiser", style.read_text("utf-8") if style.is_file() else ""
    )


def serve(folder: str | os.PathLike[str], name: str, server: Page | None = None) -> str | None:
    """Serve an application's page until the process ends, and return its URL.

    `folder` is the application's `web`, `name` its id; errors as for `load`. Without a `server` it is that of
    frames: the page is there before a device is open, and shows one that opens after the other. None where
    there is no such server: CL_SDK_VISUALISATION=0, or accelerated time.
    """
    application = load(folder, name)
    if server is None:
        server = None if load_settings().accelerated else server_of_frames()
    if server is None:
        return None
    server.application = application
    return server.url + APPLICATION_PATH
