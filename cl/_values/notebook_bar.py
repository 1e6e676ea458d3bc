"""How far something has come, in a notebook: a bar that fills, as HTML."""

from __future__ import annotations

import html as markup
import os
import sys
import time
from contextlib import suppress
from typing import Any

from .progress import VARIABLE


class Bar:
    """A bar below the cell, which is drawn anew."""

    def __init__(self, label: str, show: Any) -> None:
        self._label = label
        self._began = time.monotonic()
        self._first: int | None = None
        self._handle: Any = None
        self._display = show

    def show(self, total: int, done: int, failed: int = 0, said: str = "") -> None:
        """Draw how far it has come; `said` stands behind that. That it cannot be drawn ends nothing."""
        if self._first is None:
            self._first = done
        spent = time.monotonic() - self._began
        made = done - self._first
        left = f", {spent / made * (total - done):.0f} s left" if made and done < total else ""
        text = f"{self._label}: {done} of {total} done{said}{left}"
        with suppress(Exception):
            if self._handle is None:
                self._handle = self._display(_Html(html(text, total, done, failed)), display_id=True)
            else:
                self._handle.update(_Html(html(text, total, done, failed)))


def bar(label: str) -> Bar | None:
    """Return a bar where the program runs in a notebook, None elsewhere, or with CL_PROGRESS=0."""
    ipython: Any = sys.modules.get("IPython")
    if ipython is None or os.environ.get(VARIABLE, "").strip() == "0":
        return None
    shell = ipython.get_ipython()
    if shell is None or getattr(shell, "kernel", None) is None:
        return None
    from IPython.display import display

    return Bar(label, display)


def html(text: str, total: int, done: int, failed: int) -> str:
    """Return a text and a bar as HTML; the part of what failed is red."""
    share = 100 / max(total, 1)
    good, bad = (done - failed) * share, failed * share
    part = "display:inline-block;height:100%;background:"
    return (
        f"<div><div>{markup.escape(text)}</div>"
        '<div role="progressbar" aria-valuemin="0" '
        f'aria-valuemax="{total}" aria-valuenow="{done}" '
        'style="width:20em;height:0.7em;background:#ddd;line-height:0;font-size:inherit">'
        f'<span style="{part}#2a7;width:{good:.2f}%"></span><span style="{part}#c33;width:{bad:.2f}%"></span>'
        "</div></div>"
    )


class _Html:
    def __init__(self, text: str) -> None:
        self._text = text

    def _repr_html_(self) -> str:
        return self._text
