"""A person at a terminal who steers a player by keys, and sees where it is."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from typing import Final, TextIO

from cl._values.constants import FRAMES_PER_SECOND
from cl.visualisation.server.commands import Play, Seek, Speed
from cl.visualisation.server.player import Player, Recorded

from .times import shown, typed

SLOWEST: Final = 0.25
FASTEST: Final = 4.0
_STEP: Final = 0.25
_TOLD_S: Final = 1.5
"""How long it is said what was done."""
_PROMPT: Final = "Go to (MM:SS or SS): "
KEYS: Final = """\
  SPACE        pause, resume
  ← / →        5 seconds back, forward
  Shift+← / →  1 minute back, forward
  ↑ / ↓        faster, slower by 0.25x
  g            go to a time
  r            to the start
  h / ?        these keys
  q            quit
"""


class Session:
    """Keys come in, a status line goes out, until `q` or the end of the keys.

    `keys` yields a key or, where there is none for a while, None. The line is rewritten on `screen`, if that
    is a terminal.
    """

    def __init__(
        self, player: Player, recorded: Recorded, keys: Iterable[str | None], screen: TextIO
    ) -> None:
        self._player = player
        self._recorded = recorded
        self._keys = keys
        self._screen = screen
        self._shows = screen.isatty()
        self._typed: str | None = None
        """What has been typed of a time, where one is asked for."""
        self._told = ""
        self._told_until = 0.0
        self._actions: dict[str, Callable[[], str]] = {
            " ": self._toggle,
            "left": lambda: self._skip(-5, "◀◀ -5s"),
            "right": lambda: self._skip(5, "▶▶ +5s"),
            "minute back": lambda: self._skip(-60, "◀◀ -1min"),
            "minute on": lambda: self._skip(60, "▶▶ +1min"),
            "up": lambda: self._accelerate(_STEP),
            "down": lambda: self._accelerate(-_STEP),
            "r": self._restart,
            "h": self._help,
            "?": self._help,
            "g": self._ask,
        }

    def run(self) -> None:
        """Take keys until the end."""
        self._write("\x1b[?25l" if self._shows else "")
        try:
            self._help()
            self._show()
            for key in self._keys:
                if key == "q" and self._typed is None:
                    break
                if key is not None:
                    self.press(key)
                self._show()
        finally:
            self._write("\x1b[?25h\n" if self._shows else "")

    def press(self, key: str) -> None:
        """Do what a key stands for."""
        if self._typed is not None:
            self._type(key, self._typed)
            return
        action = self._actions.get(key)
        if action is not None:
            self._tell(action())

    def line(self) -> str:
        """Return the status line."""
        if self._typed is not None:
            return _PROMPT + self._typed
        player, recorded = self._player, self._recorded
        recorded.follow()  # there may be no page that asks for it
        state = "▶ PLAYING" if player.playing else "⏸ PAUSED"
        speed = "" if player.speed == 1 else f"  [{player.speed:g}x]"
        position, length = player.position() - recorded.start, recorded.stop - recorded.start
        times = f"{shown(position / FRAMES_PER_SECOND)} / {shown(length / FRAMES_PER_SECOND)}"
        told = f"  | {self._told}" if self._told and time.monotonic() < self._told_until else ""
        return f"{state}{speed}  {times}  ({100 * position / length:5.1f}%){told}"

    def _tell(self, text: str) -> None:
        self._told, self._told_until = text, time.monotonic() + _TOLD_S

    def _toggle(self) -> str:
        # At the end there is nothing to resume: it pauses again at once.
        playing = not self._player.playing and not self._player.at_end
        self._player.control(Play(playing))
        return "Resumed" if playing else "Paused"

    def _skip(self, seconds: int, told: str) -> str:
        self._player.control(Seek(self._player.position() + seconds * FRAMES_PER_SECOND))
        return told

    def _accelerate(self, step: float) -> str:
        speed = min(max(self._player.speed + step, SLOWEST), FASTEST)
        self._player.control(Speed(speed))
        return f"Speed: {speed:g}x"

    def _restart(self) -> str:
        self._player.control(Seek(self._recorded.start))
        return "⏮ Restarted"

    def _help(self) -> str:
        self._write(("\r\x1b[K" if self._shows else "") + "\n" + KEYS + "\n")
        return ""

    def _ask(self) -> str:
        self._typed = ""
        self._write("\x1b[?25h" if self._shows else "")
        return ""

    def _type(self, key: str, before: str) -> None:
        if key in ("enter", "escape"):
            self._typed = None
            self._write("\x1b[?25l" if self._shows else "")
            if key == "enter" and before.strip():
                self._tell(self._go(before))
        elif key == "erase":
            self._typed = before[:-1]
        elif len(key) == 1 and key.isprintable():
            self._typed = before + key

    def _go(self, text: str) -> str:
        try:
            seconds = typed(text)
        except ValueError:
            return "Invalid time format"
        self._player.control(Seek(self._recorded.start + round(seconds * FRAMES_PER_SECOND)))
        return f"Jumped to {shown((self._player.position() - self._recorded.start) / FRAMES_PER_SECOND)}"

    def _show(self) -> None:
        if not self._shows:
            return
        try:
            width = os.get_terminal_size(self._screen.fileno()).columns or 80
        except (OSError, ValueError):
            width = 80
        self._write("\r\x1b[K" + self.line()[: max(width - 1, 1)])

    def _write(self, text: str) -> None:
        self._screen.write(text)
        self._screen.flush()
