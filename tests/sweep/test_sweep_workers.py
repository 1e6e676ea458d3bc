"""Workers: of several sweeps at once, of modules with threads, of other executors; and what they refuse."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import sweep_experiments
import sweep_threads
from notebook_display import shown_in_a_notebook

import cl
from cl._sweep import workers
from cl._sweep.experiment import IMPORTING, experiment_at
from cl._sweep.showing import Shown
from cl._values import progress

RECURSIVE = """
import cl

def experiment(neurons):
    return {}

cl.sweep(experiment, {}, out="out")
"""


def test_two_sweeps_of_one_folder_share_its_runs(tmp_path: Path) -> None:
    sweeps = [
        cl.sweep(sweep_experiments.by_turns, {"step": range(10)}, out=tmp_path, executor=1) for _ in range(2)
    ]
    threads = [threading.Thread(target=sweep.run) for sweep in sweeps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, (tmp_path / "made").read_text().split())) == list(range(10))
    assert [dict(row) for row in sweeps[0].rows] == [dict(row) for row in sweeps[1].rows]


def test_a_module_that_starts_threads_is_imported_for_each_run(
    tmp_path: Path, left: Callable[[], list[psutil.Process]]
) -> None:
    rows = cl.sweep(sweep_threads.when, {"hang": [False, None]}, out=tmp_path, executor=1).run().rows
    (hung,) = cl.sweep(sweep_threads.when, {"hang": [True]}, out=tmp_path, executor=1, timeout=0.5)
    assert [row.failed for row in rows] == [False, False] and "TimeoutError" in str(hung.error)
    assert rows[0]["imported"] != rows[1]["imported"] and rows[0]["threads"] >= 2
    assert not left()


def test_any_executor_makes_runs(tmp_path: Path, left: Callable[[], list[psutil.Process]]) -> None:
    try:
        with ThreadPoolExecutor(1) as executor:
            sweep = cl.sweep(sweep_experiments.by_turns, {"step": [1, 2]}, out=tmp_path, executor=executor)
            assert [row["step_again"] for row in sweep.run().rows] == [1, 2]
            # It is the executor's process that has the worker, for the next run and for 60 s.
            assert len(workers.PROCESS._idle) == 1
            assert executor.submit(divmod, 7, 2).result() == (3, 1)
    finally:
        workers.PROCESS.stop()
        workers.PROCESS.stopped = False
    assert not left()


class Broken(ThreadPoolExecutor):
    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        def fail() -> None:
            raise OSError("the machine has gone")

        return super().submit(fail)


def test_what_an_executor_loses_is_a_row_that_is_missing_again(tmp_path: Path) -> None:
    with Broken(1) as executor:
        sweep = cl.sweep(sweep_experiments.by_turns, {"step": [1]}, out=tmp_path, executor=executor)
        (row,) = sweep
    assert row.error == "OSError of the executor: the machine has gone"
    again = cl.sweep(sweep_experiments.by_turns, {"step": [1]}, out=tmp_path, executor=1)
    assert not again.rows and not again.failed


def test_a_script_that_sweeps_when_it_is_imported_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "recursive.py").write_text(RECURSIVE)
    monkeypatch.setenv(IMPORTING, "1")  # as a worker does
    with pytest.raises(RuntimeError, match='call it under if __name__ == "__main__"'):
        experiment_at("recursive.py:experiment").load()
    assert not (tmp_path / "out").exists()


def test_changed_code_warns_and_leaves_the_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grid = {"how": ["good"]}
    cl.sweep(sweep_experiments.several, grid, out=tmp_path, executor=1).run()

    def _is_first() -> bool:
        return False

    monkeypatch.setattr(_is_first, "__module__", sweep_experiments.__name__)
    monkeypatch.setattr(sweep_experiments, "_is_first", _is_first)
    with pytest.warns(UserWarning, match="has changed since 1 of its runs"):
        sweep = cl.sweep(sweep_experiments.several, grid, out=tmp_path)
    assert len(sweep.rows) == 1


def test_a_notebook_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = shown_in_a_notebook(monkeypatch)
    monkeypatch.setattr("cl._sweep.showing.time", SimpleNamespace(monotonic=lambda: 5.0))
    monkeypatch.setattr(progress, "_EVERY_S", 0.0)
    with Shown("dose <1>") as said:
        assert said.is_shown
        said.show(8, 0, 0, 2)
        said.show(8, 3, 1, 2)  # too soon to be seen
        said.show(8, 8, 1, 0)
    assert "0 done, 0 failed, 2 running, dose &lt;1&gt;: 0% in 0:0" in shown[0]
    assert not any("3 done" in text for text in shown)
    assert 'aria-valuenow="1"' in shown[-1] and "width:87.50%" in shown[-1] and "width:12.50%" in shown[-1]


def test_a_terminal_has_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.delenv("CL_PROGRESS", raising=False)
    with Shown("doses:answer") as said:
        said.show(8, 3, 1, 2)
        said.show(8, 8, 1, 0)
    assert "\r3 done, 1 failed, 2 running, dose" in terminal.getvalue()
    assert "8 done, 1 failed, 0 running, dose" in terminal.getvalue() and " 38% " in terminal.getvalue()


def test_a_sweep_says_how_far_it_is(tmp_path: Path) -> None:
    sweep = cl.sweep(sweep_experiments.parabola, {"x": [1.0, 2.0]}, out=tmp_path)
    assert (
        repr(sweep)
        == f"Sweep('sweep_experiments:parabola', 0 of 2 runs done, 0 failed, out={str(tmp_path)!r})"
    )
    assert "0 of 2 runs done" in sweep._repr_html_() and len(sweep) == 2
