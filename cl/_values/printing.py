"""Texts of recordings, on their way to a terminal."""

from __future__ import annotations

import os
import sys

from .descriptors import fill_standard


def printable(text: str) -> str:
    """Return a text with escapes for what is not to be seen, and for what moves a terminal's cursor."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in text)


def printable_lines(text: str) -> str:
    """Return lines, each of them printable."""
    return "\n".join(map(printable, text.split("\n")))


def settle_stdout() -> None:
    """Have a stdout, if only to nowhere, that takes every text: with escapes for what it cannot show."""
    fill_standard()
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # as long as the process lives
    if getattr(sys.stdout, "errors", None) in ("strict", "surrogateescape"):
        reconfigure = getattr(sys.stdout, "reconfigure", lambda **_: None)
        reconfigure(errors="backslashreplace")


def _escaped(letter: str) -> str:
    return letter if letter == "\u202f" else repr(letter)[1:-1]
