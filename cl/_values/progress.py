"""How far a long piece of work has come: a line on stderr, where that is a terminal, a bar in a notebook."""

from __future__ import annotations

import math
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from . import notebook_bar, terminal_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from .notebook_bar import Bar
    from .terminal_line import Line

VARIABLE: Final = "CL_PROGRESS"
"""0: nothing is shown."""
_EVERY_S: Final = 0.1


class Progress:
    """Says how much of `total` is done; a context manager.

    `with Progress("recovering", total=frames) as progress: progress.step(n)`. A line on stderr where that is
    a terminal, a bar below the cell in a notebook; nothing elsewhere, and with `CL_PROGRESS=0`. At the end it
    is gone, but for a bar that `stays`. That it cannot be shown (a terminal that has gone) never raises.
    """

    def __init__(
        self, label: str, total: float, *, stays: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.done = 0.0
        self._label = label
        self._total = total
        self._failed = 0.0
        self._first: float | None = None
        self._stays = stays
        self._clock = clock
        self._began = clock()
        self._shown_at = -math.inf
        self._screen = _screen()

    @property
    def is_shown(self) -> bool:
        """Whether there is somewhere to show it."""
        return self._screen is not None

    def step(self, count: float = 1, label: str | None = None) -> None:
        """Say that so much more is done, and what is done next where that has another name."""
        self.to(self.done + count, label)

    def to(self, done: float, label: str | None = None, failed: float = 0.0) -> None:
        """Say how much is done altogether, and how much of that has failed."""
        self.done = done
        self._failed = failed
        named = label is not None and label != self._label
        if label is not None:
            self._label = label
        if self._screen is not None and (named or self._clock() - self._shown_at >= _EVERY_S):
            self._show()

    def close(self) -> None:
        """Take the line away, and the bar unless it stays."""
        screen = self._screen
        if screen is not None and self._stays and isinstance(screen, notebook_bar.Bar):
            self._show()
        elif screen is not None:
            with suppress(Exception):
                screen.clear()
        self._screen = None

    def __enter__(self) -> Progress:
        if self._screen is not None:
            self._show()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _show(self) -> None:
        self._shown_at = self._clock()
        part = self._part_of(self.done)
        spent = self._clock() - self._began
        first = self._first = part if self._first is None else self._first
        left = f", {_minutes(spent * (1 - part) / (part - first))} left" if first < part < 1 else ""
        try:
            assert self._screen is not None
            self._screen.draw(self._label, part, self._part_of(self._failed, 0.0), _minutes(spent) + left)
        except Exception:  # a terminal that has gone, a stand-in of the program's own
            self._screen = None

    def _part_of(self, amount: float, of_nothing: float = 1.0) -> float:
        return min(max(amount / self._total, 0.0), 1.0) if self._total > 0 else of_nothing


def _screen() -> Line | Bar | None:
    """Return where it is shown to a person, if anywhere."""
    if os.environ.get(VARIABLE, "").strip() == "0":
        return None
    return terminal_line.line() or notebook_bar.bar()


def _minutes(seconds: float) -> str:
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
