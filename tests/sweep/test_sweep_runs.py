"""Runs in processes of their own: what comes of them, and that nothing goes from one to the next."""

from __future__ import annotations

import itertools
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import sweep_experiments
from extras import need_extra

import cl
from cl._sweep.pool import WorkerPool

HOW = ("exit", "memory", "raise", "json", "object", "clash", "leave", "kill", "worker", "good")


@pytest.fixture
def no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have it be an error to start a process."""
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))


@pytest.fixture
def little_memory() -> Iterator[None]:
    """Have processes that are started have 4 GB for their data."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (4 << 30, hard))
    yield
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def by(rows: Any, name: str) -> dict[Any, Any]:
    return {row[name]: row for row in rows}


def test_whatever_a_run_does_is_a_row(
    little_memory: None, tmp_path: Path, left: Callable[[], list[psutil.Process]]
) -> None:
    sweep = cl.sweep(sweep_experiments.several, {"how": HOW}, out=tmp_path / "out", executor=1)
    rows = by(sweep, "how")
    assert not left(), "the sweep left processes"
    for how, said in {
        "exit": "ended before the experiment had returned",
        "memory": "MemoryError",
        "raise": "ZeroDivisionError: division by zero",
        "json": 'TypeError: result["psth"][3] is {4} (a set), which JSON cannot hold',
        "object": 'TypeError: result["deep"]["array"] is an array of object, which no file can hold',
        "clash": "ValueError: result has 'how'",
        "leave": "SystemExit: enough",
        "kill": "killed by SIGKILL",
    }.items():
        assert rows[how].failed and said in rows[how].error, rows[how]
        assert rows[how].attempts == 1
    assert "1 / 0" in rows["raise"].traceback
    assert (rows["raise"].folder / "log.txt").read_text().startswith("as told: raise\nTraceback")
    # The worker that was killed was replaced, and no run has seen what another one left.
    assert rows["worker"]["calls"] == rows["good"]["calls"] == 1
    good = rows["good"]
    assert good["cwd"] == good.id == good.folder.name and good["none"] is None and good["nan"] != good["nan"]
    assert len(good.id) == 16 and int(good.id, 16) >= 0
    assert {path.name for path in good.folder.iterdir()} == {".lock", "params.json", "log.txt", "result.json"}
    assert (rows["worker"].folder / "earlier-1" / "log.txt").exists()
    assert [row["how"] for row in sweep.failed] == list(HOW[:-2])


def test_a_run_that_hangs_is_ended(tmp_path: Path, left: Callable[[], list[psutil.Process]]) -> None:
    (row,) = cl.sweep(sweep_experiments.several, {"how": ["hang"]}, out=tmp_path, executor=1, timeout=0.5)
    assert row.error == "TimeoutError: it took longer than 0.5 s"
    assert not left(), "the run that hung is still there"


def test_failed_runs_are_made_again_when_asked_for(tmp_path: Path) -> None:
    arguments: Any = {"out": tmp_path / "out", "executor": 1}
    grid = [{"how": "retry"}, {"how": "good"}, {"how": "raise"}]
    rows = by(cl.sweep(sweep_experiments.several, grid, **arguments), "how")
    assert "not yet" in rows["retry"].error
    sweep = cl.sweep(sweep_experiments.several, grid, **arguments)
    assert [row.failed for row in sweep.rows] == [True, False, True]
    assert [row["how"] for row in sweep.rerun().failed] == ["raise"]
    assert (rows["retry"].folder / "earlier-1" / "result.json").exists()


def test_a_run_is_tried_again_as_often_as_it_may(tmp_path: Path) -> None:
    grid = {"how": ["retry", "raise"]}
    rows = by(cl.sweep(sweep_experiments.several, grid, out=tmp_path / "out", executor=1, retries=1), "how")
    assert not rows["retry"].failed and rows["retry"].attempts == 2
    assert rows["raise"].failed and rows["raise"].attempts == 2
    again = cl.sweep(sweep_experiments.several, grid, out=tmp_path / "out").rows
    assert [row.attempts for row in again] == [2, 2]


def test_an_interrupted_sweep_goes_on(tmp_path: Path, left: Callable[[], list[psutil.Process]]) -> None:
    sweep = cl.sweep(sweep_experiments.slow, {"step": range(12)}, out=tmp_path / "out", executor=2)
    begun = iter(sweep)
    first = [next(begun) for _ in range(3)]
    with pytest.raises(RuntimeError, match="another iteration"):
        next(iter(sweep))
    with pytest.raises(KeyboardInterrupt):
        begun.throw(KeyboardInterrupt)  # type: ignore[attr-defined]
    assert not left(), "the interrupted sweep left processes"
    had = {row.id for row in sweep.rows}
    assert {row.id for row in first} <= had and 3 <= len(had) < 12
    (tmp_path / "out" / "interrupted").touch()
    rows = list(sweep)
    assert sorted(row["done"] for row in rows) == list(range(12))
    assert [row["done"] for row in sweep.rows] == list(range(12))


def test_an_experiment_opens_its_device_or_is_async(tmp_path: Path) -> None:
    (row,) = cl.sweep(sweep_experiments.opens, {"seconds": [0.5]}, [3], out=tmp_path / "opens", executor=1)
    assert row["same"] and row["spikes"] > 20 and row.seed == 3
    (row,) = cl.sweep(sweep_experiments.slept, {}, out=tmp_path / "slept", executor=1)
    assert row["timestamp"] == 12_500


class Climber:
    """Asks for one x after the other, and begins with both sides."""

    def __init__(self) -> None:
        self.told: dict[float, float] = {}
        self.best = 0.0

    def ask(self) -> dict[str, float] | None:
        wanted = (self.best, self.best + 0.5, self.best - 0.5)
        return next(({"x": x} for x in wanted if x not in self.told), None)

    def tell(self, params: dict[str, float], row: Any) -> None:
        self.told[params["x"]] = row["score"]
        self.best = max(self.told, key=self.told.__getitem__)


def test_an_optimiser_is_asked_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    climber = Climber()
    sweep = cl.sweep(sweep_experiments.parabola, climber, out=tmp_path / "out", executor=1)
    assert len(sweep) == 0
    rows = list(sweep)
    assert climber.best == 2.0 and len(rows) == len(climber.told) == len(sweep) == len(sweep.rows)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    again = Climber()
    cl.sweep(sweep_experiments.parabola, again, out=tmp_path / "out", executor=1).run()
    assert again.told == climber.told


def test_workers_are_those_of_their_pool() -> None:
    with WorkerPool(1) as pool:
        assert pool.submit(divmod, 7, 2).result() == (3, 1)
        assert pool.workers.started == 0


@pytest.mark.parametrize(
    ("show", "package", "extra"),
    [
        (lambda sweep: sweep.to_pandas(), "pandas", "pandas"),
        (lambda sweep: sweep.to_xarray(), "xarray", "sweep"),
        (lambda sweep: sweep.plot("x", "seed"), "matplotlib.figure", "sweep"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(
    show: Any, package: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = cl.sweep(sweep_experiments.parabola, {"x": [1.0]}, out=tmp_path)
    monkeypatch.setattr(sweep._plan, "next", lambda: None)  # nothing is to be run
    monkeypatch.setattr("cl._sweep.picture.columns", lambda rows: ["x", "seed"])
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"pip install 'cl-aio\[{extra}\]'"):
        show(sweep)


def test_tables_and_pictures(tmp_path: Path, no_processes: None) -> None:
    need_extra("sweep", "pandas", "xarray", "matplotlib")
    from cl._sweep.dataset import dataset
    from cl._sweep.picture import picture
    from cl._sweep.planned import Run
    from cl._sweep.row import SweepRow
    from cl._sweep.table import data_frame

    cells = list(itertools.product((0.5, 1.0), ((1, 2), (3, 4)), (0, 1)))
    rows = []
    for at, (dose, pair, seed) in enumerate(cells):
        run = Run(f"{at:016x}", {"dose": dose, "pair": pair}, seed)
        told = {"status": "done", "result": {"rate": dose * 10 + seed, "kind": "a", "of": {"x": at}}}
        rows.append(SweepRow(run, tmp_path, told if at else {"status": "failed", "error": "ValueError: no"}))
    frame = data_frame(rows)
    assert list(frame) == ["id", "dose", "pair", "seed", "status", "error", "rate", "kind", "of.x"]
    assert frame["rate"].isna().tolist() == [True] + 7 * [False] and frame["error"][0] == "ValueError: no"
    data = dataset(rows)
    assert dict(data.sizes) == {"dose": 2, "pair": 2, "seed": 2}
    assert float(data.rate.sel(dose=1.0, pair="(3, 4)", seed=1)) == 11.0
    assert data.rate.isnull().sum() == 1 and data.kind.dtype == object
    (axes,) = picture(rows, "dose", "rate", "pair", None).axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["(1, 2)", "(3, 4)"]
    lines = [line.get_ydata().tolist() for line in axes.get_lines() if len(line.get_xdata()) == 2]
    assert [6.0, 10.5] in lines and [5.5, 10.5] in lines
    with pytest.raises(ValueError, match="'speed' is no column"):
        picture(rows, "speed", "rate", None, None)
    with pytest.raises(ValueError, match="only numbers"):
        picture(rows, "dose", "kind", None, None)
