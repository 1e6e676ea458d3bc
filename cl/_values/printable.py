"""Texts of recordings and programs, so that they change nothing where they are shown."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return a text with escapes for what is not to be seen, and for what moves a terminal's cursor."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in text)


def printable_lines(text: str) -> str:
    """Return lines, each of them printable."""
    return "\n".join(map(printable, text.split("\n")))


def _escaped(letter: str) -> str:
    return letter if letter == "\u202f" else repr(letter)[1:-1]
