"""The background thread's work in wall-clock time, on a clock that stands where the tests set it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

import cl
from cl._wait.keeper import Keeper

pytestmark = pytest.mark.usefixtures("accelerated")


@dataclass
class Still:
    """A clock that does not go on by itself."""

    frame: int

    def now(self) -> int:
        return self.frame


def test_a_body_has_50_ms_until_the_device_moves_on_without_it() -> None:
    """Stims of a body count from its tick only as long as nobody has been given what comes after it."""
    with cl.open() as neurons:
        engine = neurons._engine
        keeper = Keeper(engine)
        for tick in neurons.loop(100, stop_after_ticks=1):
            due = tick.iteration_timestamp
            clock = engine.clock = Still(due + 1_250)  # type: ignore[assignment]
            try:
                keeper._move_wall()
                assert engine.position == due
                clock.frame += 1
                keeper._move_wall()
                assert due < engine.position <= clock.frame
            finally:
                engine.clock = None
