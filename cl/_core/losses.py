"""What the device has lost: data that existed, and that no program will ever see."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from cl.error import LaggedError

if TYPE_CHECKING:
    from collections.abc import Iterable

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

    __slots__ = ("_followers", "_recent", "total")

    def __init__(self) -> None:
        self.total = 0
        self._recent: deque[Loss] = deque(maxlen=_RECENT)
        self._followers: list[Followed] = []

    def add(self, loss: Loss) -> None:
        """Take note of a loss. Wants the engine's lock."""
        self._recent.append(loss)
        self.total += loss.size
        if self._followers:
            self._followers = [each for each in self._followers if each.wanted]
            for each in self._followers:
                each.losses.append(loss)

    def follow(self) -> Followed:
        """Return the recent losses; those to come are added. Wants the engine's lock."""
        followed = Followed(list(self._recent))
        self._followers = [*(each for each in self._followers if each.wanted), followed]
        return followed

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


class Followed:
    """Losses, as they come, as long as they are `wanted`; any thread may end that, without the lock."""

    __slots__ = ("losses", "wanted")

    def __init__(self, losses: list[Loss]) -> None:
        self.losses = losses
        self.wanted = True


def lost_within(losses: Iterable[Loss], start: int, stop: int) -> dict[str, int]:
    """Return how many frames (or other things) of the window [start, stop) were lost, by what they are.

    Where a loss goes beyond the window, as many count as may lie in it.
    """
    found: dict[str, int] = {}
    for loss in losses:
        overlap = min(loss.stop, stop) - max(loss.start, start)
        if overlap > 0:
            size = min(loss.size, overlap) if loss.what == "frames" else loss.size
            found[loss.what] = found.get(loss.what, 0) + size
    return found
