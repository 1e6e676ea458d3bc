"""The examples and commands of docs/analysis.md run."""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from analysis.analysis_samples import open_fonts, write_sample
from extras import need_extra

import cl
from cl.__main__ import main

need_extra("analysis", "pydantic", "scipy", "networkx", "matplotlib")

PAGE = Path(cl.__file__).parents[1] / "docs" / "analysis.md"


def blocks(language: str) -> list[str]:
    if not PAGE.is_file():
        pytest.skip("an installed package has no docs")
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)


@pytest.fixture(scope="module", autouse=True)
def fonts(tmp_path_factory: pytest.TempPathFactory) -> None:
    import matplotlib

    matplotlib.use("agg")
    open_fonts(tmp_path_factory.mktemp("fonts"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_sample(tmp_path / "recording.h5", stims=[(at, 20) for at in range(10_000, 90_000, 10_000)])
    write_sample(tmp_path / "part1.h5", 6)
    write_sample(tmp_path / "part2.h5", 7, start_timestamp=120_000)
    return tmp_path


def test_the_examples(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = blocks("python")
    assert len(found) == 6
    namespace: dict[str, Any] = {"__name__": "page"}
    for block in found:
        exec(block, namespace)  # noqa: S102
    assert {"bursts.json", "mine.json", "bursts.png", "sizes.svg", "graph.pdf", "psth.png"} <= set(
        os.listdir(folder)
    )
    assert capsys.readouterr().out.splitlines()[-1] == "200000 of 220000 frames"


def test_the_commands(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = "".join(blocks("sh")).splitlines()
    assert lines
    for line in lines:
        python, dash, package, *arguments = shlex.split(line)
        assert (python, dash, package) == ("python", "-m", "cl")
        assert main(arguments) == 0, (line, capsys.readouterr().err)
        told = capsys.readouterr().out
        if "--json" in arguments:
            assert json.loads(told)
    assert (folder / "page.html").is_file()
