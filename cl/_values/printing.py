"""Texts of recordings, on their way to a terminal."""

from __future__ import annotations

import os
import sys

from .descriptors import fill_standard
from .printable import printable, printable_lines

__all__ = ["printable", "printable_lines", "settle_stdout"]


def settle_stdout() -> None:
    """Have a stdout, if only to nowhere, that takes every text: with escapes for what it cannot show."""
    fill_standard()
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # as long as the process lives
    if getattr(sys.stdout, "errors", None) in ("strict", "surrogateescape"):
        reconfigure = getattr(sys.stdout, "reconfigure", lambda **_: None)
        reconfigure(errors="backslashreplace")
