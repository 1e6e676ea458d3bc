"""What a program finds around it may be missing or broken: stderr, log handlers, the working directory."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import pytest

import cl
from cl._core import variables
from cl._loop import run as loops
from cl._session.open_context import OpenContext
from cl._values import saying

ROOT = Path(cl.__file__).parents[1]


class Broken(io.StringIO):
    """A stderr that fails in its own way."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def write(self, text: str) -> int:
        raise self._error


def closed() -> io.StringIO:
    """Return a stderr that has been closed."""
    stream = io.StringIO()
    stream.close()
    return stream


STDERRS: dict[str, Any] = {
    "none": lambda: None,
    "closed": closed,
    "a broken pipe": lambda: Broken(BrokenPipeError(32, "Broken pipe")),
    "a full disk": lambda: Broken(OSError(28, "No space left on device")),
    "a stand-in that fails": lambda: Broken(RuntimeError("no widget any more")),
    "strict": lambda: io.TextIOWrapper(io.BytesIO(), "ascii", "strict"),
}


class Failing(logging.Handler):
    """A log handler that does not deal with its own failures."""

    def emit(self, record: logging.LogRecord) -> None:
        raise RuntimeError("no log any more")


@pytest.fixture(params=["by the last resort", "by a handler that fails"])
def logged(request: pytest.FixtureRequest) -> Iterator[None]:
    """Have what is logged go nowhere else, in one of two ways that may fail."""
    logger, root = logging.getLogger("cl"), logging.getLogger()
    handlers, root.handlers = root.handlers, []  # pytest's own
    handler = Failing()
    if "handler" in request.param:
        logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
        root.handlers = handlers


def without_samples(folder: Path) -> Path:
    """Make a recording that is warned of when it is replayed."""
    with cl.testing.Simulator() as neurons:
        recording = neurons.record(include_raw_samples=False, stop_after_seconds=0.1)
        neurons.read(3_000)
        recording.wait_until_stopped()
    return Path(recording.file["path"])


@contextmanager
def telling(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget what has been told once, and turn warnings into errors."""
    monkeypatch.setattr(variables, "_said", set())
    monkeypatch.setattr(loops, "_said", set())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("stderr", STDERRS)
def test_what_cannot_be_told_ends_no_experiment(
    stderr: str, logged: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    replayed = without_samples(tmp_path)
    for name, value in {"WEBSOCKET": "1", "WEBSOCKET_PORT": "9", "VISUALISATION": ""}.items():
        monkeypatch.setenv(f"CL_SDK_{name}", value)
    for accelerated in "01":
        monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", accelerated)
        for path in ("", str(replayed)):
            monkeypatch.setenv("CL_SDK_REPLAY_PATH", path)
            with telling(monkeypatch), monkeypatch.context() as patch:
                patch.setattr(sys, "stderr", STDERRS[stderr]())
                with cl.open() as neurons:
                    ticks = sum(1 for _ in neurons.loop(999, stop_after_ticks=2, ignore_jitter=True))
            assert ticks == 2


def test_what_is_told_is_told_in_what_characters_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), "ascii", "strict")
    monkeypatch.setattr(sys, "stderr", stream)
    saying.say("5 µV \udcff")
    assert stream.buffer.getvalue() == b"5 \\xb5V \\udcff\n"  # type: ignore[attr-defined]


def test_a_warning_that_is_made_an_error_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CL_SDK_WEBSOCKET", "0")
    monkeypatch.delenv("CL_SDK_VISUALISATION")
    with telling(monkeypatch):
        assert cl.is_simulator()
    assert "DeprecationWarning: CL_SDK_WEBSOCKET is deprecated" in capsys.readouterr().err


def test_a_deprecated_name_in_a_programs_line_is_an_error_where_it_wants_that(accelerated: None) -> None:
    with cl.open() as neurons:
        found = neurons.read(100, analysis=True)
        with pytest.warns(DeprecationWarning, match="start_timestamp"):
            assert found.timestamp == found.start_timestamp
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(DeprecationWarning):
                _ = found.timestamp


PROGRAM = """
import cl, os, sys
with cl.open() as neurons:
    recording = neurons.record()
    for tick in neurons.loop(999, stop_after_ticks=3, ignore_jitter=True):
        pass
    recording.stop()
print("done")
"""
FULL_PIPE = "a pipe that nobody empties"


@pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full", "a broken pipe", FULL_PIPE])
def test_a_program_runs_to_its_end_with_whatever_is_its_stderr(stderr: str, tmp_path: Path) -> None:
    command, pipe = f'exec "$0" -W error -c "$1" {stderr if stderr.startswith("2") else ""}', os.pipe()
    if stderr == FULL_PIPE:
        os.set_blocking(pipe[1], False)
        with pytest.raises(BlockingIOError):
            while True:
                os.write(pipe[1], bytes(4096))
        os.set_blocking(pipe[1], True)
    else:
        os.close(pipe[0])
    program = subprocess.Popen(
        ["sh", "-c", command, sys.executable, PROGRAM],
        env={**os.environ, "PYTHONPATH": str(ROOT), "CL_SDK_VISUALISATION": "1", "CL_SDK_RANDOMSEED": "1"},
        stdout=subprocess.PIPE,
        stderr=pipe[1],
        cwd=tmp_path,
    )
    os.close(pipe[1])
    try:
        told, _ = program.communicate(timeout=30)
    finally:
        program.kill()
        program.wait()
        if stderr == FULL_PIPE:
            os.close(pipe[0])
    assert (told, program.returncode) == (b"done\n", 0)
    (path,) = tmp_path.glob("*.h5")
    with h5py.File(path) as file:
        assert file.attrs["duration_frames"] > 0


# -- the working directory -------------------------------------------------------------------------


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in a folder that is removed; return another one."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    return tmp_path


@pytest.mark.parametrize("accelerated", ["0", "1"])
def test_a_device_needs_no_working_directory(
    accelerated: str, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", accelerated)
    monkeypatch.setenv("CL_SDK_VISUALISATION", "1")
    monkeypatch.setenv("CL_SDK_DATA_SOURCE", "cl.sim.culture:create")
    assert cl.is_simulator() and cl.get_system_attributes()
    with cl.open() as neurons:
        for folder in (None, "here", Path("a", "b")):
            with pytest.raises(FileNotFoundError, match="working directory is gone") as caught:
                neurons.record(file_location=folder)
            assert str(folder or ".") in str(caught.value)
        recording = neurons.record(file_location=nowhere)
        assert sum(1 for _ in neurons.loop(1000, stop_after_ticks=5, ignore_jitter=True)) == 5
        recording.stop()
    with recording.open() as view:
        assert view.attributes["git_hash"] == ""
    with pytest.raises(FileNotFoundError, match=r"working directory is gone.*some\.h5"):
        cl.RecordingView("some.h5")


def test_the_command_and_the_emulator_need_no_working_directory(nowhere: Path) -> None:
    from cl.hw.emulator import EmulatorProcess

    with EmulatorProcess("--source", "counter", "--liveness-ms", "1000") as emulator:
        with cl.open(device=emulator.address) as neurons:
            recording = neurons.record(file_location=nowhere)
            neurons.read(100)
            recording.stop()
        for arguments in ([], [recording.file["path"]]):
            subprocess.run(
                [sys.executable, "-m", "cl", "info", *arguments],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                check=True,
                stdout=subprocess.DEVNULL,
            )


# -- blocks ------------------------------------------------------------------------------------------


def test_a_block_that_is_entered_in_a_way_it_cannot_be_says_so(accelerated: None) -> None:
    block = cl.open()
    with pytest.raises(RuntimeError, match="this block was not entered"):
        block.__exit__(None, None, None)
    with block as neurons:
        neurons.read(10)
    with pytest.raises(RuntimeError, match="entered before"), block:
        pass
    with pytest.warns(UserWarning, match="the device closes, since nothing holds what"):
        neurons = cl.open().__enter__()
    with pytest.raises(cl.DeviceDisconnectedError):
        neurons.read(10)
    with cl.open() as neurons:
        neurons.read(10)


def test_a_context_whose_making_was_interrupted_goes_in_silence() -> None:
    OpenContext.__new__(OpenContext)  # What its end would raise is a warning, and so an error.
