"""`python -m cl sweep`, in this process where it can be."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from cl.__main__ import main

SCRIPT = """
import cl

def rate(neurons, dose, pair=(0, 0)):
    if dose < 0:
        raise ValueError("a negative dose")
    return {"rate": dose * sum(pair)}

if __name__ == "__main__":
    raise SystemExit("a worker has run the script as a program")
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "levels.py"
    path.write_text(SCRIPT)
    (tmp_path / "grid.toml").write_text("dose = [0.5, -1.0]\npair = [[1, 2]]\n")
    return path


def test_a_sweep_is_planned_run_and_told(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["sweep", "run", f"{script}:rate", "--grid", "grid.toml", "--seeds", "3:5", "--out", "out"]
    assert main([*arguments, "--plan"]) == 0
    assert "4 runs are planned" in capsys.readouterr().out
    assert main(["sweep", "run", "out", "--index", "1", "--workers", "1"]) == 0
    assert "1 of 1 runs done, 0 failed" in capsys.readouterr().out
    assert main(["sweep", "status", "out"]) == 0
    assert "1 of 4 runs done" in capsys.readouterr().out
    assert main([*arguments, "--workers", "1"]) == 1
    told = capsys.readouterr().out
    assert (
        "4 of 4 runs done, 2 failed" in told and "dose=-1.0, pair=(1, 2), seed=4: ValueError: a neg" in told
    )
    assert main(["sweep", "table", "out", "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["dose"], row["seed"], row["status"], row["rate"]) for row in rows] == [
        ("0.5", "3", "done", "1.5"),
        ("0.5", "4", "done", "1.5"),
        ("-1.0", "3", "failed", ""),
        ("-1.0", "4", "failed", ""),
    ]
    assert main(["sweep", "table", "out"]) == 0
    head, first, *_ = capsys.readouterr().out.splitlines()
    assert head.split()[:4] == ["id", "dose", "pair", "seed"] and " (1, 2) " in first


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "levels.py:rate", "--grid", "grid.toml"], "--out DIR is missing"),
        (["run", "levels.py", "--out", "o"], "is no experiment"),
        (["run", "others.py:rate", "--out", "o"], "others.py: no such file"),
        (["run", "levels.py:no", "--out", "o"], "has no attribute 'no'"),
        (["run", "levels.py:rate", "--out", "o"], "missing a required argument: 'dose'"),
        (["run", "levels.py:rate", "--grid", "levels.py", "--out", "o"], "levels.py: "),
        (["run", "levels.py:rate", "--grid", "grid.toml", "--seeds", "a:b", "--out", "o"], "--seeds 'a:b'"),
        (
            ["run", "levels.py:rate", "--grid", "grid.toml", "--index", "2", "--out", "o"],
            "index must be at most 1",
        ),
        (["status", "nowhere"], "has no sweep"),
    ],
)
def test_what_is_wrong_is_told(
    arguments: list[str], said: str, script: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", *arguments]) == 1
    assert said in capsys.readouterr().err
