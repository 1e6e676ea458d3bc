"""`python -m cl view FILE`."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from visualisation_tools import http, page

from cl._cli import view


class Elsewhere:
    """A server in another process."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.host, port = url.removeprefix("http://").split(":")
        self.port = int(port)


def test_a_recording_is_served_until_it_is_interrupted(shared_data: Path) -> None:
    path = shared_data / "reference_recording.h5"
    command = [sys.executable, "-m", "cl", "view", str(path), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            assert line.startswith("Data visualiser: http://127.0.0.1:"), line + process.stderr.read()
            server = Elsewhere(line.split()[-1])
            assert http(server)[0] == 200  # type: ignore[arg-type]
            with page(server) as one:  # type: ignore[arg-type]
                one.command(type="play")  # it starts paused
                one.subscribe("spikes", since=0)
                assert next(one.sections(1)).start == one.hello["start"]
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
            assert process.stderr.read() == ""
        finally:
            process.kill()


@pytest.mark.parametrize(("more", "text"), [(["--port", "70000"], "--port 70000"), ([], "none.h5")])
def test_what_cannot_be_shown_is_told(
    more: list[str], text: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    import cl.__main__

    begun = time.monotonic()
    assert cl.__main__.main(["view", str(tmp_path / "none.h5"), *more]) == 1
    assert text in capsys.readouterr().err
    assert time.monotonic() - begun < 60


def test_the_command_has_a_summary() -> None:
    assert view.SUMMARY.endswith(".")
