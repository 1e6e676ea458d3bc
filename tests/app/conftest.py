"""Tests of applications need pydantic; what they import is forgotten afterwards."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from extras import need_extra


@pytest.fixture(autouse=True)
def _forgotten(tmp_path: Path) -> Iterator[None]:
    need_extra("app", "pydantic")
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture(scope="session")
def fonts(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Matplotlib, that has drawn: it keeps the files of its fonts open."""
    need_extra("plot", "matplotlib")
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().set_title("µ")
    figure.savefig(tmp_path_factory.mktemp("fonts") / "a.png")
