"""What a schedule does: on a clock that is set, with processes that are told how they end."""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from schedule_tools import BEGAN, Crash, World, run, schedule

from cl._schedule.supervisor import GRACE_S, Supervisor

TWO = """
[schedule]
timezone = "UTC"
until = 2026-12-03T08:00:00
[[run]]
name = "often"
record = "20 min"
every = "1 h"
[[run]]
name = "daily"
record = "2.5 h"
at = "09:10"
"""
ONE = "[schedule]\nuntil = {until}\n[[run]]\nname = 'a'\nrecord = 60\nevery = '1 h'\n{more}\n"


def one(more: str = "", hours: float = 5.5) -> str:
    until = (BEGAN + timedelta(hours=hours)).isoformat()
    return ONE.format(more=more, until=until)


def outcomes(supervisor: Supervisor) -> list[str]:
    return [result.outcome for result in supervisor.results]


def test_three_days(tmp_path: Path) -> None:
    """One after the other, never two at once; what was missed is done once, and told."""
    world = World(length=1_200, step=20)
    status, supervisor = run(schedule(tmp_path, TWO), world)
    assert status == 0 and world.said[-1].endswith("it goes until 2026-12-03T08:00:00+00:00")
    begun = [name for name, _, _ in world.begun]
    assert (begun.count("often"), begun.count("daily")) == (3 * 24, 3)
    daily = [moment for name, _, moment in world.begun if name == "daily"]
    # 09:10 falls into the run of 09:00, which lasts until 09:20.
    assert {moment.strftime("%H:%M") for moment in daily} == {"09:20"}
    assert set(outcomes(supervisor)) == {"done"}


def test_what_was_due_while_another_one_ran_is_done_once(tmp_path: Path) -> None:
    world = World(length=3.5 * 3600, step=20)
    _, supervisor = run(schedule(tmp_path, one(hours=8)), world)
    assert [moment - BEGAN for _, _, moment in world.begun] == [
        timedelta(hours=0),
        timedelta(hours=3.5),
        timedelta(hours=7),
    ]
    assert [datetime.fromisoformat(due) - BEGAN for _, due, _ in world.begun] == [
        timedelta(hours=hours) for hours in (0, 3, 7)
    ]
    assert outcomes(supervisor) == ["done", "missed", "done", "missed", "done"]


@pytest.mark.parametrize(
    ("policy", "expected", "status"),
    [
        ("continue", ["failed"] * 6, 0),
        ("drop", ["failed"], 0),
        ("stop", ["failed"], 1),
        ("retry'\nretries = 2\nretry_after = '10 min", ["failed"] * 18, 0),
    ],
)
def test_after_a_failure(tmp_path: Path, policy: str, expected: list[str], status: int) -> None:
    world = World(status=lambda name, attempt: (3, "a <reason>"))
    found, supervisor = run(schedule(tmp_path, one(f"after_failure = '{policy}'")), world)
    assert (outcomes(supervisor), found) == (expected, status)
    page = (tmp_path / "plan" / "index.html").read_text()
    assert "a &lt;reason&gt;" in page and "<reason>" not in page


def test_a_retry_that_succeeds_ends_the_retries(tmp_path: Path) -> None:
    world = World(status=lambda name, attempt: (attempt % 3 != 2, ""))
    _, supervisor = run(schedule(tmp_path, one("after_failure = 'retry'", 3.5)), world)
    assert outcomes(supervisor) == ["failed", "failed", "done"] * 4


def test_a_device_that_comes_back(tmp_path: Path) -> None:
    """It is waited for, and what was to be done then is done; a failure it is not."""
    world = World(length=1, status=lambda name, attempt: (75, "no one is there") if attempt < 90 else (0, ""))
    _, supervisor = run(schedule(tmp_path, one("after_failure = 'stop'", 1.5)), world)
    assert outcomes(supervisor) == ["no device", "done", "done"]
    assert len(list((tmp_path / "plan" / "a").iterdir())) == 2
    first = [due for _, due, _ in world.begun[:91]]
    assert set(first) == {BEGAN.isoformat()}
    assert timedelta(minutes=15) < world.begun[90][2] - BEGAN < timedelta(minutes=25)


def test_a_run_that_takes_too_long(tmp_path: Path) -> None:
    plan = schedule(tmp_path, one("limit = '5 min'", 0.5))
    world = World(length=3000, step=2)
    _, supervisor = run(plan, world)
    (result,) = supervisor.results
    assert result.outcome == "timed out" and result.started is not None
    assert timedelta(minutes=5) <= result.ended - result.started < timedelta(minutes=5.1)
    world = World(length=3000, step=2)
    world.ignores_interrupts = True
    shutil.rmtree(plan.output)
    _, supervisor = run(plan, world)
    (result,) = supervisor.results
    assert world.processes[1].killed and result.started is not None
    assert result.ended - result.started > timedelta(minutes=5, seconds=GRACE_S - 1)


@pytest.mark.parametrize("seed", range(2))
def test_it_survives_its_own_end(tmp_path: Path, seed: int) -> None:
    """Killed at any moment and started anew: everything is done once, and what runs is gone on with."""
    random = Random(seed)
    world = World(length=1_200, step=20)
    world.crash_at = BEGAN + timedelta(seconds=random.uniform(1, 20_000))
    plan = schedule(tmp_path, TWO)
    crashes = 0

    class Killed(Supervisor):
        """One that is killed has no time to stop its run."""

        def _stop(self, process: object) -> tuple[int, str]:
            raise Crash

    while True:
        try:
            with Killed(plan, world, world, world.said.append) as supervisor:
                assert supervisor.run() == 0
                break
        except Crash:
            crashes += 1
            world.crash_at = world.time + timedelta(seconds=random.uniform(1, 60_000))
    assert crashes > 1
    dues = [(name, due) for name, due, _ in world.begun]
    assert len(set(dues)) == len(dues) == 3 * 25
    assert set(outcomes(supervisor)) == {"done"}
    lines = (tmp_path / "plan" / "history.jsonl").read_text().splitlines()
    assert len(lines) == 3 * 25 and json.loads(lines[0])["outcome"] == "done"


def test_an_interruption_ends_its_run(tmp_path: Path) -> None:
    plan, world = schedule(tmp_path, one(hours=1.5)), World(length=1_000)
    world.crash_at = BEGAN + timedelta(seconds=500)
    _, supervisor = run(plan, world)
    assert outcomes(supervisor) == ["interrupted", "done"]


def test_times_and_the_end(tmp_path: Path) -> None:
    text = one("times = 2").replace("[schedule]", "[schedule]\ndevice = 'unix:/x'\nenvironment = {A = 1}")
    world = World()
    status, supervisor = run(schedule(tmp_path, text), world)
    assert status == 0 and outcomes(supervisor) == ["done", "done"]
    assert world.said[-1].endswith("all runs are done")
    assert world.environment == {"A": "1", "CL_DEVICE": "unix:/x"}


def test_a_folder_has_one_supervisor_and_a_state_that_is_one(tmp_path: Path) -> None:
    plan, world = schedule(tmp_path, one()), World()
    with (
        Supervisor(plan, world, world, world.said.append),
        pytest.raises(RuntimeError, match="used by another process"),
        Supervisor(plan, world, world, world.said.append),
    ):
        pass
    (plan.output / "state.json").write_text("{}")
    with pytest.raises(ValueError, match="is no state of a schedule"), Supervisor(plan, world, world):
        pass
