"""`python -m cl.playback` and `python -m cl view`, as they are called, on a terminal and without one."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import pytest

from cl.__main__ import main as cl_main
from cl.playback.__main__ import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def path(shared_data: Path) -> Path:
    return shared_data / "reference_recording.h5"


@pytest.mark.parametrize("called", [main, lambda arguments: cl_main(["view", *arguments])])
def test_statuses(called: Any, path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other.h5"
    other.write_bytes(b"hello")
    empty = tmp_path / "empty.h5"
    with h5py.File(path) as source, h5py.File(empty, "w") as target:
        target.attrs.update({**source.attrs, "duration_frames": 0})
    for arguments, text in (
        ([str(tmp_path / "none.h5")], "none.h5"),
        ([str(other)], "HDF5"),
        ([str(empty)], "has no frames"),
        ([str(path), "--port", "70000"], "--port 70000"),
    ):
        assert called(arguments) == 1
        assert text in capsys.readouterr().err
    for bad in ([], [str(path), "app", "more"], [str(path), "--port", "x"]):
        with pytest.raises(SystemExit) as ended:
            called(bad)
        assert ended.value.code == 2


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, *arguments: str | Path) -> None:
        self._outer, inner = pty.openpty()
        self.inner = inner
        self.before = termios.tcgetattr(inner)
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=inner,
            stdout=inner,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        )
        self.text = ""

    def until(self, text: str) -> str:
        """Read until a text has come; return all up to and with it, which is not looked at again."""
        while text not in self.text:
            assert select.select([self._outer], [], [], 30)[0], self.text
            self.text += os.read(self._outer, 65_536).decode("utf-8", "replace")
        found, _, self.text = self.text.partition(text)
        return found + text

    def press(self, keys: str) -> None:
        os.write(self._outer, keys.encode())

    def close(self) -> None:
        self.process.kill()
        self.process.wait(30)
        os.close(self._outer)
        os.close(self.inner)


@pytest.fixture
def terminal(path: Path, tmp_path: Path) -> Iterator[Terminal]:
    (tmp_path / "mine" / "web").mkdir(parents=True)
    (tmp_path / "mine" / "web" / "vis.html").write_text("<p>here</p>")
    (tmp_path / "mine" / "web" / "vis.mjs").write_text("const dataStreams = [];")
    found = Terminal("-m", "cl.playback", path, tmp_path / "mine", "--port", "0")
    yield found
    found.close()


def test_keys_steer_it_until_q(terminal: Terminal) -> None:
    terminal.until("App visualisation: ")
    url = terminal.until("\r\n").strip()
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert "<title>mine Visualiser</title>" in answer.read().decode()
    terminal.until("⏸ PAUSED  0:00.000 / 0:01.000  (  0.0%)")
    terminal.press("\x1b[C")
    terminal.until("(100.0%)  | ▶▶ +5s")
    terminal.press("g0.25\r")
    terminal.until("⏸ PAUSED  0:00.250 / 0:01.000  ( 25.0%)  | Jumped to 0:00.250")
    terminal.press("\x1b[B ")
    terminal.until("▶ PLAYING  [0.75x]")
    terminal.until("⏸ PAUSED  [0.75x]  0:01.000")
    terminal.press("q")
    assert terminal.process.wait(30) == 0
    terminal.until("\x1b[?25h")
    assert termios.tcgetattr(terminal.inner) == terminal.before


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_signals_end_it_with_the_terminal_as_it_was(number: int, status: int, terminal: Terminal) -> None:
    terminal.until("⏸ PAUSED")
    terminal.process.send_signal(number)
    assert terminal.process.wait(30) == status
    terminal.until("\x1b[?25h")
    assert termios.tcgetattr(terminal.inner) == terminal.before
