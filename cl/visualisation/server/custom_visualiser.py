"""A custom visualiser: a script and a fragment of HTML."""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass

from .web_folder import WEB_FOLDER, behind

# The script may be a module that exports the two names, or a plain script that defines them: both are
# in the module's scope at its end.
_EXPORT = """
;export const clVisualiser = {
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

    def page(self, prefix: str = "") -> bytes:
        """Return the page that it is shown on; `prefix` stands before the paths of its files."""
        template = behind((WEB_FOLDER / "custom.html").read_text("utf-8"), prefix)
        streams = html.escape(json.dumps(self.data_streams), quote=True)
        parts = {"{title}": html.escape(self.title), "{streams}": streams, "{fragment}": self.fragment}
        # In one go: what is put in may itself look like a mark.
        return re.sub("{(title|streams|fragment)}", lambda mark: parts[mark[0]], template).encode()

    def module(self) -> bytes:
        """Return its script as a module."""
        return (self.script + _EXPORT).encode()
