"""A custom visualiser: a script and a fragment of HTML."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from .web_folder import WEB_FOLDER, behind

APPLICATION_PATH: Final = "/app"
"""Where the visualiser of an application is shown."""
_MODULE: Final = re.compile(r"^\s*(export\b|import\b(?!\s*[(.]))", re.MULTILINE)
# The names that a script defines are in scope at its end, of a module and of a classic script.
_EXPORT: Final = """
;globalThis.clVisualiser = {
  dataStreams: typeof dataStreams === "undefined" ? null : dataStreams,
  createVisualiser: typeof createVisualiser === "undefined" ? null : createVisualiser,
};
"""


@dataclass(frozen=True)
class CustomVisualiser:
    """A visualiser of an application."""

    script: str
    fragment: str = ""
    data_streams: tuple[str, ...] | None = None
    title: str = "Visualiser"

    @property
    def is_module(self) -> bool:
        """Whether the script exports or imports: then it is run as a module, else as a classic script."""
        return _MODULE.search(self.script) is not None

    def page(self, prefix: str = "") -> bytes:
        """Return the page that it is shown on; `prefix` stands before the paths of its files."""
        return filled("custom.html", self, prefix, {})

    def code(self) -> bytes:
        """Return its script, as it is run."""
        return (self.script + _EXPORT).encode()


def filled(template: str, visualiser: CustomVisualiser, prefix: str, more: Mapping[str, str]) -> bytes:
    """Return a page of the web folder with a visualiser in it."""
    text = behind((WEB_FOLDER / template).read_text("utf-8"), prefix)
    parts = {
        "title": html.escape(visualiser.title),
        "streams": html.escape(json.dumps(visualiser.data_streams), quote=True),
        "type": "module" if visualiser.is_module else "text/javascript",
        "fragment": visualiser.fragment,
        **more,
    }
    # In one go: what is put in may itself look like a mark.
    return re.sub("{(title|streams|type|fragment|style)}", lambda mark: parts[mark[1]], text).encode()
