"""What `benchmarks/endurance.py` goes by: what grows is told from what is flat, whatever the noise."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from flatness import Look, slope_of, verdicts


def looks(leak_megabytes: float = 0.0, thread_at: int | None = None) -> list[Look]:
    """Return what a run looks like: it warms up, allocators round, a page comes now and then."""
    random, found = Random(5), []
    for at in range(100):
        progress = at / 100
        memory = min(70.0, 50 + 200 * progress) + random.gauss(0, 0.4) + leak_megabytes * progress
        memory += 30 * (random.random() < 0.05)
        threads = 4 + (thread_at is not None and at >= thread_at)
        found.append(Look(progress, 36.0 * at, memory, 13 + (random.random() < 0.1), threads))
    return found


def grows(**what: float) -> list[str]:
    return [verdict.quantity.field for verdict in verdicts(looks(**what)) if not verdict.flat]  # type: ignore[arg-type]


def test_noise_is_flat_and_leaks_are_not() -> None:
    assert grows() == []
    assert grows(leak_megabytes=3) == ["megabytes"]
    assert grows(thread_at=60) == grows(thread_at=97) == ["threads"]


def test_the_bounds_hold_the_slope() -> None:
    random = Random(3)
    steady = slope_of([(at / 50, 2.0 * at / 50) for at in range(50)])
    assert steady.low == pytest.approx(2) and steady.high == pytest.approx(2)
    within = 0
    for _ in range(40):
        slope = slope_of([(at / 50, 2.0 * at / 50 + random.gauss(0, 1)) for at in range(50)])
        within += slope.low <= 2 <= slope.high
    assert within >= 34, f"{within} of 40, where 38 are to be expected"


def test_too_few_looks_say_nothing() -> None:
    with pytest.raises(ValueError, match="39 looks are too few"):
        verdicts(looks()[:39])
