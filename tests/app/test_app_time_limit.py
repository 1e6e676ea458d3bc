"""The timeout of a run: an exception first, the end of the process later, recordings whole in both cases."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import app_tools
import pytest
from app_tools import make_project, run_python
from extras import need_extra

need_extra("app", "pydantic")

from cl._store.read.view import RecordingView  # noqa: E402
from cl.app import progress, run, time_limit  # noqa: E402
from cl.app.time_limit import TimeLimit  # noqa: E402


def test_the_main_thread_is_interrupted_where_it_waits() -> None:
    before = signal.getsignal(time_limit._SIGNAL)
    limit = TimeLimit(0.05)
    with pytest.raises(TimeoutError, match=r"timeout of 0\.05 s"), limit:
        signal.pause()
    assert limit.expired
    assert signal.getsignal(time_limit._SIGNAL) == before


@pytest.mark.parametrize("seconds", [0, 1e6, 1e12])
def test_what_ends_in_time_is_left_alone(seconds: float) -> None:
    with TimeLimit(seconds) as limit:
        pass
    assert not limit.expired


class _OnDemand(TimeLimit):
    """A limit that comes when the application says so."""

    def _wait(self, seconds: float) -> bool:
        return app_tools.TIME_IS_UP.wait(30) and self.expired and super()._wait(seconds)


@pytest.fixture
def _on_demand(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(run, "TimeLimit", _OnDemand)
    yield
    app_tools.TIME_IS_UP.clear()


def configured(folder: Path, timeout_s: int) -> Path:
    file = folder / "quick.json"
    file.write_text(json.dumps({"name": "quick", "timeout_s": timeout_s}))
    return file


@pytest.mark.usefixtures("_on_demand")
def test_a_run_that_stops_at_its_timeout_has_status_124(tmp_path: Path, capsys: Any) -> None:
    body = (
        "import app_tools, cl, signal\n"
        "with cl.open() as neurons:\n"
        "    neurons.record(file_location=output_directory, include_raw_samples=False)\n"
        "    neurons.read(100)\n"
        "    app_tools.TIME_IS_UP.set()\n"
        "    signal.pause()"
    )
    project = make_project(tmp_path / "mine", body)
    status = run.main([str(project), str(configured(tmp_path, 1)), "out"])
    err = capsys.readouterr().err
    assert status == 124
    assert err.endswith("Error: the run was stopped at its timeout of 1 s\n")
    (file,) = (tmp_path / "out").glob("*.h5")
    with RecordingView(file) as view:
        assert view.attributes["duration_frames"] > 0


@pytest.mark.usefixtures("_on_demand")
def test_a_run_may_end_well_after_its_timeout(tmp_path: Path, capsys: Any) -> None:
    body = (
        "import app_tools, signal\n"
        "try:\n"
        "    app_tools.TIME_IS_UP.set()\n"
        "    signal.pause()\n"
        "except TimeoutError: return 'in time'"
    )
    project = make_project(tmp_path / "mine", body)
    assert run.main([str(project), str(configured(tmp_path, 1))]) == 0
    assert "'in time'" in capsys.readouterr().out


def test_a_run_that_ignores_it_is_ended_with_its_recordings_whole(tmp_path: Path) -> None:
    code = (
        "import cl, signal, sys\n"
        "from cl.app.time_limit import TimeLimit\n"
        "with cl.open() as neurons:\n"
        "    neurons.record(file_location=sys.argv[1], include_raw_samples=False)\n"
        "    neurons.read(100)\n"
        "    print('recording')\n"
        "    with TimeLimit(0.2, 0.2):\n"
        "        while True:\n"
        "            try:\n"
        "                while True: neurons.read(100)\n"
        "            except BaseException as error: print(type(error).__name__)\n"
    )
    done = run_python("-c", code, tmp_path)
    assert done.returncode == 124
    assert done.stdout.splitlines()[:2] == ["recording", "TimeoutError"]
    assert "the process is ended" in done.stderr
    assert time_limit.GRACE_S == 10
    (file,) = tmp_path.glob("*.h5")
    with RecordingView(file) as view:
        assert view.attributes["duration_frames"] > 0


class _Shown:
    """A stand-in for the line, which keeps what it is told."""

    def __init__(self, label: str, total: float) -> None:
        self.label, self.total, self.is_shown = label, total, True
        self.seen: list[float] = []
        self.told = threading.Event()

    def __enter__(self) -> _Shown:
        return self

    def __exit__(self, *_: object) -> None:
        self.seen.append(-1.0)

    def to(self, seconds: float) -> None:
        self.seen.append(seconds)
        self.told.set()


def test_an_estimate_is_shown_as_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[_Shown] = []

    def make(label: str, total: float) -> _Shown:
        made.append(_Shown(label, total))
        return made[0]

    monkeypatch.setattr(progress, "Progress", make)
    monkeypatch.setattr(progress, "_EVERY_S", 0.01)
    with progress.RunProgress("quick", 5.0):
        assert made[0].told.wait(30)
    assert (made[0].label, made[0].total) == ("quick", 5.0)
    assert made[0].seen[0] > 0 and made[0].seen[-1] == -1.0


def test_without_an_estimate_nothing_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "Progress", pytest.fail)
    with progress.RunProgress("quick", None):
        pass


def test_the_signal_is_sent_until_it_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = []
    send = signal.pthread_kill

    def lose_two(thread: int, number: int) -> None:
        sent.append(number)
        if len(sent) > 2:
            send(thread, number)

    monkeypatch.setattr(time_limit.signal, "pthread_kill", lose_two)
    monkeypatch.setattr(time_limit, "_AGAIN_S", 0.01)
    with pytest.raises(TimeoutError), TimeLimit(0.01):
        signal.pause()
    assert len(sent) > 2


def test_another_thread_is_not_interrupted() -> None:
    def wait() -> None:
        with TimeLimit(0.01) as limit:
            limit._thread.join(0.1)
        done.append(limit.expired)

    done: list[bool] = []
    thread = threading.Thread(target=wait)
    thread.start()
    thread.join(30)
    assert done == [True]
