"""What the device has lost: data that existed, and that nobody will ever see."""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from cl.error import LaggedError

_RECENT: Final = 256
"""Losses that windows are checked against; a device that has more of them in 5 s has other troubles."""


class Loss(NamedTuple):
    """`size` frames (or other things, `what`) of [start, stop) are gone."""

    start: int
    stop: int
    size: int
    what: str


class Losses:
    """The losses of an open device. Consumers compare `total` with what they know of."""

    __slots__ = ("_recent", "total")

    def __init__(self) -> None:
        self.total = 0
        self._recent: deque[Loss] = deque(maxlen=_RECENT)

    def add(self, loss: Loss) -> None:
        """Take note of a loss. Wants the engine's lock."""
        self._recent.append(loss)
        self.total += loss.size

    def since(self, known: int) -> LaggedError:
        """Return what to tell a consumer that knows of a total of `known`, less than there is."""
        missed, last = self.total - known, self._recent[-1]
        return LaggedError(
            f"the device lost {missed} {last.what}, the last of them between the frames {last.start} "
            f"and {last.stop}",
            missed,
        )

    def check(self, start: int, stop: int) -> None:
        """Raise LaggedError if something of the window [start, stop) may have been lost."""
        for loss in tuple(self._recent):
            if loss.start < stop and start < loss.stop:
                raise LaggedError(
                    f"the device lost {loss.size} {loss.what} between the frames {loss.start} and "
                    f"{loss.stop}: the window {start} to {stop} is not complete",
                    loss.size,
                )
