"""The scripts that stand in a fragment of HTML, so that a page's policy can allow these and no others."""

from __future__ import annotations

import base64
import hashlib
from html.parser import HTMLParser
from typing import Final

_KINDS: Final = ("", "text/javascript", "application/javascript", "module", "importmap")
"""Of scripts; others are data, or rules for what to load in advance."""


def script_hashes(fragment: str) -> list[str]:
    """Return the hashes, as policies have them (`sha256-…`), of the scripts in a fragment.

    One that the browser reads otherwise than this is not run.
    """
    reader = _Scripts()
    reader.feed(fragment)
    reader.close()
    return [
        f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}" for text in reader.found
    ]


class _Scripts(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[str] = []
        self._parts: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        kind = (given.get("type") or "").strip().lower()
        if tag == "script" and "src" not in given and kind in _KINDS:
            self._parts = []

    def handle_data(self, data: str) -> None:
        if self._parts is not None:
            self._parts.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "script" and self._parts is not None:
            self.found.append("".join(self._parts).replace("\r\n", "\n").replace("\r", "\n"))
            self._parts = None
