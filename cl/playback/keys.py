"""The keys of a terminal, one by one, without waiting for Enter."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final

EVERY_S: Final = 0.1
"""How long a key is waited for before the status is shown anew."""
_ARROWS: Final = {"A": "up", "B": "down", "C": "right", "D": "left"}
_FURTHER: Final = {"C": "minute on", "D": "minute back"}
_NAMES: Final = {
    **{f"\x1b{start}{end}": name for start in "[O" for end, name in _ARROWS.items()},
    # Shift and Control: what xterm and its like send.
    **{f"\x1b[1;{held}{end}": name for held in "25" for end, name in _FURTHER.items()},
    # rxvt
    "\x1b[c": "minute on",
    "\x1b[d": "minute back",
    "\r": "enter",
    "\n": "enter",
    "\x7f": "erase",
    "\x08": "erase",
    "\x1b": "escape",
}
_LONGEST: Final = 16
"""A sequence that is longer is none of a key."""


def has_terminal() -> bool:
    """Return whether keys can be had: stdin is a terminal, of this process's own."""
    try:
        return sys.stdin is not None and os.name == "posix" and sys.stdin.isatty()
    except ValueError:  # it is closed
        return False


class Terminal:
    """A context manager in which a terminal gives each key at once and does not show it."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._before: Any = None

    def __enter__(self) -> Terminal:
        import termios
        import tty

        self._before = termios.tcgetattr(self._fd)
        tty.setcbreak(self._fd)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        import termios

        try:
            termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)
        except termios.error:
            pass  # it has gone

    def keys(self) -> Iterator[str | None]:
        """Yield the names of keys, or their letters; None after a tenth of a second without one.

        Ends with the terminal.
        """
        rest = b""
        while True:
            if not select.select([self._fd], [], [], EVERY_S)[0]:
                if rest:  # it was no beginning of a longer one
                    yield from decode(rest)[0]
                    yield from ["escape"] * (rest == b"\x1b")
                    rest = b""
                yield None
                continue
            try:
                data = os.read(self._fd, 1024)
            except OSError:
                return
            if not data:
                return
            found, rest = decode(rest + data)
            yield from found


def decode(data: bytes) -> tuple[list[str], bytes]:
    """Return the keys that bytes stand for, and what may be the beginning of another one."""
    text = data.decode("utf-8", "replace")
    found: list[str] = []
    while text:
        if text[0] != "\x1b":
            found.append(_NAMES.get(text[0], text[0]))
            text = text[1:]
            continue
        size = _sequence(text)
        if size is None:
            return found, text.encode()
        name = _NAMES.get(text[:size])
        if name is not None:
            found.append(name)
        text = text[size:]
    return found, b""


def _sequence(text: str) -> int | None:
    """Return how long the escape sequence is that a text begins with; None: its end has yet to come."""
    if len(text) == 1:
        return None
    if text[1] == "O":
        return 3 if len(text) > 2 else None
    if text[1] != "[":
        return 1
    for at, letter in enumerate(text[2:_LONGEST], 2):
        if "@" <= letter <= "~":
            return at + 1
    return None if len(text) < _LONGEST else _LONGEST
