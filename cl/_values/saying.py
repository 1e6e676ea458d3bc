"""Telling a person something in passing."""

from __future__ import annotations

import sys
from contextlib import suppress


def say(text: str) -> None:
    """Print a line to stderr, if there is one: whether it can be printed changes nothing for the program."""
    stream = sys.stderr
    if stream is None:
        return
    with suppress(Exception):  # a broken pipe, a full disk, a closed file, a stand-in of the program's own
        print(text, file=stream, flush=True)
