"""A stand-in for a notebook's display: what it has been given to show."""

from __future__ import annotations

from typing import Any

import pytest

from cl._values import notebook_bar


def shown_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Have bars of progress shown as in a notebook; return the HTML of all that is shown."""
    shown: list[str] = []

    class Handle:
        def update(self, what: Any) -> None:
            shown.append(what._repr_html_())

    def display(what: Any, display_id: bool) -> Handle:
        Handle().update(what)
        return Handle()

    monkeypatch.setattr(notebook_bar, "bar", lambda: notebook_bar.Bar(display))
    return shown
