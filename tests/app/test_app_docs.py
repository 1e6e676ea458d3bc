"""The commands and the application of docs/applications.md, as they stand there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from app_tools import ROOT
from extras import need_extra

need_extra("app", "pydantic")

from cl.__main__ import main  # noqa: E402
from cl._store.read.view import RecordingView  # noqa: E402
from cl.app import init, pack, run  # noqa: E402
from cl.app.configure.server import ConfigureServer  # noqa: E402

TEXT = (ROOT / "docs" / "applications.md").read_text(encoding="utf-8")
COMMANDS = {"cl": main, "cl.app.init": init.main, "cl.app.pack": pack.main, "cl.app.run": run.main}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def _ctrl_c(server: ConfigureServer) -> None:
    raise KeyboardInterrupt


@pytest.mark.usefixtures("fonts")
def test_the_commands_work(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", "1")
    monkeypatch.setattr(ConfigureServer, "serve_forever", _ctrl_c)
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    assert len(lines) >= 4
    for line in lines:
        python, dash, module, *arguments = shlex.split(line)
        assert (python, dash) == ("python", "-m")
        assert COMMANDS[module](arguments) == 0, line
    assert (tmp_path / "resting.zip").is_file()


def test_the_application_records(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", "1")
    (source,) = blocks("python")
    assert init.main(["mine"]) == 0
    (tmp_path / "mine" / "src" / "app.py").write_text(source)
    (tmp_path / "short.json").write_text('{"name": "short", "timeout_s": 60, "duration": 2}')
    assert run.main(["mine", "short.json", "out"]) == 0
    assert "2 s were recorded." in capsys.readouterr().out
    (file,) = (tmp_path / "out").glob("*.h5")
    with RecordingView(file) as view:
        assert view.attributes["duration_frames"] == 2 * 25_000
        assert view.samples is None
