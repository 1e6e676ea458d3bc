"""The faces of values in notebooks: small HTML without anything from elsewhere, in the page's own colours."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from .printable import printable

_LONGEST: Final = 200
_SHOWN: Final = 3
_SPACE: Final = re.compile("[ \t\r\n]+")
_LEFT: Final = "text-align:left;vertical-align:top;padding:1px 12px 1px 0"
_RIGHT: Final = "text-align:right;padding:1px 0 1px 12px"


def text(value: object) -> str:
    """Return a value as text that HTML shows as it is: one line, at most 200 characters."""
    found = value if isinstance(value, str) else _short(value)
    found = _SPACE.sub(" ", found[: 4 * _LONGEST]).strip()
    return html.escape(printable(found if len(found) <= _LONGEST else found[: _LONGEST - 1] + "…"))


def _short(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # a class of the program's own
        return f"<{type(value).__name__}: {type(error).__name__}>"


def face(kind: str, name: object, facts: Mapping[str, object], *parts: str) -> str:
    """Return what a value shows: what it is, facts about it, and parts that are HTML already.

    Facts that are None are left out.
    """
    rows = "".join(
        f'<tr><td style="{_LEFT};opacity:.7">{text(label)}</td><td style="{_LEFT}">{text(value)}</td></tr>'
        for label, value in facts.items()
        if value is not None
    )
    table = f'<table style="{_TABLE}">{rows}</table>' if rows else ""
    return (
        f'<div style="line-height:1.4"><div><strong>{text(kind)}</strong> {text(name)}</div>'
        f"{table}{''.join(parts)}</div>"
    )


_TABLE: Final = "border-collapse:collapse;margin:2px 0;border:0;font-size:90%"


def table(head: Sequence[str], rows: Iterable[Sequence[object]], note: str = "") -> str:
    """Return rows under a head; `note` says below it what is left out."""
    titles = "".join(f'<th scope="col" style="{_RIGHT}">{text(title)}</th>' for title in head)
    body = "".join(
        "<tr>" + "".join(f'<td style="{_RIGHT}">{text(cell)}</td>' for cell in row) + "</tr>" for row in rows
    )
    below = f'<div style="opacity:.7;font-size:90%">{text(note)}</div>' if note else ""
    return f'<table style="{_TABLE}"><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>{below}'


def number(value: float) -> str:
    """Return a number with a thin space between thousands, as precise as one can read it."""
    shown = (
        f"{value:,}" if isinstance(value, int) else f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    )
    return shown.replace(",", "\u202f")


def cell(value: Any) -> str:
    """Return an element of a table: a number, or the first of an array's."""
    shape = getattr(value, "shape", ())
    if shape:
        first = " ".join(f"{item:.4g}" for item in value.reshape(-1)[:_SHOWN].tolist())
        return f"[{first} … ({'×'.join(map(str, shape))})]" if value.size > _SHOWN else f"[{first}]"
    item = value.item() if hasattr(value, "item") else value
    return f"{item:.6g}" if isinstance(item, float) else str(item)
