"""Schedules with processes of their own, on the simulator."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from extras import need_extra

import cl
from cl.__main__ import main
from cl._schedule import worker
from cl._schedule.processes import told

PLAN = """
[schedule]
environment = {{CL_SDK_ACCELERATED_TIME = 1, CL_SDK_RANDOM_SEED = 3{more}}}
[[run]]
name = "first"
record = 1.5
recording = {{compression = "gzip", attributes = {{kind = "test"}}}}
every = "1 h"
times = 1
"""


def results(folder: Path) -> str:
    return (folder / "history.jsonl").read_text()


def test_a_recording_and_an_application(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    need_extra("app", "pydantic")
    assert main(["app", "init", str(tmp_path / "mine")]) == 0
    (tmp_path / "mine" / "src" / "__init__.py").write_text(
        "from cl.app import BaseApplication, BaseApplicationConfig\n"
        "class App(BaseApplication[BaseApplicationConfig]):\n"
        "    def run(self, config, output_directory):\n"
        "        print('it ran', flush=True)\n"
        "        open(output_directory + '/result.txt', 'w').close()\n"
        "        raise ValueError('<bad>')\n"
        "    @staticmethod\n"
        "    def config_class():\n"
        "        return BaseApplicationConfig\n"
        "application = App()\n"
    )
    (tmp_path / "mine" / "default.json").write_text('{"name": "one", "timeout_s": 60}')
    more = "[[run]]\nname = 'app'\napplication = 'mine'\nat = {}\n".format("2026-01-01T00:00:00")
    plan = tmp_path / "plan.toml"
    plan.write_text(
        PLAN.format(more="") + more.replace("at = 2026-01-01T00:00:00", "every = '1 h'\ntimes = 1")
    )
    assert main(["run", str(plan), "--check"]) == 0
    assert "first: record 1.5 s, next " in capsys.readouterr().out
    assert main(["run", str(plan)]) == 0
    (recorded,) = (tmp_path / "plan" / "first").glob("*/*_first.h5")
    with cl.RecordingView(recorded) as view:
        assert view.complete and view.attributes["duration_seconds"] == 1.5
        assert view.attributes["application"]["kind"] == "test"
        assert view.attributes["application"]["schedule"]["run"] == "first"
    (ran,) = (tmp_path / "plan" / "app").iterdir()
    assert "it ran" in (ran / "log.txt").read_text() and (ran / "result.txt").exists()
    first, second = results(tmp_path / "plan").splitlines()
    assert '"outcome": "done"' in first and '"outcome": "failed"' in second
    assert f"app/{ran.name}/log.txt" in (tmp_path / "plan" / "index.html").read_text()


def test_a_supervisor_that_is_killed_finds_its_run_again(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN.format(more=", CL_SDK_VISUALISATION = 0").replace("_TIME = 1", "_TIME = 0"))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "cl", "run", str(plan)]
    while True:
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as killed:
            until = time.monotonic() + 50
            while not list((tmp_path / "plan").glob("first/*/*.h5")):
                assert time.monotonic() < until
                time.sleep(0.05)
            killed.send_signal(signal.SIGKILL)
        if not (tmp_path / "plan" / "history.jsonl").exists():
            break
        shutil.rmtree(tmp_path / "plan")  # This process stood still, and the run had ended.
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    assert "first was begun earlier" in done.stdout and "first: done" in done.stdout
    (recorded,) = (tmp_path / "plan").glob("first/*/*.h5")
    with cl.RecordingView(recorded) as view:
        assert view.complete and view.attributes["duration_seconds"] == 1.5


JOB = {
    "name": "r",
    "due": "now",
    "application": None,
    "configuration": None,
    "record_seconds": 0.2,
    "recording": {},
}


@pytest.mark.skipif(not hasattr(os, "eventfd"), reason="devices need Linux")
def test_a_run_says_that_its_device_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cl.hw.emulator import EmulatorProcess

    job = tmp_path / "job.json"
    job.write_text(json.dumps(JOB))
    monkeypatch.setenv("CL_DEVICE", f"unix:{tmp_path}/none.sock")
    assert worker.main([str(job)]) == 75
    assert told(tmp_path)[0] == 75
    with EmulatorProcess("--liveness-ms", "1000") as emulator:
        monkeypatch.setenv("CL_DEVICE", emulator.address)
        with cl.open():
            other = tmp_path / "other"
            other.mkdir()
            (other / "job.json").write_text(json.dumps(JOB))
            ran = subprocess.run(
                [sys.executable, "-m", "cl._schedule.worker", str(other / "job.json")],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                capture_output=True,
                timeout=50,
                check=False,
            )
            assert ran.returncode == 75, ran.stderr  # another program controls it
        assert worker.main([str(job)]) == 0
    assert told(tmp_path) == (0, next(tmp_path.glob("*_r.h5")).name)
