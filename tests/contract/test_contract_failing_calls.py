"""Every call of the system fails once: a clear error or a recovered state, and nothing is left behind."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import numpy as np
import pytest
from failing_calls import TIMEOUT, Trial, fails_in_turn

import cl
import cl.sim
from cl._store.read.info import info
from cl._store.read.recover import recover
from cl._store.write.writer import RecordingWriter

pytestmark = pytest.mark.timeout(TIMEOUT)
TICKS = 3


def recorded(paths: list[Path]) -> None:
    """Open, record with streams and attributes, close; `paths` has the file as soon as there is one."""
    with cl.open() as neurons:
        recording = neurons.record(file_location="new/folder", attributes={"run": 1})
        paths.append(Path(recording.file["path"]))
        stream = neurons.create_data_stream("notes")
        for tick in neurons.loop(100, stop_after_ticks=TICKS):
            stream.append(tick.iteration_timestamp, tick.iteration)
            neurons.stim(9, 1.0)
            recording.set_attribute("tick", tick.iteration)
        recording.stop()


def check_file(path: Path) -> int:
    """What there is of a recording is readable, and its parts fit; return how many frames it has."""
    with cl.RecordingView(path) as view:
        frames = len(view.samples)
        assert view.samples[:].shape == (frames, 64)
        assert all(0 <= int(row["timestamp"]) <= frames for row in view.stims)
        if view.complete:
            assert view.attributes["duration_frames"] == frames
        return frames


@pytest.mark.usefixtures("accelerated")
def test_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_SYNC_SECONDS", "1")

    def check(trial: Trial) -> None:
        for path in Path("new").rglob("*.h5") if Path("new").exists() else ():
            frames = check_file(path)
            assert trial.error is not None or frames == TICKS * 250, trial
            path.unlink()
        for folder in ("new/folder", "new"):
            if Path(folder).exists():
                os.rmdir(folder)

    failed, raised = fails_in_turn(recorded, check)
    assert failed > 20 and raised > 12


@pytest.fixture
def finished(accelerated: None) -> Path:
    """A recording that has ended."""
    paths: list[Path] = []
    recorded(paths)
    return paths[0]


def test_reading(finished: Path) -> None:
    """A view, the command's look at a file, and a replay of it."""

    def program(paths: list[Path]) -> None:
        with cl.RecordingView(finished) as view:
            assert len(view.samples[:]) == TICKS * 250
            view.refresh()
            assert len(list(view.data_streams["notes"].items())) == TICKS
        assert info(finished)
        with cl.open(device=cl.sim.Simulator(replay_path=finished, accelerated=True)) as neurons:
            neurons.read(300)

    failed, raised = fails_in_turn(program, lambda trial: None)
    assert failed > 8 and raised > 6
    assert check_file(finished) == TICKS * 250


def test_recovering(tmp_path: Path) -> None:
    """Whatever fails: the file is there, with all that it had, under its name."""
    path = tmp_path / "killed.h5"
    writer = RecordingWriter(path)
    writer.append_samples(np.ones((500, 64), np.int16))
    writer.flush()
    writer.abort()
    unfinished = path.read_bytes()

    def program(paths: list[Path]) -> None:
        path.write_bytes(unfinished)
        recover(path)

    def check(trial: Trial) -> None:
        assert check_file(path) == 500, trial
        for other in path.parent.iterdir():
            if other != path:
                assert trial.error is not None, (trial, other)
                other.unlink()

    failed, raised = fails_in_turn(program, check)
    assert failed > 15 and raised > 12


@pytest.mark.parametrize("uvloop", [False, True])
def test_an_async_program(uvloop: bool) -> None:
    """In wall-clock time, with the system's timers."""

    async def use() -> None:
        async with cl.aopen() as neurons:
            async for _ in neurons.aloop(1_000, stop_after_ticks=3):
                pass
            await neurons.asleep(0.001)

    def program(paths: list[Path]) -> None:
        anyio.run(use, backend_options={"use_uvloop": uvloop})

    failed, raised = fails_in_turn(program, lambda trial: None)
    assert failed > 5 and raised > 1
