"""The game: a court with a ball, three walls, and a paddle in the place of the fourth."""

from __future__ import annotations

import random
from enum import Enum
from typing import Final

_STEEPEST: Final = 1.2
"""Of the ball: its speed along the paddle by that towards it."""
_SPIN: Final = 0.5
"""How much a ball that is hit off the paddle's middle leaves at another angle."""


class Outcome(Enum):
    """What has come of a ball at the paddle."""

    HIT = "hit"
    MISS = "miss"


class Game:
    """A court of 1 by 1: x from the paddle (0) to the far wall (1), y from the top (0) to the bottom (1)."""

    def __init__(
        self, rng: random.Random, crossing_s: float, paddle_size: float, paddle_speed: float
    ) -> None:
        self._rng = rng
        self._speed = 1.0 / crossing_s
        self._half = paddle_size / 2
        self._paddle_speed = paddle_speed
        self.paddle = 0.5
        """The y of the paddle's middle."""
        self.ball = (1.0, 0.5)
        self._velocity = (0.0, 0.0)
        self.serve()

    def serve(self) -> None:
        """Serve a ball from a random place of the far wall, in a random direction."""
        self.ball = (1.0, self._rng.random())
        self._velocity = (-self._speed, self._speed * self._rng.uniform(-1.0, 1.0))

    def move_paddle(self, seconds: float, direction: int) -> None:
        """Move the paddle up (-1), down (1) or not at all (0) for some time."""
        moved = self.paddle + direction * self._paddle_speed * seconds
        self.paddle = min(max(moved, self._half), 1.0 - self._half)

    def move_ball(self, seconds: float, returns: bool = False) -> Outcome | None:
        """Move the ball; return what has come of it where it came to the paddle.

        A missed ball stays where it is, unless `returns` says that it comes back all the same.
        """
        (x, y), (dx, dy) = self.ball, self._velocity
        x, y = x + dx * seconds, y + dy * seconds
        if not 0.0 <= y <= 1.0:
            y, dy = _reflected(y), -dy
        if x > 1.0:
            x, dx = 2.0 - x, -dx
        outcome = None
        if x < 0.0:
            outcome = Outcome.HIT if abs(y - self.paddle) <= self._half else Outcome.MISS
            x, dx = (0.0, dx) if outcome is Outcome.MISS and not returns else (-x, -dx)
            if outcome is Outcome.HIT:
                dy = self._bounded(dy + _SPIN * self._speed * (y - self.paddle) / self._half)
        self.ball, self._velocity = (x, y), (dx, dy)
        return outcome

    def _bounded(self, dy: float) -> float:
        steepest = _STEEPEST * self._speed
        return min(max(dy, -steepest), steepest)


def _reflected(y: float) -> float:
    return -y if y < 0.0 else 2.0 - y
