"""A line on stderr that is drawn anew, where a person may be looking at it."""

from __future__ import annotations

import os
import sys
from typing import Any, Final

from .saying import write_at_once

_BAR: Final = 20


class Line:
    """The last line of a terminal. It never waits for one that is stopped (Ctrl-S)."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._width = 0

    def draw(self, label: str, part: float, failed: float, times: str) -> None:
        """Show which part is done, and how long it takes. An exception if the terminal has gone."""
        filled = int(part * _BAR)
        figures = f" [{'#' * filled}{'.' * (_BAR - filled)}] {part:4.0%} {times}"
        label = "".join(letter if letter.isprintable() else "?" for letter in label)
        room = max(_columns(self._stream) - 1, 1)
        text = (label[: max(room - len(figures), 0)] + figures)[:room]
        self._write("\r" + text.ljust(self._width))
        self._width = len(text)

    def clear(self) -> None:
        """Take the line away."""
        if self._width:
            self._write("\r" + " " * self._width + "\r")

    def _write(self, text: str) -> None:
        stream = self._stream
        genuine = stream is sys.__stderr__ and os.name == "posix"
        if genuine:
            write_at_once(stream.fileno(), text.encode(stream.encoding, "replace"))
        else:
            stream.write(text)
            stream.flush()


def line() -> Line | None:
    """Return a line on stderr if that is a terminal, else None."""
    try:
        return Line(sys.stderr) if sys.stderr.isatty() else None
    except Exception:  # there is none, it is closed, or a stand-in of the program's own
        return None


def _columns(stream: Any) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except Exception:  # no file descriptor, or none of a terminal
        return 80
