"""Interruptions at random instants of opening, looping, stimulating, recording, closing: on the simulator."""

from __future__ import annotations

import pytest
from fuzzing import interrupt_at_random

from cl.sim import Simulator

# What an interruption hits in a destructor is told by Python, and goes no further.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("accelerated", [True, False], ids=["accelerated", "wall clock"])
@pytest.mark.parametrize("source", [None, "cl.sim.culture:create"], ids=["random", "culture"])
def test_whatever_is_interrupted_a_full_run_follows(source: str | None, accelerated: bool) -> None:
    config = {"size": 100, "seed": 3} if source else None
    simulator = Simulator(source=source, config=config, seed=7, accelerated=accelerated)
    assert interrupt_at_random(simulator, seed=5) > 0
