"""What is refused before anything runs, and what tells one run from another."""

from __future__ import annotations

import math
import os
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import sweep_experiments

import cl
from cl._sweep.carried import carried
from cl._sweep.experiment import code_of, experiment_of, main_name
from cl._sweep.sweeping import resumed

EXPERIMENT: Any = sweep_experiments.dose
WRONG: list[tuple[Any, type[Exception], str]] = [
    ({"channel": [1, 2, 1]}, ValueError, r"grid\['channel'\] has 1 twice"),
    ({"channel": []}, ValueError, r"grid\['channel'\] is empty: there are no runs"),
    ({"channel": 8}, TypeError, r"grid\['channel'\] is 8 \(an int\): it must be a list"),
    ({"channel": "fast"}, TypeError, "must be a list"),
    (
        {"channel": [[1, 2]]},
        TypeError,
        r"grid\['channel'\]\[0\] is \[1, 2\] \(a list\), which is not hashable",
    ),
    ({"channel": [np.zeros(2)]}, TypeError, "not hashable"),
    ({"channel": [b"x"]}, TypeError, r"b'x' \(a bytes\): a parameter is a number"),
    (
        {"channel": [1, math.nan]},
        ValueError,
        r"grid\['channel'\]\[1\] is nan: a parameter is a finite number",
    ),
    ({"channel": [np.float32("inf")]}, ValueError, "finite"),
    ({"channel": [(1, math.nan)]}, ValueError, r"grid\['channel'\]\[0\]\[1\] is nan"),
    ({"channel": [1], "seed": [1]}, ValueError, "'seed', which is a name of every row"),
    ({"channel": [1], "neurons": [1]}, ValueError, "'neurons', which is what the experiment calls"),
    ({"channel": [1], "dose": [1]}, TypeError, "unexpected keyword argument 'dose'"),
    ({"current": [1]}, TypeError, "missing a required argument: 'channel'"),
    ({1: [1]}, TypeError, "parameters have names"),
    ([], ValueError, "no runs"),
    ([{"channel": 1}, {"channel": np.int64(1)}], ValueError, "twice: as runs 0 and 1"),
    ([3], TypeError, r"grid\[0\] is 3"),
    (7, TypeError, "an object with ask"),
]


@pytest.mark.parametrize(("grid", "kind", "text"), WRONG)
def test_what_is_wrong_with_a_grid_is_told_at_once(
    grid: Any, kind: type[Exception], text: str, tmp_path: Path
) -> None:
    with pytest.raises(kind, match=text):
        cl.sweep(EXPERIMENT, grid, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_wrong_with_the_rest_is_told_at_once(tmp_path: Path) -> None:
    grid = {"channel": [1]}
    file = tmp_path / "file"
    file.touch()
    for wrong, text in (
        ({"seeds": 0}, "no runs"),
        ({"seeds": [1, 1]}, "seeds has 1 twice"),
        ({"seeds": [-1]}, r"seeds\[0\] must be at least 0"),
        ({"seeds": 1.5}, "seeds must be an integer"),
        ({"timeout": 0}, "timeout must be more than 0"),
        ({"retries": -1}, "retries"),
        ({"executor": 0}, "executor must be at least 1"),
        ({"source": {"seed": 1}}, "source has 'seed'"),
        ({"source": lambda: None}, "workers cannot import"),
        ({"source": 5}, "source is 5"),
        ({"source": {"sample_mean": -1}}, "sample_mean"),
        ({"out": file}, "a file"),
    ):
        with pytest.raises((TypeError, ValueError, OSError), match=text):
            cl.sweep(EXPERIMENT, grid, **{"out": tmp_path / "out", **wrong})

    def local(neurons: Any) -> None: ...

    for experiment in (local, lambda neurons: None, "dose", 5):
        with pytest.raises((TypeError, ValueError), match="an experiment is a function that workers import"):
            cl.sweep(experiment, {}, out=tmp_path / "out")  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_a_folder_belongs_to_one_experiment(tmp_path: Path) -> None:
    cl.sweep(EXPERIMENT, {"channel": [1]}, out=tmp_path)
    with pytest.raises(
        ValueError, match=r"belongs to the experiment sweep_experiments:dose, not to .*:opens"
    ):
        cl.sweep(sweep_experiments.opens, {"seconds": [1]}, out=tmp_path)
    with pytest.raises(FileNotFoundError, match="no sweep"):
        resumed(tmp_path / "other")


def ids(tmp_path: Path, grid: Any, **options: Any) -> list[str]:
    sweep = cl.sweep(EXPERIMENT, grid, out=tmp_path, **options)
    return [run.id for run in sweep._plan.known]


def test_a_run_is_known_by_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (plain,) = ids(tmp_path, {"channel": [8]})
    assert ids(tmp_path, [{"channel": np.int64(8)}]) == [plain]
    assert ids(tmp_path, {"channel": [8]}, seeds=2)[0] == plain
    assert ids(tmp_path, {"channel": [8]}, source="random") == [plain]
    monkeypatch.setenv("CL_SDK_SYNC_LIMIT", "16384")
    assert ids(tmp_path, {"channel": [8]}) == [plain]
    both = {"channel": [8], "current": [1.0]}
    assert ids(tmp_path, both) == ids(tmp_path, dict(reversed(both.items())))
    others = [
        *ids(tmp_path, {"channel": [9]}),
        *ids(tmp_path, both),
        *ids(tmp_path, {"channel": [8]}, seeds=[1]),
        *ids(tmp_path, {"channel": [8]}, source="cl.sim.culture:create"),
        *ids(tmp_path, {"channel": [8]}, source={"source": "cl.sim.culture:create", "config": {"size": 50}}),
        *ids(tmp_path, {"channel": [8]}, source={"sample_mean": 100}),
    ]
    monkeypatch.setenv("CL_SDK_SPIKE_PERCENTILE", "99")
    others += ids(tmp_path, {"channel": [8]})
    assert len({plain, *others}) == 8
    monkeypatch.setenv("CL_SDK_DATA_SOURCE", "cl.sim.culture:create")
    monkeypatch.delenv("CL_SDK_SPIKE_PERCENTILE")
    assert ids(tmp_path, {"channel": [8]}) == [others[3]]


def test_what_the_environment_forbids_goes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (plain,) = ids(tmp_path, {"channel": [8]})
    budget = Path("budget.toml")
    budget.write_text('[[budget]]\nchannels = "all"\nmax_rate_hz = 20\n')
    Path(".env").write_text("CL_STIM_BUDGET=budget.toml\nCL_STIM_WARNINGS=1\n")
    (bound,) = ids(tmp_path, {"channel": [8]})
    assert bound != plain and carried()["CL_STIM_BUDGET"] == str(budget.absolute())
    budget.write_text('[[budget]]\nchannels = "all"\nmax_rate_hz = 1\n')
    assert len({plain, bound, *ids(tmp_path, {"channel": [8]})}) == 3
    budget.write_text("[[budget]]\nchannels = [3]\nmax_charge_nC_per_s = 0.001\n")
    grid = [{"channel": 3}, {"channel": 8}]
    refused, taken = cl.sweep(EXPERIMENT, grid, out=tmp_path, executor=1).run().rows
    assert "StimBudgetExceeded" in str(refused.error) and not taken.failed


def test_grids_grow_and_are_planned_in_their_order(tmp_path: Path) -> None:
    first = ids(tmp_path, {"channel": [8, 9]}, seeds=2)
    more = ids(tmp_path, {"channel": [7, 8, 9]}, seeds=2)
    assert more[2:] == first
    planned = [run.id for run in resumed(tmp_path)._plan.known]
    assert planned == [*first, *more[:2]]
    with (tmp_path / "runs.jsonl").open("a") as file:
        file.write('{"id": "12')  # killed while it was written
    assert ids(tmp_path, {"channel": [1]}, seeds=1)[0] in [run.id for run in resumed(tmp_path)._plan.known]


def test_the_code_of_an_experiment_is_that_which_it_uses() -> None:
    assert code_of(sweep_experiments.several) == code_of(sweep_experiments.several)
    assert code_of(sweep_experiments.several) != code_of(sweep_experiments.dose)
    original, old = sweep_experiments._is_first, code_of(sweep_experiments.several)
    try:
        sweep_experiments._is_first = changed  # type: ignore[assignment]
        changed.__module__ = original.__module__
        assert code_of(sweep_experiments.several) != old
    finally:
        sweep_experiments._is_first = original
    assert str(experiment_of(sweep_experiments.dose)) == "sweep_experiments:dose"


def changed() -> bool:
    return False


def test_a_main_module_has_another_name_in_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    main = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    main.__spec__ = ModuleSpec("package.program", None)  # python -m package.program
    assert main_name() == ("package.program", None)
    main.__spec__, main.__file__ = None, "folder/script.py"
    assert main_name() == ("script", os.path.abspath("folder/script.py"))
    del main.__file__
    with pytest.raises(ValueError, match="in a notebook or a terminal"):
        main_name()
