"""How far a long piece of work has come: a line on stderr, where that is a terminal."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from .saying import write_at_once

if TYPE_CHECKING:
    from collections.abc import Callable

VARIABLE: Final = "CL_PROGRESS"
"""0: nothing is shown."""
_EVERY_S: Final = 0.1
_BAR: Final = 20


class Progress:
    """A line that says how much of `total` is done; a context manager, and gone from the screen at its end.

    `with Progress("recovering", total=frames) as progress: progress.step(n)`. Nothing is shown where stderr
    is no terminal, or with `CL_PROGRESS=0`. That it cannot be shown (a terminal that has gone) never raises.
    """

    def __init__(self, label: str, total: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.done = 0.0
        self._label = label
        self._total = total
        self._clock = clock
        self._began = clock()
        self._shown_at = self._began - _EVERY_S
        self._stream = _terminal()
        self._width = 0

    @property
    def is_shown(self) -> bool:
        """Whether there is a terminal to show it on."""
        return self._stream is not None

    def step(self, count: float = 1, label: str | None = None) -> None:
        """Say that so much more is done, and what is done next where that has another name."""
        self.to(self.done + count, label)

    def to(self, done: float, label: str | None = None) -> None:
        """Say how much is done altogether."""
        self.done = done
        named = label is not None and label != self._label
        if label is not None:
            self._label = label
        if self._stream is not None and (named or self._clock() - self._shown_at >= _EVERY_S):
            self._show()

    def close(self) -> None:
        """Take the line away."""
        if self._width:
            self._write("\r" + " " * self._width + "\r")
        self._stream = None

    def __enter__(self) -> Progress:
        if self._stream is not None:
            self._show()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _show(self) -> None:
        self._shown_at = self._clock()
        text = self._text()
        self._write("\r" + text.ljust(self._width))
        self._width = len(text)

    def _text(self) -> str:
        part = min(max(self.done / self._total, 0.0), 1.0) if self._total > 0 else 1.0
        filled = int(part * _BAR)
        spent = self._clock() - self._began
        left = f", {_minutes(spent / part - spent)} left" if 0 < part < 1 else ""
        figures = f" [{'#' * filled}{'.' * (_BAR - filled)}] {part:4.0%} {_minutes(spent)}{left}"
        label = "".join(letter if letter.isprintable() else "?" for letter in self._label)
        room = max(_columns(self._stream) - 1, 1)
        return (label[: max(room - len(figures), 0)] + figures)[:room]

    def _write(self, text: str) -> None:
        stream: Any = self._stream
        if stream is None:
            return
        genuine = stream is sys.__stderr__ and os.name == "posix"
        try:
            if genuine:  # a terminal that is stopped (Ctrl-S) would keep the work waiting
                write_at_once(stream.fileno(), text.encode(stream.encoding, "replace"))
            else:
                stream.write(text)
                stream.flush()
        except Exception:  # a terminal that has gone, a stand-in of the program's own
            self._stream = None


def _terminal() -> Any:
    """Return stderr if a person may be looking at it, else None."""
    stream = sys.stderr
    if stream is None or os.environ.get(VARIABLE, "").strip() == "0":
        return None
    try:
        return stream if stream.isatty() else None
    except Exception:  # it is closed
        return None


def _columns(stream: Any) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except Exception:  # no file descriptor, or none of a terminal
        return 80


def _minutes(seconds: float) -> str:
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
