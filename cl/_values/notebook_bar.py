"""How far something has come, in a notebook: a bar that fills, as HTML."""

from __future__ import annotations

import html as markup
import sys
from typing import Any


class Bar:
    """A bar below the cell, which is drawn anew."""

    def __init__(self, show: Any) -> None:
        self._display = show
        self._handle: Any = None

    def draw(self, label: str, part: float, failed: float, times: str) -> None:
        """Show which part is done, which of that has failed, and how long it has taken and takes."""
        said = f"{label}: {part:.0%} in {times}"
        self._show(_Html(html(said, 1, part, failed), said))

    def clear(self) -> None:
        """Take the bar away."""
        if self._handle is not None:
            self._show(_Html("", ""))

    def _show(self, picture: _Html) -> None:
        if self._handle is None:
            self._handle = self._display(picture, display_id=True)
        else:
            self._handle.update(picture)


def bar() -> Bar | None:
    """Return a bar where the program runs in a notebook, else None."""
    ipython: Any = sys.modules.get("IPython")
    try:
        if ipython is None or ipython.get_ipython().kernel is None:
            return None
        from IPython.display import display
    except Exception:  # no shell, one of a terminal, a stand-in of the program's own
        return None
    return Bar(display)


def html(text: str, total: float, done: float, failed: float) -> str:
    """Return a text and a bar as HTML; the part of what failed is red."""
    share = 100 / max(total, 1)
    good, bad = (done - failed) * share, failed * share
    part = "display:inline-block;height:100%;background:"
    return (
        f"<div><div>{markup.escape(text)}</div>"
        '<div role="progressbar" aria-valuemin="0" '
        f'aria-valuemax="{total:g}" aria-valuenow="{done:g}" '
        'style="width:20em;height:0.7em;background:#ddd;line-height:0;font-size:inherit">'
        f'<span style="{part}#2a7;width:{good:.2f}%"></span><span style="{part}#c33;width:{bad:.2f}%"></span>'
        "</div></div>"
    )


class _Html:
    def __init__(self, picture: str, text: str) -> None:
        self._picture = picture
        self._text = text

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return self._picture
