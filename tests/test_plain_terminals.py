"""Commands on terminals that show little, without one, and with recordings that would take it over."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from cl import RecordingView
from cl.__main__ import main
from cl._cli.stream import _udp_socket
from cl._store.read import rest
from cl._store.write.header import RecordingHeader
from cl._store.write.writer import RecordingWriter
from cl.visualisation.server.commands import MAX_NAME
from cl.visualisation.server.values import numbers, preview, to_json

EVIL = "\x1b[2J\x1b]0;pwned\x07\x9b31m\r\u202e"


def record(path: Path, end: bool = True, text: str = "größe") -> Path:
    """Write a recording with a text wherever one can be."""
    writer = RecordingWriter(path, RecordingHeader(application={text: [text]}, system={"hostname": text}))
    writer.add_stream(text, {text: text})
    writer.append_samples(np.zeros((250, 64), np.int16))
    writer.append_stream(text, 1, b"\x01")
    writer.flush()
    if end:
        writer.finish()
    else:
        writer.abort()
    return path


def run(shell: str, encoding: str = "utf-8", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command line in which `cl` stands for the command."""
    command = f"{shlex.quote(sys.executable)} -m cl"
    root = str(Path(__file__).resolve().parents[1])
    given = {**os.environ, "PYTHONPATH": root, "PYTHONIOENCODING": encoding, **environment}
    return subprocess.run(["sh", "-c", shell.replace("cl ", f"{command} ")], capture_output=True, env=given)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "ascii:strict"])
def test_every_command_on_a_terminal_that_shows_little(tmp_path: Path, encoding: str) -> None:
    path = os.fsencode(tmp_path / "größe ").decode("utf-8") + "\udcff.h5"
    record(Path(path), text="größe ☃")
    found = run(f"cl info {shlex.quote(path)}", encoding)
    assert (found.returncode, found.stderr) == (0, b"")
    assert rb"\udcff.h5" in found.stdout and rb"\u2603" in found.stdout
    found = run(f"cl recover {shlex.quote(path)}", encoding)
    assert found.returncode == 0 and b"is complete: nothing to do" in found.stdout
    found = run(f"cl info {shlex.quote(path)}x", encoding)
    assert found.returncode == 1 and rb"\udcff.h5x" in found.stderr


def test_a_path_that_is_no_text(tmp_path: Path) -> None:
    """Its samples, and PyTables' file of it; U10."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.h5"))
    record(path)
    with RecordingView(path) as view:
        assert view.file.root.samples.nrows == len(view.samples) == 250


@pytest.mark.parametrize("end", [True, False])
def test_texts_that_would_take_over_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, end: bool
) -> None:
    monkeypatch.setattr(rest, "REST_S", 0.1)
    path = record(tmp_path / f"a{EVIL}b.h5", end, EVIL)
    for arguments in (["info", str(path)], ["recover", str(path)], ["info", f"{path}x"]):
        main(arguments)
        shown = "".join(capsys.readouterr())
        assert r"\x1b[2J" in shown
        assert re.findall(r"[^\n -~\u00b5]", shown) == []


def test_a_recording_that_still_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the clocks say: it is looked at twice."""
    path = tmp_path / "r.h5"
    writer = RecordingWriter(path)
    stop = threading.Event()

    def go_on() -> None:
        while not stop.is_set():
            writer.append_samples(np.zeros((25, 64), np.int16))
            writer.flush()
            os.utime(path, (0, next(times)))  # as a clock would have it that is any time away
            stop.wait(0.02)

    times = iter(range(10**9, 2 * 10**9, 5))
    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        assert main(["info", str(path)]) == 0
        assert "still being recorded" in (said := capsys.readouterr().out) and "INCOMPLETE" not in said
        assert main(["info", "--json", str(path)]) == 0
        assert json.loads(capsys.readouterr().out)["still_recorded"] is True
        assert main(["recover", str(path)]) == 1
        assert "is being written to" in capsys.readouterr().err
        assert [found.name for found in tmp_path.iterdir()] == ["r.h5"]
    finally:
        stop.set()
        thread.join()
        writer.abort()
    monkeypatch.setattr(rest, "REST_S", 0.1)
    for moment in (0, 10**9, 4 * 10**9):
        os.utime(path, (moment, moment))
        assert main(["info", str(path)]) == 0
        assert "INCOMPLETE" in capsys.readouterr().out
    os.utime(path, (4 * 10**9, 4 * 10**9))
    assert main(["recover", str(path)]) == 0
    assert "is complete now" in capsys.readouterr().out


@pytest.mark.parametrize("closed", [">&-", "<&- >&-", "<&- >&- 2>&-", "2>&-"])
def test_commands_without_standard_descriptors(tmp_path: Path, closed: str) -> None:
    path = record(tmp_path / "r.h5")
    assert run(f"cl info {path} {closed}").returncode == 0
    accelerated = {"CL_SDK_ACCELERATED_TIME": "1", "CL_SDK_RANDOM_SEED": "1"}
    assert run(f"cl stream --seconds 0.01 {closed}", **accelerated).returncode == 0


def test_a_recording_is_not_printed_into(tmp_path: Path) -> None:
    """Without a stdout, the next file that is opened gets its number."""
    code = (
        "import os, cl\n"
        "with cl.open() as neurons:\n"
        "    recording = neurons.record()\n"
        "    neurons.read(250)\n"
        "    try:\n"
        "        os.write(1, b'x' * 5000)\n"
        "    except OSError:\n"
        "        pass\n"
        "    recording.stop()\n"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).resolve().parents[1]),
        "CL_SDK_ACCELERATED_TIME": "1",
    }
    line = f"{shlex.quote(sys.executable)} -c {shlex.quote(code)} >&-"
    assert subprocess.run(["sh", "-c", line], env=environment, cwd=tmp_path).returncode == 0
    (path,) = tmp_path.glob("*.h5")
    with RecordingView(path) as view:
        assert view.complete and len(view.samples) == 250


def test_datagrams_may_go_to_all() -> None:
    out, _ = _udp_socket("255.255.255.255", 9)
    with out:
        assert out.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST)


def test_long_doubles_on_the_page() -> None:
    value = np.longdouble("1.5")
    assert to_json(value) == to_json(np.array(value)) == 1.5 and preview(value) == "1.5"
    assert to_json(np.array([value, value])) == [1.5, 1.5]
    assert list(numbers(value)) == [("", 1.5)]
    assert to_json(np.longdouble("nan")) is None


def test_the_page_may_ask_for_every_stream_that_there_can_be(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "r.h5")
    writer.add_stream("x" * MAX_NAME)
    with pytest.raises(ValueError, match=f"at most {MAX_NAME} bytes"):
        writer.add_stream("x" * (MAX_NAME + 1))
    writer.abort()
