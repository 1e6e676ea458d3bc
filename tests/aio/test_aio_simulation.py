"""Random programs under schedules that are drawn from seeds: one result each, an end, nothing left behind."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest
from leak_tools import threads
from random_programs import Program, Run, generate
from seeded_loop import seeded

SCHEDULES = int(os.environ.get("CL_SCHEDULES", "300"))
PER_PROGRAM = 10
ON_TRIO = "CL_SCHEDULES_ON_TRIO" in os.environ
REPLAYED = os.environ.get("CL_SCHEDULE")
"""A program and a seed, as a failure has printed them."""


def result_of(program: Program, seed: int | None) -> tuple[Any, ...]:
    """Return what a program comes to under a schedule; None: as tasks come."""
    schedule = None if seed is None else Random(seed)
    before = threads()
    with tempfile.TemporaryDirectory(prefix="cl-simulation-") as folder:
        run = Run(program, schedule, Path(folder))
        found = _on_trio(run, seed) if ON_TRIO else _on_asyncio(run, seed)
    assert not threads() - before, threads() - before
    return found


def _on_asyncio(run: Run, seed: int | None) -> tuple[Any, ...]:
    with seeded(0 if seed is None else seed) as make:
        return anyio.run(run.run, backend_options={"loop_factory": make})


def _on_trio(run: Run, seed: int | None) -> tuple[Any, ...]:
    import trio._core._run as trio_run

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trio_run, "_ALLOW_DETERMINISTIC_SCHEDULING", True)
        trio_run._r.seed(seed or 0)
        return anyio.run(run.run, backend="trio")


def difference(program: Program, seed: int) -> str | None:
    """Return how a schedule's result differs from that without one, if it does."""
    expected = result_of(program, None)
    try:
        found = result_of(program, seed)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    if found == expected:
        return None
    for at, (mine, theirs) in enumerate(zip(found[0], expected[0], strict=False)):
        if mine != theirs:
            return f"entry {at} is {mine} instead of {theirs}"
    return f"{found[1:]} instead of {expected[1:]}"


def smaller(program: Program, seed: int) -> Program:
    """Return the least part of a program whose result still differs under the schedule."""
    at = 0
    while at < len(program.jobs):
        part = program.without(at)
        if part.jobs and difference(part, seed) is not None:
            program, at = part, 0
        else:
            at += 1
    return program


def fail(program: Program, seed: int) -> None:
    """Fail with the line that replays it."""
    least = program if "CL_NO_SHRINK" in os.environ else smaller(program, seed)
    pytest.fail(
        f"CL_SCHEDULE={least.kept}/{seed}{' CL_SCHEDULES_ON_TRIO=1' * ON_TRIO} pytest {__file__}: "
        f"{difference(least, seed)}"
    )


@pytest.mark.timeout(300 + SCHEDULES)
@pytest.mark.skipif(REPLAYED is not None, reason="one is replayed")
def test_every_schedule_gives_one_result() -> None:
    counts: Counter[str] = Counter()
    for number in range(-(-SCHEDULES // PER_PROGRAM)):
        program = generate(number)
        expected = result_of(program, None)
        counts["programs"] += 1
        counts["entries"] += len(expected[0])
        counts += Counter(expected[1].values())
        for seed in range(number * PER_PROGRAM, (number + 1) * PER_PROGRAM):
            try:
                is_same = result_of(program, seed) == expected
            except Exception:
                is_same = False
            if not is_same:
                fail(program, seed)
            counts["schedules"] += 1
    print(dict(counts))
    assert counts["schedules"] >= SCHEDULES and counts["entries"] > 20 * counts["programs"]
    assert SCHEDULES < 300 or all(counts[end] for end in ("end", "cancelled", "raised", "the device failed"))


@pytest.mark.skipif(REPLAYED is None, reason="CL_SCHEDULE=<program>/<seed> replays one")
def test_replay() -> None:
    assert REPLAYED is not None
    program, seed = REPLAYED.split("/")
    assert difference(Program.part(program), int(seed)) is None
