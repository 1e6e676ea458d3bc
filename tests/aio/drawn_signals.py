"""Signals that come at a drawn point of a program: a turn of its loop, a task's turn, a look at the clock."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any

SENT = {
    "interrupt": signal.SIGINT,
    "two interrupts": signal.SIGINT,
    "raised": signal.SIGINT,
    "handler": signal.SIGTERM,
}
"""What asyncio makes of Ctrl-C, the same and once more, what programs with a loop of their own see of it
(KeyboardInterrupt where they stand), and a handler of the loop's."""


class DrawnSignal:
    """Counts the points at which a signal may come, and sends it at one of them."""

    def __init__(self, kind: str = "interrupt", points: tuple[int, ...] = ()) -> None:
        self.kind = kind
        self.passed = 0
        self.over = False
        """Whether the program has ended. What comes later comes in the midst of asyncio's own end."""
        self._points = points
        self._main = threading.get_ident()

    @classmethod
    def drawn(cls, random: Random, points: int, kinds: Sequence[str] = (*SENT,)) -> DrawnSignal:
        """Return one that comes at one of so many points, each third time near the end."""
        kind = random.choice(kinds)
        first = random.randrange(points if random.random() < 2 / 3 else min(points, 40))
        first = points - 1 - first
        again = (first + random.choice((1, 1, 2, 5, 40)),) if kind == "two interrupts" else ()
        return cls(kind, (first, *again))

    def point(self) -> None:
        """Let the signal come here, if it is this point's; handlers run before this returns."""
        if self.over or threading.get_ident() != self._main:
            return
        self.passed += 1
        if self.passed - 1 in self._points:
            signal.raise_signal(SENT[self.kind])

    @property
    def came(self) -> bool:
        """Whether the program has come to its point."""
        return bool(self._points) and self.passed > self._points[0]

    @contextmanager
    def arranged(self) -> Iterator[None]:
        """Have a signal handled as its kind says, by handlers of which asyncio's is one."""
        before = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
        signal.signal(signal.SIGINT, _raises if self.kind == "raised" else signal.default_int_handler)
        signal.signal(signal.SIGTERM, lambda number, frame: None)  # Until the loop has its handler.
        try:
            yield
        finally:
            for number, handler in before:
                signal.signal(number, handler)


def _raises(number: int, frame: Any) -> None:
    # Not Python's own, in whose place asyncio puts its.
    raise KeyboardInterrupt
