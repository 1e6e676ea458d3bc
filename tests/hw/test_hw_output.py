"""What an emulator and its source print waits for nobody; where its socket can be."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hw_tools import PATIENCE, linked
from leak_tools import threads

import cl
from cl.error import DeviceDisconnectedError
from cl.hw.emulator import EmulatorProcess
from cl.hw.wire.socket_path import LONGEST_PATH

FRAMES = 10_000
PATIENT = "--liveness-ms", "1000"
TALKATIVE = "--source", "hw_sources:Talkative", *PATIENT


def plays_on(address: str) -> None:
    """Check that a device goes on for some time."""
    with linked(address) as (_, sink):
        sink.until(lambda s: bool(s.posted) and s.posted[-1] > s.posted[0] + FRAMES)
        assert not sink.errors


def test_a_talkative_source_is_heard_by_nobody() -> None:
    before = threads()
    with EmulatorProcess(*TALKATIVE) as emulator:
        plays_on(emulator.address)
    assert threads() == before


@pytest.mark.parametrize("ends", [False, True], ids=["nobody reads", "nobody can read"])
def test_an_emulator_in_pipes_plays_on(ends: bool, tmp_path: Path) -> None:
    socket = tmp_path / "s"
    with subprocess.Popen(
        [sys.executable, "-m", "cl.hw.emulator", "--socket", str(socket), *TALKATIVE],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as emulator:
        try:
            assert emulator.stdout is not None and emulator.stderr is not None
            assert emulator.stdout.readline() == f"ready unix:{socket}\n".encode()
            if ends:
                emulator.stdout.close()
                emulator.stderr.close()
            plays_on(f"unix:{socket}")
            emulator.terminate()
            assert emulator.wait(PATIENCE) == 0
        finally:
            emulator.kill()


def test_wrong_faults_are_refused_as_often_as_they_come() -> None:
    with EmulatorProcess("--source", "counter", *PATIENT) as emulator:
        for _ in range(2_500):
            emulator.inject("no such fault " + "x" * 40)
        plays_on(emulator.address)


def test_what_a_source_prints_while_it_is_made_is_not_taken_for_the_address(tmp_path: Path) -> None:
    (tmp_path / "printing_source.py").write_text(
        "import hw_sources\nprint('ready?')\ndef make():\n    print('ready', end=' ')\n"
        "    return hw_sources.Silent()\n"
    )
    sys.path.insert(0, str(tmp_path))
    try:
        with EmulatorProcess("--source", "printing_source:make", *PATIENT) as emulator:
            plays_on(emulator.address)
    finally:
        sys.path.remove(str(tmp_path))


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    """Return a folder in which no socket can be."""
    folder = tmp_path
    while len(str(folder)) <= LONGEST_PATH:
        folder /= "d" * 40
    folder.mkdir(parents=True)
    return folder


def test_an_emulator_goes_where_its_socket_can_be(deep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with EmulatorProcess("--source", "counter", *PATIENT) as emulator:
        folder = Path(emulator.address.removeprefix("unix:")).parent
        assert folder.parent == Path("/tmp")
        plays_on(emulator.address)
    assert not folder.exists() and not [*deep.iterdir()]


def test_a_path_that_is_too_long_is_refused_with_the_limit(
    deep: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RuntimeError, match="a UNIX socket's at most 107: choose"):
        EmulatorProcess(directory=str(deep)).__enter__()
    assert not [*deep.iterdir()]
    monkeypatch.setenv("CL_DEVICE", f"unix:{deep / 's'}")
    with pytest.raises(DeviceDisconnectedError, match="a UNIX socket's at most 107: choose"), cl.open():
        pass
