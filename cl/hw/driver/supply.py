"""Where the data come from: the device posts them by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl._core.steps import Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from cl._core.engine import Engine

    from .link import Link


class Posted:
    """Data that a device posts by itself: a `cl._core.supply.Supply`."""

    def __init__(self, engine: Engine, link: Link) -> None:
        self._engine = engine
        self._link = link

    def reach(self, frame: int, lends: bool = False) -> Step:
        return Step.DONE if self._engine.position >= frame else Step.PARK

    def deliver(self, frame: int) -> Step:
        return Step.DONE if self._engine.position >= frame else Step.SLEEP

    def move(self, frame: int) -> bool:
        return self._engine.position >= frame

    def present(self, now: int) -> int:
        return self._engine.position

    def bring_up(self, frame: int) -> None:
        """Take what the device has posted by now, without waiting for the reader thread to."""
        self._link.catch_up()

    def quiet_until(self) -> int:
        return self._engine.position

    def asks(self, lends: bool) -> Callable[[], None] | None:
        return None

    def reach_alone(self, frame: int, lends: bool, alone: Callable[[], bool]) -> bool:
        return False

    def is_awaited(self) -> bool:
        return False

    def is_asked_here(self) -> bool:
        return False
