"""What is made from the code at each build, into `docs/_made`: pictures, and the help of the commands."""

from __future__ import annotations

from pathlib import Path

from .commands import commands_page
from .pictures import PICTURES


def make_all(docs: Path) -> None:
    """Write everything into `docs/_made`; what is as it was is left alone, and its pages as well."""
    folder = docs / "_made"
    folder.mkdir(exist_ok=True)
    _write(folder / "commands.md", commands_page().encode())
    for name, draw in PICTURES.items():
        _write(folder / f"{name}.svg", draw())


def _write(path: Path, content: bytes) -> None:
    if not path.is_file() or path.read_bytes() != content:
        path.write_bytes(content)
