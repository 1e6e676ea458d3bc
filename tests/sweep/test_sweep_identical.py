"""One sweep in several ways, uninterrupted, killed, on a Dask cluster: the same, bit for bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sweep_experiments
from extras import need_extra

import cl
from cl._sweep.sweep import Sweep

GRID = {"channel": range(20, 28)}
SEEDS = 4
KILLED = """
import sys
from contextlib import suppress
import psutil
import cl, sweep_experiments

def main():
    sweep = cl.sweep(sweep_experiments.dose, {"channel": range(20, 28)}, 4, out=sys.argv[1], executor=2)
    for number, row in enumerate(sweep):
        if number == 4:
            for process in [*psutil.Process().children(recursive=True), psutil.Process()]:
                with suppress(psutil.NoSuchProcess):  # It may have ended meanwhile.
                    process.kill()

if __name__ == "__main__":
    main()
"""
ON_DASK = """
import sys
import cl, sweep_experiments
from cl.__main__ import main as command
from distributed import Client, LocalCluster

def main():
    out, grid = sys.argv[1:]
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        with Client(cluster) as client, client.get_executor() as executor:
            half = {"channel": range(20, 24)}
            cl.sweep(sweep_experiments.dose, half, 4, out=out, executor=executor).run()
        run = ["sweep", "run", f"{sweep_experiments.__file__}:dose", "--grid", grid, "--seeds", "4"]
        sys.exit(command([*run, "--out", out, "--dask", cluster.scheduler_address]))

if __name__ == "__main__":
    main()
"""


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """The sweep, made by one worker, uninterrupted."""
    out = tmp_path_factory.mktemp("reference")
    return cl.sweep(sweep_experiments.dose, GRID, SEEDS, out=out, executor=1).run()


def ran(program: str, tmp_path: Path, *arguments: object) -> int:
    """Run a program, and return its exit status."""
    script = tmp_path / "program.py"
    script.write_text(program)
    path = f"{Path(cl.__file__).parents[1]}:{Path(__file__).parent}"
    command = [sys.executable, str(script), *map(str, arguments)]
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, timeout=100).returncode


def data_of(path: Path) -> dict[str, Any]:
    with cl.RecordingView(path) as view:
        stream = view.data_streams["phase"]
        return {
            "samples": view.samples[:],
            "spikes": [
                (spike["timestamp"], spike["channel"], spike["samples"].tobytes()) for spike in view.spikes
            ],
            "stims": [(stim["timestamp"], stim["channel"]) for stim in view.stims],
            "stream": list(stream.items()),
        }


def assert_equal(one: Sweep, other: Sweep) -> None:
    """Check that two sweeps have the same table, arrays and recordings."""
    assert [dict(row) for row in one.rows] == [dict(row) for row in other.rows]
    assert len(one.recordings) == len(other.recordings) == len(one)
    for mine, theirs in zip(one.rows, other.rows, strict=True):
        assert np.array_equal(mine.arrays["psth"], theirs.arrays["psth"])
        (first,), (second,) = mine.recordings, theirs.recordings
        left, right = data_of(first), data_of(second)
        assert np.array_equal(left.pop("samples"), right.pop("samples"))
        assert left == right and left["stims"]


def test_a_second_time_starts_no_process(reference: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(reference) == 32 and not reference.failed
    assert len({row["of.drawn"] for row in reference.rows}) == 32, "runs share their random numbers"
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    again = cl.sweep(sweep_experiments.dose, GRID, SEEDS, out=reference.folder)
    assert [dict(row) for row in again] == [dict(row) for row in reference.rows]


def test_two_workers_after_a_kill_give_what_one_gives(reference: Sweep, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert ran(KILLED, tmp_path, out) == -signal.SIGKILL
    resumed = cl.sweep(sweep_experiments.dose, GRID, SEEDS, out=out, executor=2)
    assert 5 <= len(resumed.rows) < 32
    assert_equal(resumed.run(), reference)


def test_a_dask_cluster_gives_what_one_worker_gives(reference: Sweep, tmp_path: Path) -> None:
    need_extra("dask", "distributed")
    out, grid = tmp_path / "out", tmp_path / "grid.toml"
    grid.write_text(f"channel = {[*GRID['channel']]}")
    assert ran(ON_DASK, tmp_path, out, grid) == 0
    clustered = cl.sweep(sweep_experiments.dose, GRID, SEEDS, out=out)
    assert len(clustered.rows) == 32, "the cluster has not made all runs"
    assert_equal(clustered, reference)
